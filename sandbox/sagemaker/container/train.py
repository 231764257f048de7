"""Trains the candidates of one Autopilot job with AutoGluon: `train.py JOB_DIRECTORY`.

Reads `job.json` in that directory and keeps `progress.json` there up to date; the models go to S3. Runs in
the model environment, started by `automl.py`.
"""

import json
import logging
import os
import shutil
import sys
import tarfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import numpy as np
import pandas as pd
from boto3.exceptions import S3UploadFailedError
from botocore.config import Config
from botocore.exceptions import ClientError

# Importing AutoGluon and scikit-learn takes longer than rejecting a job, so they are imported where used.
if TYPE_CHECKING:
    from autogluon.tabular import TabularPredictor

MINIMUM_ROWS = 500
SEED = 0
MISSING = ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "#N/A", "<NA>"]
# A numeric target with more values than this is a quantity, not a class.
MOST_NUMERIC_CLASSES = 20
SECONDS_KEPT_FOR_UPLOADS = 2.0
ROWS_TO_EXPLAIN_WITH = 200

AUTOGLUON_METRICS = {
    "AUC": "roc_auc",
    "F1": "f1",
    "Accuracy": "accuracy",
    "BalancedAccuracy": "balanced_accuracy",
    "Precision": "precision",
    "Recall": "recall",
    "F1macro": "f1_macro",
    "PrecisionMacro": "precision_macro",
    "RecallMacro": "recall_macro",
    "MSE": "mean_squared_error",
    "RMSE": "root_mean_squared_error",
    "MAE": "mean_absolute_error",
    "R2": "r2",
}
AUTOGLUON_PROBLEMS = {
    "BinaryClassification": "binary",
    "MulticlassClassification": "multiclass",
    "Regression": "regression",
}
DEFAULT_OBJECTIVES = {
    "BinaryClassification": "F1",
    "MulticlassClassification": "Accuracy",
    "Regression": "MSE",
}
# AutoGluon negates these so that more is better; SageMaker does not.
ERRORS = {"MSE", "RMSE", "MAE"}

# In the order of training: a limit on the number of candidates keeps the first ones.
CANDIDATES: list[tuple[str, str, dict[str, Any]]] = [
    ("lightgbm", "GBM", {}),
    # Combinations of categories double CatBoost's time, by far the longest, without a measurable gain.
    ("catboost", "CAT", {"max_ctr_complexity": 1}),
    ("xgboost", "XGB", {}),
    ("extra-trees", "XT", {"n_estimators": 100}),
    ("randomforest", "RF", {"n_estimators": 100}),
    ("linear-learner", "LR", {}),
    ("lightgbm", "GBM", {"extra_trees": True, "ag_args": {"name_suffix": "XT"}}),
]


class JobRefused(Exception):
    """The job cannot succeed; the message is its FailureReason."""


