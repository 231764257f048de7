"""The keys of all objects in the bucket, as in docs/formats.md. No other module composes a key."""

from dataclasses import dataclass
from datetime import date, datetime

AUDIT_PREFIX = "audit/"
INFERENCE_PREFIX = "inference/"
LABELS_PREFIX = "labels/"
LABEL_FRAGMENTS_PREFIX = "monitoring/labels/"
MODELS_PREFIX = "models/"
PREDICTIONS_PREFIX = "predictions/"
RECEIPTS_PREFIX = "monitoring/domino/"
REJECTED_PREFIX = "rejected/"
REPORTS_PREFIX = "reports/"
TRAINING_PREFIX = "training/"
WORK_PREFIX = "transform/"

CHAMPION_KEY = "models/champion.json"
DAYS_KEY = "monitoring/days.json"
DOMINO_CHECKS_KEY = "monitoring/domino/checks.json"
DOMINO_PROGRESS_KEY = "monitoring/domino/progress.json"
HISTORY_KEY = "reports/index.html"
LATEST_KEY = "models/latest.json"
REFUSALS_KEY = "monitoring/refusals.json"
SETTINGS_KEY = "monitoring/settings.yaml"

MANIFEST_ENDING = ".manifest.json"
REFUSAL_ENDING = ".error.json"


def day_folder(prefix: str, day: date | str) -> str:
    """The folder of a day's objects under a prefix; a `day` given as text is `YYYY-MM-DD`."""
    return f"{prefix}date={day}/"


def days_from(prefix: str, day: date | str = "") -> str:
    """The common prefix of all days' keys; with a `day`, a key that sorts before that day's keys."""
    return f"{prefix}date={day}"


@dataclass(frozen=True)
class OutputKeys:
    """The keys of one arrival's results: the same on every retry, and unique to the arrival."""

    predictions: str
    profile: str
    manifest: str
    rejected: str
    error: str


def scored_keys(predictions_prefix: str, day: str, stem: str) -> OutputKeys:
    """The keys of the results of a file under `inference/` that is called `stem`."""
    scored, rejected = day_folder(predictions_prefix, day) + stem, day_folder(REJECTED_PREFIX, day) + stem
    return OutputKeys(
        predictions=f"{scored}.csv",
        profile=f"{scored}.profile.json",
        manifest=f"{scored}{MANIFEST_ENDING}",
        rejected=f"{rejected}.csv",
        error=f"{rejected}{REFUSAL_ENDING}",
    )


def manifest_key(predictions_key: str) -> str:
    """The key of a predictions file's manifest."""
    return f"{predictions_key.removesuffix('.csv')}{MANIFEST_ENDING}"


def predictions_key(manifest: str) -> str:
    """The key of the predictions file whose manifest has the key `manifest`."""
    return f"{manifest.removesuffix(MANIFEST_ENDING)}.csv"


def pointer_key(id_prefix: str) -> str:
    """The key of the pointer to the predictions file whose ids begin with this prefix."""
    return f"monitoring/ids/{id_prefix}.json"


@dataclass(frozen=True)
class LabelKeys:
    """The keys of one labels file's results: rejected rows, the refusal, and the name of its fragments."""

    rejected: str
    error: str
    fragment: str


def label_keys(day: str, stem: str, time: str) -> LabelKeys:
    """The keys of the results of a labels file that is called `stem` and arrived at `time`."""
    refused = day_folder(f"{REJECTED_PREFIX}{LABELS_PREFIX}", day) + stem
    return LabelKeys(f"{refused}.csv", f"{refused}{REFUSAL_ENDING}", f"{time}-{stem}.csv")


def run_folder(run: str) -> str:
    """The folder of a run's objects."""
    return f"{MODELS_PREFIX}{run}/"


def run_key(run: str) -> str:
    """The key of the run's record."""
    return f"{run_folder(run)}run.json"


def contract_key(run: str) -> str:
    """The key of the run's contract."""
    return f"{run_folder(run)}contract.json"


def baseline_key(run: str) -> str:
    """The key of the run's baseline."""
    return f"{run_folder(run)}baseline.json"


def train_key(run: str) -> str:
    """The key of the rows for training."""
    return f"{run_folder(run)}train.csv"


def holdout_key(run: str) -> str:
    """The key of the held-out rows."""
    return f"{run_folder(run)}holdout.csv"


def reference_key(run: str) -> str:
    """The key of the reference hold-out as the gate reads it; the object exists only if the stack has one."""
    return f"{run_folder(run)}reference.csv"


def unseen_key(run: str) -> str:
    """The key of the list of hold-out rows that the champion was not trained on."""
    return f"{run_folder(run)}unseen.json"


