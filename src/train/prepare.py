"""State Prepare: begins a training run and prepares its data."""

from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point
from autowatch.aws.objects import Bucket
from autowatch.records.champion import NoChampion, read_champion
from autowatch.records.contract import Contract, read_contract
from autowatch.records.holdout import HoldoutBy
from autowatch.records.threshold import ThresholdParameters
from autowatch.records.timestamps import from_text
from autowatch.settings import Network, StackSettings
from autowatch.training.data.files import find_training_files
from autowatch.training.data.prepare import Preparation, prepare_training_data
from autowatch.training.data.reference import write_reference
from autowatch.training.data.target import ProblemWanted
from autowatch.training.serving.deployment import check_deployment, check_network, check_serving
from autowatch.training.start import CoolingDown, NothingNew, RunInProgress, begin_training, read_request


@dataclass(frozen=True)
class JudgingParameters:
    """The parameters for judging models and days, unparsed: here they are only checked against the problem type."""

    minimum_auc: str
    minimum_macro_f1: str
    minimum_r2: str
    auc_tolerance: str
    error_tolerance_percent: str
    max_auc_drop: str
    max_error_rise_percent: str

    def by_name(self) -> dict[str, str]:
        """The values by the names of the stack's parameters."""
        return {name.title().replace("_", ""): text for name, text in vars(self).items()}


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    instance_type: str
    network: Network
    autopilot_mode: str
    bake_seconds: int
    max_endpoint_seconds: int
    training_key: str
    retrain_cooldown_hours: float
    target_column: str
    positive_label: str
    drop_columns: tuple[str, ...]
    id_column: str
    holdout_percent: int
    holdout_by: HoldoutBy
    threshold: ThresholdParameters
    audit_lock_days: int
    problem_type: ProblemWanted
    probability_of_each_class: bool
    objective_metric: str
    judging: JudgingParameters
    reference_holdout: str = ""

    @property
    def preparation(self) -> Preparation:
        """How the training data are prepared."""
        return Preparation(
            target=self.target_column,
            positive_label=self.positive_label,
            dropped_columns=self.drop_columns,
            id_column=self.id_column,
            holdout_percent=self.holdout_percent,
            holdout_by=self.holdout_by,
            problem_type=self.problem_type,
            probability_of_each_class=self.probability_of_each_class,
            parameters={
                "PositiveLabel": self.positive_label,
                "DecisionThreshold": self.threshold.decision_threshold,
                "CostOfMiss": self.threshold.cost_of_miss,
                "CostOfAlarm": self.threshold.cost_of_alarm,
                "ProbabilityOfEachClass": str(self.probability_of_each_class).lower(),
                "ObjectiveMetric": self.objective_metric,
                **self.judging.by_name(),
            },
        )


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], _context: object, settings: Settings) -> dict[str, Any]:
    """Takes `execution`, `started` and the execution's `input`; returns the decision to train, or to skip and why."""
    request, bucket = read_request(event["input"]), data_bucket(settings.bucket)
    # The gate chooses the threshold hours later; invalid parameters are rejected here.
    settings.threshold.read()
    check_deployment(settings.bake_seconds, settings.max_endpoint_seconds)
    check_network(settings.instance_type, settings.network)
    check_serving(
        client("sagemaker"), settings.endpoint_name, settings.instance_type, settings.autopilot_mode
    )
    training = find_training_files(bucket, request.training_key or settings.training_key or None)
    try:
        run = begin_training(
            bucket,
            client("stepfunctions"),
            request.trigger,
            training.identity,
            execution=event["execution"],
            started=from_text(event["started"]),
            cooldown=timedelta(hours=settings.retrain_cooldown_hours),
            asked=request.asked,
            audit_lock_days=settings.audit_lock_days,
        )
    except (CoolingDown, NothingNew, RunInProgress) as refusal:
        if request.trigger != "drift":
            raise
        return {"decision": "skip", "reason": str(refusal)}
    preparation = replace(settings.preparation, new_labels=request.new_labels)
    contract = prepare_training_data(bucket, run, training, preparation, _champions_contract(bucket))
    if settings.reference_holdout:
        write_reference(bucket, settings.reference_holdout, contract)
    return {"decision": "train", "run": run, "rows": contract.rows, "trigger": request.trigger}


def _champions_contract(bucket: Bucket) -> Contract | None:
    try:
        return read_contract(bucket, read_champion(bucket).contract_key)
    except NoChampion:
        return None
