"""The keys of all objects in the bucket, as docs/formats.md gives them. No other module puts a key together."""

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
    """Where the objects of a day lie below a prefix; a `day` that is a text is `YYYY-MM-DD`."""
    return f"{prefix}date={day}/"


def days_from(prefix: str, day: date | str = "") -> str:
    """How the keys of all days below a prefix begin; with a `day`, what sorts before those of that day."""
    return f"{prefix}date={day}"


@dataclass(frozen=True)
class OutputKeys:
    """Where the results of one arrival go: the same keys on every retry, and in no other arrival's way."""

    predictions: str
    profile: str
    manifest: str
    rejected: str
    error: str


def scored_keys(predictions_prefix: str, day: str, stem: str) -> OutputKeys:
    """The keys of what is made of a file under `inference/`, which is called `stem`."""
    scored, rejected = day_folder(predictions_prefix, day) + stem, day_folder(REJECTED_PREFIX, day) + stem
    return OutputKeys(
        predictions=f"{scored}.csv",
        profile=f"{scored}.profile.json",
        manifest=f"{scored}{MANIFEST_ENDING}",
        rejected=f"{rejected}.csv",
        error=f"{rejected}{REFUSAL_ENDING}",
    )


def manifest_key(predictions_key: str) -> str:
    """Where the manifest of a predictions file lies."""
    return f"{predictions_key.removesuffix('.csv')}{MANIFEST_ENDING}"


def predictions_key(manifest: str) -> str:
    """Where the predictions file lies whose manifest is under the key `manifest`."""
    return f"{manifest.removesuffix(MANIFEST_ENDING)}.csv"


def pointer_key(id_prefix: str) -> str:
    """Where the pointer to the predictions file with the ids that begin so lies."""
    return f"monitoring/ids/{id_prefix}.json"


@dataclass(frozen=True)
class LabelKeys:
    """Where the parts of one labels file go: refused rows, the refusal, and the name of its fragments."""

    rejected: str
    error: str
    fragment: str


def label_keys(day: str, stem: str, time: str) -> LabelKeys:
    """The keys of what is made of a labels file, which is called `stem` and arrived at `time`."""
    refused = day_folder(f"{REJECTED_PREFIX}{LABELS_PREFIX}", day) + stem
    return LabelKeys(f"{refused}.csv", f"{refused}{REFUSAL_ENDING}", f"{time}-{stem}.csv")


def run_folder(run: str) -> str:
    """Where everything of a run lies."""
    return f"{MODELS_PREFIX}{run}/"


def run_key(run: str) -> str:
    """Where the record of how the run went lies."""
    return f"{run_folder(run)}run.json"


def contract_key(run: str) -> str:
    """Where the run's contract lies."""
    return f"{run_folder(run)}contract.json"


def baseline_key(run: str) -> str:
    """Where the run's baseline lies."""
    return f"{run_folder(run)}baseline.json"


def train_key(run: str) -> str:
    """Where the rows to train on lie."""
    return f"{run_folder(run)}train.csv"


def holdout_key(run: str) -> str:
    """Where the rows kept for the gate lie."""
    return f"{run_folder(run)}holdout.csv"


def reference_key(run: str) -> str:
    """Where the rows of the reference hold-out lie as the gate reads them; not there where the stack has none."""
    return f"{run_folder(run)}reference.csv"


def unseen_key(run: str) -> str:
    """Where it is kept which rows of the run's hold-out the champion was not trained on."""
    return f"{run_folder(run)}unseen.json"


def data_report_key(run: str) -> str:
    """Where the run's data report lies."""
    return f"{run_folder(run)}data.json"


def leaderboard_key(run: str) -> str:
    """Where the run's leaderboard lies."""
    return f"{run_folder(run)}leaderboard.json"


def decision_key(run: str) -> str:
    """Where the gate's decision on the run lies."""
    return f"{run_folder(run)}gate.json"


def importance_key(run: str) -> str:
    """Where it is kept which columns the run's model uses, and how much."""
    return f"{run_folder(run)}importance.json"