def data_report_key(run: str) -> str:
    """The key of the run's data report."""
    return f"{run_folder(run)}data.json"


def leaderboard_key(run: str) -> str:
    """The key of the run's leaderboard."""
    return f"{run_folder(run)}leaderboard.json"


def decision_key(run: str) -> str:
    """The key of the gate's decision on the run."""
    return f"{run_folder(run)}gate.json"


def importance_key(run: str) -> str:
    """The key of the model's feature importance."""
    return f"{run_folder(run)}importance.json"


def approval_key(run: str) -> str:
    """The key of the request to approve the run's release."""
    return f"{run_folder(run)}approval.json"


def model_record_key(run: str) -> str:
    """The key of the record that names the model's parts."""
    return f"{run_folder(run)}model.json"


def smoke_test_key(run: str) -> str:
    """The key of the smoke test: the answers that a release must reproduce."""
    return f"{run_folder(run)}smoke.json"


def run_page_key(run: str) -> str:
    """The key of the run's page."""
    return f"{run_folder(run)}report.html"


def autopilot_folder(run: str) -> str:
    """The folder of Autopilot's output for the run."""
    return f"{run_folder(run)}autopilot"


def audit_key(what: str, time: datetime, digits: str) -> str:
    """The key of an audit record of `what` was done at `time` (UTC); the digits separate two of the same second."""
    return f"{AUDIT_PREFIX}{time:%Y%m%dT%H%M%S.%fZ}-{what}-{digits}.json"


def report_key(day: date) -> str:
    """The key of a day's drift report."""
    return f"{day_folder(REPORTS_PREFIX, day)}drift.json"


def quality_key(day: date | str) -> str:
    """The key of a day's quality report."""
    return f"{day_folder(REPORTS_PREFIX, day)}quality.json"


def day_page_key(day: date) -> str:
    """The key of a day's page."""
    return f"{day_folder(REPORTS_PREFIX, day)}index.html"


def range_folder(first: date | str, last: date | str) -> str:
    """The folder of the reports on a date range."""
    return f"{REPORTS_PREFIX}range={first}_{last}/"


def file_folder(stem: str) -> str:
    """The folder of the reports on a raw file that is called `stem`."""
    return f"{REPORTS_PREFIX}file={stem}/"


def receipt_key(key: str) -> str:
    """The key of Domino's receipt for the file under `key`."""
    return f"{RECEIPTS_PREFIX}{key}.json"


def domino_model_key(run: str) -> str:
    """The key of the record of the run's model in Domino."""
    return f"{RECEIPTS_PREFIX}models/{run}.json"


@dataclass(frozen=True)
class Work:
    """The keys of one transform's working objects; `name` is that of its execution."""

    name: str

    @property
    def prefix(self) -> str:
        """The prefix of all of them."""
        return f"{WORK_PREFIX}{self.name}/"

    @property
    def plan(self) -> str:
        """The plan that all states follow."""
        return f"{self.prefix}plan.json"

    @property
    def pieces(self) -> str:
        """The list that the state CheckPieces iterates over."""
        return f"{self.prefix}pieces.json"

    @property
    def accepted(self) -> str:
        """The list that the state FinishPieces iterates over."""
        return f"{self.prefix}accepted.json"

    @property
    def failure(self) -> str:
        """The error of a piece, which the map state does not pass on."""
        return f"{self.prefix}failure.json"

    @property
    def input(self) -> str:
        """The prefix of the job's input."""
        return f"{self.prefix}input/"

    @property
    def output(self) -> str:
        """The prefix of the job's output, as SageMaker expects it: without a trailing slash."""
        return f"{self.prefix}output"

    def checked(self, number: int) -> str:
        """The result of a piece's check."""
        return f"{self.prefix}checked/{number:05}.json"

    def faulty(self, number: int) -> str:
        """The rows of a piece that cannot be sent."""
        return f"{self.prefix}faulty/{number:05}.csv"

    def part(self, number: int) -> str:
        """The rows of a piece that are sent."""
        return f"{self.input}part-{number:05}.csv"

    def joined(self, number: int) -> str:
        """The same rows, each followed by the model's answer."""
        return f"{self.output}/part-{number:05}.csv.out"

    def predictions(self, number: int) -> str:
        """A piece's part of the predictions file."""
        return f"{self.prefix}predictions/{number:05}.csv"

    def rejected(self, number: int) -> str:
        """A piece's part of the rejected rows."""
        return f"{self.prefix}rejected/{number:05}.csv"

    def finished(self, number: int) -> str:
        """The counts and the profile of a finished piece."""
        return f"{self.prefix}finished/{number:05}.json"
