"""State Gate: scores the hold-out with challenger and champion, decides, and computes the feature importance."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from autowatch.aws.clients import client, data_bucket
from autowatch.aws.entry_point import entry_point, seconds_left
from autowatch.records.threshold import ThresholdParameters
from autowatch.scoring.requests import ScoringLimits
from autowatch.settings import StackSettings
from autowatch.training.gate.checks import ApprovalPolicy, GateRules
from autowatch.training.gate.importance import explain_challenger
from autowatch.training.gate.judge import Endpoints, judge_challenger

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@dataclass(frozen=True)
class Settings(StackSettings):
    """Settings from the template."""

    limits: ScoringLimits
    minimum_auc: float
    gate_confidence_percent: float
    auc_tolerance: float
    minimum_macro_f1: float
    minimum_r2: float
    error_tolerance_percent: float
    objective_metric: str
    max_batch_seconds: float
    threshold: ThresholdParameters
    release_approval: ApprovalPolicy
    approval_hours: float

    @property
    def rules(self) -> GateRules:
        """The conditions for a challenger to pass, and how its threshold is chosen."""
        return GateRules(
            minimum_auc=self.minimum_auc,
            confidence=self.gate_confidence_percent / 100,
            auc_tolerance=self.auc_tolerance,
            max_batch_seconds=self.max_batch_seconds,
            threshold=self.threshold.read(),
            approval=self.release_approval,
            minimum_macro_f1=self.minimum_macro_f1,
            minimum_r2=self.minimum_r2,
            error_tolerance=self.error_tolerance_percent / 100,
            error="mae" if self.objective_metric == "MAE" else "rmse",
        )


@entry_point(Settings)
def lambda_handler(event: dict[str, Any], context: "LambdaContext", settings: Settings) -> dict[str, Any]:
    """Takes the `run`, its `trigger` and the candidate's `endpoint_name`; returns the decision."""
    endpoints = Endpoints(
        client=client("sagemaker-runtime"),
        candidate=event["endpoint_name"],
        champion=settings.endpoint_name,
        seconds_left=seconds_left(context),
    )
    bucket = data_bucket(settings.bucket)
    decision = judge_challenger(
        bucket, event["run"], endpoints, settings.limits, settings.rules, event["trigger"]
    )
    explain_challenger(bucket, event["run"], endpoints, settings.limits, settings.rules.error)
    return {
        "passed": decision.passed,
        "reason": decision.reason,
        "metrics": decision.metrics,
        "approval": decision.approval,
        "approval_seconds": int(settings.approval_hours * 3600),
    }