class Progress:
    """`progress.json`, replaced whole at every change so that a reader never sees half of it."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._members: dict[str, Any] = {"status": "InProgress", "candidates": []}

    def update(self, **members: Any) -> None:
        """Sets these members and writes the file."""
        self._members.update(members)
        fresh = self._path.with_suffix(".new")
        fresh.write_text(json.dumps(self._members, allow_nan=False))
        os.replace(fresh, self._path)

    def add_candidate(self, candidate: dict[str, Any]) -> None:
        """Adds a candidate that has been trained."""
        self.update(candidates=[*self._members["candidates"], candidate])


def main(directory: Path) -> None:
    """Runs the job described in `directory`."""
    started = time.time()
    job = json.loads((directory / "job.json").read_text())
    progress = Progress(directory / "progress.json")
    try:
        train(job, directory, progress, deadline=started + job["max_runtime"])
    except JobRefused as refusal:
        progress.update(
            status="Failed", secondary_status="Failed", failure_reason=str(refusal), ended=time.time()
        )


def train(job: dict[str, Any], directory: Path, progress: Progress, deadline: float) -> None:
    """Downloads, checks, trains, measures and uploads.

    Raises:
        JobRefused: the data cannot be trained on, or the time ran out before the first candidate.
    """
    progress.update(secondary_status="AnalyzingData")
    s3 = boto3.client(
        "s3",
        endpoint_url=job["endpoint_url"],
        region_name=job["region"],
        config=Config(s3={"addressing_style": "path"}, connect_timeout=5, read_timeout=60),
    )
    rows = read_channel(s3, job["channels"]["training"], directory / "training")
    target, problem = job["target"], job["problem_type"]
    check_rows(rows, target)
    rows = rows[~rows[target].isin(MISSING)]
    problem = problem or infer_problem_type(rows[target])
    is_number = problem == "Regression"
    (check_numbers if is_number else check_classes)(rows[target], target, problem)
    objective = job["objective"] or DEFAULT_OBJECTIVES[problem]
    progress.update(problem_type=problem, objective=objective)

    from candidate_reporter import CandidateReporter  # type: ignore[import-not-found]
    from sklearn.model_selection import train_test_split

    features = describe_features(rows.drop(columns=[target]))
    if "validation" in job["channels"]:
        training = rows
        validation = read_channel(s3, job["channels"]["validation"], directory / "validation")
        if list(validation.columns) != list(rows.columns):
            raise JobRefused("The validation channel has other columns than the training channel.")
        if is_number:
            check_numbers(validation[target], target, problem)
        else:
            validation = validation[validation[target].isin(set(rows[target]))]
    else:
        training, validation = train_test_split(
            rows,
            test_size=job["validation_fraction"],
            stratify=None if is_number else rows[target],
            random_state=SEED,
        )
    training = typed(training, features, target, is_number)
    validation = typed(validation, features, target, is_number)

    progress.update(secondary_status="TrainingModels")
    sign = -1 if objective in ERRORS else 1
    reporter = CandidateReporter(progress.add_candidate, candidate_name, objective, sign)
    predictor = fit(job, directory, problem, objective, training, validation, reporter, deadline)
    names = predictor.model_names()
    if not names:
        raise JobRefused(
            "No candidate could be trained within MaxAutoMLJobRuntimeInSeconds. Give the job more time."
            if time.time() >= deadline - SECONDS_KEPT_FOR_UPLOADS
            else "No candidate could be trained on this data. The job's log has AutoGluon's reasons."
        )

    failures = set(predictor.model_failures().get("exc_type", ()))
    late = time.time() >= deadline - SECONDS_KEPT_FOR_UPLOADS
    out_of_time = len(names) < number_of_candidates(job) and (late or "TimeLimitExceeded" in failures)
    progress.update(secondary_status="GeneratingModelInsightsReport")
    candidates: list[dict[str, Any]] = []
    predict = predictor.predict_multi if is_number else predictor.predict_proba_multi
    predicted = predict(validation.drop(columns=[target]), models=names)
    for name in names:
        figures = (
            measure_numbers(predicted[name], validation[target])
            if is_number
            else measure(predictor, predicted[name], validation[target], problem)
        )
        candidates.append(
            {
                "name": candidate_name(name),
                "objective": {"name": objective, "value": figures[objective]},
                "created": reporter.started[name],
                "ended": reporter.ended[name],
                "metrics": figures,
                "model_data_url": upload(s3, job, directory, predictor, name, features, problem),
            }
        )
    candidates.sort(key=lambda candidate: sign * candidate["objective"]["value"], reverse=True)
    if time.time() < deadline - SECONDS_KEPT_FOR_UPLOADS:
        progress.update(secondary_status="GeneratingExplainabilityReport")
        best = next(name for name in names if candidate_name(name) == candidates[0]["name"])
        candidates[0]["explainability"] = explain(s3, job, predictor, best, validation)
    progress.update(
        status="Completed",
        secondary_status="MaxAutoMLJobRuntimeReached" if out_of_time else "Completed",
        candidates=candidates,
        best=candidates[0]["name"],
        ended=time.time(),
    )


def read_channel(s3: Any, uris: list[str], directory: Path) -> pd.DataFrame:
    """All rows of a channel's objects, every field as text.

    Raises:
        JobRefused: an object is not a readable CSV, or has other columns than the first.
    """
    directory.mkdir(exist_ok=True)
    frames: list[pd.DataFrame] = []
    for number, uri in enumerate(uris):
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        path = directory / str(number)
        s3.download_file(bucket, key, str(path))
        try:
            frame = pd.read_csv(
                path,
                dtype=str,
                keep_default_na=False,
                index_col=False,
                compression=None,
            )
        except (ValueError, UnicodeDecodeError, OSError) as error:
            raise JobRefused(f"{uri} could not be read as a CSV with a header row: {error}") from error
        if frames and list(frame.columns) != list(frames[0].columns):
            raise JobRefused(f"{uri} has other columns than {uris[0]}.")
        frames.append(frame)
        path.unlink()
    return pd.concat(frames, ignore_index=True)


def check_rows(rows: pd.DataFrame, target: str) -> None:
    """Rejects a file without the target or with too few rows.

    Raises:
        JobRefused: see above.
    """
    if target not in rows.columns:
        raise JobRefused(
            f"The target column '{target}' is not in the training data. Its columns are: {', '.join(rows.columns)}."
        )
    if len(rows.columns) < 2:
        raise JobRefused("The training data has no column beside the target.")
    if len(rows) < MINIMUM_ROWS:
        raise JobRefused(f"The training data has {len(rows)} rows; Autopilot needs at least {MINIMUM_ROWS}.")


def infer_problem_type(labels: pd.Series) -> str:
    """The problem type that the target's values suggest."""
    classes = labels.nunique()
    numeric = pd.to_numeric(labels, errors="coerce").notna().all()
    if numeric and classes > MOST_NUMERIC_CLASSES:
        return "Regression"
    return "BinaryClassification" if classes <= 2 else "MulticlassClassification"