def approval_key(run: str) -> str:
    """Where the request to approve the run's release lies."""
    return f"{run_folder(run)}approval.json"


def model_record_key(run: str) -> str:
    """Where the record of what the run's model is made of lies."""
    return f"{run_folder(run)}model.json"


def smoke_test_key(run: str) -> str:
    """Where the answers of the run's model that a release must give again lie."""
    return f"{run_folder(run)}smoke.json"


def run_page_key(run: str) -> str:
    """Where the run's page lies."""
    return f"{run_folder(run)}report.html"


def autopilot_folder(run: str) -> str:
    """Where Autopilot writes for the run."""
    return f"{run_folder(run)}autopilot"


def audit_key(what: str, time: datetime, digits: str) -> str:
    """Where the record lies of what was done at a time in UTC; the digits keep two of one moment apart."""
    return f"{AUDIT_PREFIX}{time:%Y%m%dT%H%M%S.%fZ}-{what}-{digits}.json"


def report_key(day: date) -> str:
    """Where the judgement of a day lies."""
    return f"{day_folder(REPORTS_PREFIX, day)}drift.json"


def quality_key(day: date | str) -> str:
    """Where the quality of a day lies."""
    return f"{day_folder(REPORTS_PREFIX, day)}quality.json"


def day_page_key(day: date) -> str:
    """Where the page of a day lies."""
    return f"{day_folder(REPORTS_PREFIX, day)}index.html"


def range_folder(first: date | str, last: date | str) -> str:
    """Where the reports of a range of days lie."""
    return f"{REPORTS_PREFIX}range={first}_{last}/"


def file_folder(stem: str) -> str:
    """Where the reports of a raw file lie, which is called `stem`."""
    return f"{REPORTS_PREFIX}file={stem}/"


def receipt_key(key: str) -> str:
    """Where the receipt of Domino's for the file under `key` lies."""
    return f"{RECEIPTS_PREFIX}{key}.json"


def domino_model_key(run: str) -> str:
    """Where the record of the run's model in Domino lies."""
    return f"{RECEIPTS_PREFIX}models/{run}.json"


@dataclass(frozen=True)
class Work:
    """The keys of what one transform leaves to itself; `name` is its execution's."""

    name: str

    @property
    def prefix(self) -> str:
        """Below which all of them lie."""
        return f"{WORK_PREFIX}{self.name}/"

    @property
    def plan(self) -> str:
        """What all states work by."""
        return f"{self.prefix}plan.json"

    @property
    def pieces(self) -> str:
        """The list that the state CheckPieces goes through."""
        return f"{self.prefix}pieces.json"

    @property
    def accepted(self) -> str:
        """The list that the state FinishPieces goes through."""
        return f"{self.prefix}accepted.json"

    @property
    def failure(self) -> str:
        """The error of a piece, which the state of all pieces does not hand on."""
        return f"{self.prefix}failure.json"

    @property
    def input(self) -> str:
        """The prefix of the job's input."""
        return f"{self.prefix}input/"

    @property
    def output(self) -> str:
        """The prefix of the job's output, as SageMaker wants it: without a slash at the end."""
        return f"{self.prefix}output"

    def checked(self, number: int) -> str:
        """What the check of a piece found."""
        return f"{self.prefix}checked/{number:05}.json"

    def faulty(self, number: int) -> str:
        """The rows of a piece that cannot be sent."""
        return f"{self.prefix}faulty/{number:05}.csv"

    def part(self, number: int) -> str:
        """The rows of a piece that are sent."""
        return f"{self.input}part-{number:05}.csv"

    def joined(self, number: int) -> str:
        """These rows with the model's answers behind them."""
        return f"{self.output}/part-{number:05}.csv.out"

    def predictions(self, number: int) -> str:
        """A piece's part of the predictions file."""
        return f"{self.prefix}predictions/{number:05}.csv"

    def rejected(self, number: int) -> str:
        """A piece's part of the rejected file."""
        return f"{self.prefix}rejected/{number:05}.csv"

    def finished(self, number: int) -> str:
        """A piece's counts and profile."""
        return f"{self.prefix}finished/{number:05}.json"
