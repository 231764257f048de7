"""The rules of CreateAutoMLJobV2 that its service model lacks, and the limits of the sandbox."""

from typing import Any

from sandbox.sagemaker.wire.errors import ValidationException

_OFFERED_ALGORITHMS = {"lightgbm", "catboost", "xgboost", "extra-trees", "randomforest", "linear-learner"}
_OBJECTIVES = {
    "BinaryClassification": {"AUC", "F1", "Accuracy", "BalancedAccuracy", "Precision", "Recall"},
    "MulticlassClassification": {"F1macro", "Accuracy", "BalancedAccuracy", "PrecisionMacro", "RecallMacro"},
    "Regression": {"MSE", "RMSE", "MAE", "R2"},
}
_CONTENT_TYPES = ("text/csv", "text/csv;header=present")


def check_job_request(request: dict[str, Any]) -> None:
    """Refuses what SageMaker refuses, and what the sandbox cannot do in the same way.

    Raises:
        ValidationException: names the fault; "in the sandbox" marks a limit of the sandbox.
    """
    _check_channels(request)
    if set(request["AutoMLProblemTypeConfig"]) != {"TabularJobConfig"}:
        _not_offered("AutoMLProblemTypeConfig", "any other problem than TabularJobConfig")
    for member in ("ModelDeployConfig", "AutoMLComputeConfig"):
        if member in request:
            _not_offered(member, "this member")
    if not request["OutputDataConfig"]["S3OutputPath"].startswith("s3://"):
        raise ValidationException("OutputDataConfig.S3OutputPath must be an s3:// URI.")
    tabular = request["AutoMLProblemTypeConfig"]["TabularJobConfig"]
    _check_tabular(tabular)
    _check_objective(request.get("AutoMLJobObjective"), tabular.get("ProblemType"))


def _check_channels(request: dict[str, Any]) -> None:
    channels = request["AutoMLJobInputDataConfig"]
    kinds = sorted(channel.get("ChannelType", "training") for channel in channels)
    if kinds not in (["training"], ["training", "validation"]):
        raise ValidationException(
            "AutoMLJobInputDataConfig must have one channel of ChannelType training and at most one of validation."
        )
    if "validation" in kinds and request.get("DataSplitConfig"):
        raise ValidationException("DataSplitConfig and a validation channel exclude each other.")
    fraction = request.get("DataSplitConfig", {}).get("ValidationFraction", 0.5)
    if not 0 < fraction < 1:
        raise ValidationException("DataSplitConfig.ValidationFraction must lie between 0 and 1.")
    for channel in channels:
        content_type = channel.get("ContentType", _CONTENT_TYPES[0]).replace(" ", "").lower()
        if content_type not in _CONTENT_TYPES:
            _not_offered("ContentType", f"'{content_type}' (text/csv;header=present is)")
        source = channel["DataSource"]["S3DataSource"]
        if source["S3DataType"] != "S3Prefix":
            _not_offered("S3DataType", f"{source['S3DataType']} (S3Prefix is)")
        if not source["S3Uri"].startswith("s3://"):
            raise ValidationException("S3DataSource.S3Uri must be an s3:// URI.")
        if channel.get("CompressionType") == "Gzip":
            _not_offered("CompressionType", "Gzip")


def _check_tabular(tabular: dict[str, Any]) -> None:
    if tabular.get("Mode") == "HYPERPARAMETER_TUNING":
        _not_offered("Mode", "HYPERPARAMETER_TUNING (ENSEMBLING and AUTO are)")
    for member in ("FeatureSpecificationS3Uri", "SampleWeightAttributeName"):
        if member in tabular:
            _not_offered(member, "this member")
    if tabular.get("GenerateCandidateDefinitionsOnly"):
        _not_offered("GenerateCandidateDefinitionsOnly", "true")
    for config in tabular.get("CandidateGenerationConfig", {}).get("AlgorithmsConfig", ()):
        missing = sorted(set(config["AutoMLAlgorithms"]) - _OFFERED_ALGORITHMS)
        if missing:
            _not_offered("AutoMLAlgorithms", ", ".join(missing))


def _check_objective(objective: dict[str, Any] | None, problem_type: str | None) -> None:
    if (objective is None) != (problem_type is None):
        raise ValidationException("AutoMLJobObjective and ProblemType must be given together or not at all.")
    if objective is None or problem_type is None:
        return
    if objective["MetricName"] not in _OBJECTIVES[problem_type]:
        raise ValidationException(
            f"AutoMLJobObjective.MetricName {objective['MetricName']} does not go with {problem_type}."
            f" Choose one of {', '.join(sorted(_OBJECTIVES[problem_type]))}."
        )


def _not_offered(member: str, what: str) -> None:
    raise ValidationException(f"{member}: {what} is not offered in the sandbox.")