def check_classes(labels: pd.Series, target: str, problem: str) -> None:
    """Rejects a target with one class, too many for its problem type, or a class that cannot be split.

    Raises:
        JobRefused: see above.
    """
    counts = labels.value_counts()
    if len(counts) < 2:
        raise JobRefused(f"The target column '{target}' has only one class. Training needs at least two.")
    if problem == "BinaryClassification" and len(counts) > 2:
        raise JobRefused(
            f"The target column '{target}' has {len(counts)} classes, which is not a BinaryClassification problem."
        )
    if counts.min() < 2:
        raise JobRefused(
            f"A class of the target column '{target}' has a single row. Each needs at least two."
        )


def check_numbers(numbers: pd.Series, target: str, problem: str) -> None:
    """Rejects a target with values that are not numbers.

    Raises:
        JobRefused: see above.
    """
    if not np.isfinite(pd.to_numeric(numbers, errors="coerce")).all():
        raise JobRefused(
            f"The target column '{target}' has values that are not numbers, which is not a {problem}."
        )


def describe_features(rows: pd.DataFrame) -> list[dict[str, str]]:
    """The columns in order; `numeric` if all values that are not missing are numbers."""
    features = []
    for name in rows.columns:
        present = rows[name][~rows[name].isin(MISSING)]
        numbers = pd.to_numeric(present, errors="coerce")
        features.append({"name": name, "kind": "numeric" if numbers.notna().all() else "text"})
    return features


def typed(rows: pd.DataFrame, features: list[dict[str, str]], target: str, is_number: bool) -> pd.DataFrame:
    """The rows with numbers and missing values parsed; a target of labels remains text."""
    columns: dict[str, Any] = {}
    for feature in features:
        values = rows[feature["name"]].mask(rows[feature["name"]].isin(MISSING))
        columns[feature["name"]] = values.astype(float) if feature["kind"] == "numeric" else values
    return pd.DataFrame({**columns, target: rows[target].astype(float) if is_number else rows[target]})


def fit(
    job: dict[str, Any],
    directory: Path,
    problem: str,
    objective: str,
    training: pd.DataFrame,
    validation: pd.DataFrame,
    reporter: Any,
    deadline: float,
) -> "TabularPredictor":
    """Lets AutoGluon train the job's candidates; there may be none.

    Raises:
        JobRefused: no time is left to train.
    """
    from autogluon.tabular import TabularPredictor

    seconds = deadline - time.time() - SECONDS_KEPT_FOR_UPLOADS
    if seconds <= 0:
        raise JobRefused(
            "MaxAutoMLJobRuntimeInSeconds was over before training began. Give the job more time."
        )
    hyperparameters: dict[str, list[dict[str, Any]]] = {}
    for _, family, options in base_candidates(job):
        hyperparameters.setdefault(family, []).append(options)
    limits: dict[str, Any] = {"num_gpus": 0}
    if job["max_runtime_per_candidate"] is not None:
        limits["max_time_limit"] = job["max_runtime_per_candidate"]
    predictor = TabularPredictor(
        label=job["target"],
        problem_type=AUTOGLUON_PROBLEMS[problem],
        eval_metric=AUTOGLUON_METRICS[objective],
        path=str(directory / "predictor"),
        verbosity=2,
    )
    return predictor.fit(
        training,
        tuning_data=validation,
        hyperparameters=hyperparameters,
        time_limit=seconds,
        fit_weighted_ensemble=has_ensemble(job),
        ag_args_fit=limits,
        callbacks=[reporter],
        raise_on_no_models_fitted=False,
        num_gpus=0,
    )


def base_candidates(job: dict[str, Any]) -> list[tuple[str, str, dict[str, Any]]]:
    """The candidates that the job requests, without their ensemble."""
    chosen = [item for item in CANDIDATES if item[0] in job["algorithms"]]
    return chosen[: job["max_candidates"] - has_ensemble(job)]


def has_ensemble(job: dict[str, Any]) -> bool:
    """Whether the job may have an ensemble of the other candidates."""
    return bool(job["max_candidates"] > 1)


def number_of_candidates(job: dict[str, Any]) -> int:
    """The number of the job's candidates if none fails."""
    return len(base_candidates(job)) + has_ensemble(job)


def measure(
    predictor: "TabularPredictor", probabilities: pd.DataFrame, truth: pd.Series, problem: str
) -> dict[str, float]:
    """A candidate's metrics on the validation rows, under SageMaker's names."""
    from sklearn import metrics

    classes = list(probabilities.columns)
    guess = predictor.predict_from_proba(probabilities)
    figures = {
        "Accuracy": metrics.accuracy_score(truth, guess),
        "BalancedAccuracy": metrics.balanced_accuracy_score(truth, guess),
        "LogLoss": metrics.log_loss(truth, probabilities.to_numpy(dtype=np.float64), labels=classes),
    }
    if problem == "BinaryClassification":
        positive = predictor.positive_class
        options: dict[str, Any] = {"pos_label": positive, "zero_division": 0}
        figures["AUC"] = metrics.roc_auc_score(truth == positive, probabilities[positive])
        figures["F1"] = metrics.f1_score(truth, guess, **options)
        figures["Precision"] = metrics.precision_score(truth, guess, **options)
        figures["Recall"] = metrics.recall_score(truth, guess, **options)
    else:
        options = {"average": "macro", "zero_division": 0}
        figures["F1macro"] = metrics.f1_score(truth, guess, **options)
        figures["PrecisionMacro"] = metrics.precision_score(truth, guess, **options)
        figures["RecallMacro"] = metrics.recall_score(truth, guess, **options)
    return {metric: float(value) for metric, value in figures.items()}


def measure_numbers(predicted: pd.Series, truth: pd.Series) -> dict[str, float]:
    """A regression candidate's metrics on the validation rows, under SageMaker's names."""
    from sklearn import metrics

    squared = float(metrics.mean_squared_error(truth, predicted))
    return {
        "MSE": squared,
        "RMSE": squared**0.5,
        "MAE": float(metrics.mean_absolute_error(truth, predicted)),
        "R2": float(metrics.r2_score(truth, predicted)),
    }


def upload(
    s3: Any,
    job: dict[str, Any],
    directory: Path,
    predictor: "TabularPredictor",
    name: str,
    features: list[dict[str, str]],
    problem: str,
) -> str:
    """Uploads the files needed to predict with one candidate to S3; returns the model.tar.gz's URI.

    Raises:
        JobRefused: the upload failed.
    """
    clone = directory / "clone"
    predictor.clone_for_deployment(str(clone), model=name, return_clone=False)
    (clone / "model.json").write_text(
        json.dumps(
            {
                "features": features,
                "missing": MISSING,
                "labels": [str(label) for label in predictor.class_labels or ()],
                "problem_type": problem,
            },
            allow_nan=False,
        )
    )
    archive = directory / "model.tar.gz"
    with tarfile.open(archive, "w:gz", compresslevel=1) as tar:
        tar.add(clone, arcname=".")
    bucket, key = output_place(job, "sagemaker-automl-candidates", candidate_name(name), "model.tar.gz")
    try:
        s3.upload_file(str(archive), bucket, key)
    except S3UploadFailedError as error:
        raise JobRefused(f"The model could not be written to s3://{bucket}/{key}: {error}") from error
    shutil.rmtree(clone)
    archive.unlink()
    return f"s3://{bucket}/{key}"


def explain(
    s3: Any, job: dict[str, Any], predictor: "TabularPredictor", name: str, rows: pd.DataFrame
) -> str:
    """Uploads the importance of a candidate's columns to S3; returns the URI of the folder.

    The form is that of SageMaker Clarify, which explains Autopilot's best candidate by its Kernel SHAP. The values here
    are AutoGluon's permutation importance: each column's part of what the candidate's score loses on some rows.

    Raises:
        JobRefused: the upload failed.
    """
    importance = predictor.feature_importance(
        rows,
        model=name,
        subsample_size=ROWS_TO_EXPLAIN_WITH,
        num_shuffle_sets=1,
        include_confidence_band=False,
        silent=True,
    )["importance"]
    features = [column for column in rows.columns if column != job["target"]]
    values = {feature: max(0.0, float(importance.get(feature, 0.0))) for feature in features}
    analysis = {"version": "1.0", "explanations": {"kernel_shap": {"label0": {"global_shap_values": values}}}}
    bucket, folder = output_place(job, "documentation", "explainability", "output", candidate_name(name))
    try:
        s3.put_object(
            Bucket=bucket, Key=f"{folder}/analysis.json", Body=json.dumps(analysis, allow_nan=False)
        )
    except ClientError as error:
        raise JobRefused(
            f"The explanation could not be written to s3://{bucket}/{folder}: {error}"
        ) from error
    return f"s3://{bucket}/{folder}"


def output_place(job: dict[str, Any], *names: str) -> tuple[str, str]:
    """The bucket, and the key or prefix of these names below the job's output."""
    bucket, _, prefix = job["output_path"].removeprefix("s3://").partition("/")
    return bucket, "/".join(part for part in (prefix.strip("/"), job["name"], *names) if part)


def candidate_name(model_name: str) -> str:
    """AutoGluon's model name in SageMaker's allowed characters."""
    return model_name.replace("_", "-")[:64]


if __name__ == "__main__":
    # AutoGluon looks for torch at every model and warns; this environment deliberately lacks it.
    logging.getLogger("autogluon.common.utils.resource_utils").setLevel(logging.CRITICAL)
    main(Path(sys.argv[1]))
