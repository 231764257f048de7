"""A deployed stack, from Python: what the command `autowatch` does, for notebooks and scripts."""

import json
import tempfile
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from autowatch_client.audit import Auditor
from autowatch_client.checks import TrainingLook, check_labels, check_scoring, check_training
from autowatch_client.drift import Judgements, judge
from autowatch_client.errors import (
    FileUnfitError,
    KeyUnknownError,
    NoModelError,
    NothingToDoError,
    OptionUnfitError,
    RefusedError,
    RunUnknownError,
)
from autowatch_client.executions import Sight, start_execution
from autowatch_client.follow import End, follow
from autowatch_client.forgetting.erase import erase
from autowatch_client.forgetting.limits import not_reached
from autowatch_client.forgetting.search import Found, Person, Traces, search
from autowatch_client.frames import local_file
from autowatch_client.health import Finding, Status, examine, read_status, stack_resources
from autowatch_client.labels import Labelled, await_labels, days_of_ids, join_labels, recent_days
from autowatch_client.nearest import nearest, suggestion
from autowatch_client.objects import Bucket, unheard
from autowatch_client.places import Place, find_place
from autowatch_client.redrive import Redriven, redrive
from autowatch_client.removal import removal_plan, remove_stack
from autowatch_client.reports import Pages, fetch_pages
from autowatch_client.runs import RunSummary, list_runs, read_run
from autowatch_client.scoring import Scored, await_scored, output_paths
from autowatch_client.tables import open_table

if TYPE_CHECKING:
    from pandas import DataFrame

_FILES_AT_ONCE = 4
_ASKED = "predictions/asked/"
"""The prefix of local files while they are judged; uploads here start neither scoring nor training."""


@dataclass(frozen=True)
class RunDetail:
    """Everything recorded about a run: run.json, contract.json, data.json, gate.json and leaderboard.json."""

    run: str
    in_force: bool
    record: Mapping[str, Any]
    contract: Mapping[str, Any]
    data: Mapping[str, Any]
    gate: Mapping[str, Any]
    leaderboard: Mapping[str, Any]


@dataclass(frozen=True)
class Forgotten:
    """The result of `forget`.

    Attributes:
        objects: how many were rewritten or removed.
        records: the keys of its records under `audit/`.
        not_reached: a sentence for each place where the rows may still have an effect.
    """

    objects: int
    records: tuple[str, ...]
    not_reached: tuple[str, ...]


class Training:
    """A started run."""

    def __init__(self, stack: "Stack", execution: str) -> None:
        self._stack, self.execution = stack, execution

    def follow(self, on_look: Callable[[Sight], None] = unheard, poll_seconds: float = 3.0) -> End:
        """Waits for the end of the run and returns its outcome. Ctrl-C stops the waiting, not the run.

        Args:
            on_look: called with the state at each poll; `describe` puts it into words.
        """
        return follow(self._stack.client, self._stack.bucket, self.execution, on_look, poll_seconds)


class Stack:
    """A deployed stack: each method is one task.

    Attributes:
        place: where it is.
        bucket: its bucket.
        client: returns the boto3 client of a service.
    """

    def __init__(self, place: Place) -> None:
        self.place = place
        self.client = place.clients()
        self.bucket = Bucket(self.client("s3"), place.bucket)

    def __repr__(self) -> str:
        return f"<Stack {self.place.description}>"

    @cached_property
    def _description(self) -> dict[str, Any]:
        (stack,) = self.client("cloudformation").describe_stacks(StackName=self.place.stack)["Stacks"]
        return dict(stack)

    @property
    def outputs(self) -> dict[str, str]:
        """The outputs of the CloudFormation stack."""
        return {item["OutputKey"]: item["OutputValue"] for item in self._description.get("Outputs", ())}

    @property
    def parameters(self) -> dict[str, str]:
        """The parameters that the stack was deployed with."""
        return {
            item["ParameterKey"]: item["ParameterValue"] for item in self._description.get("Parameters", ())
        }

    def champion(self) -> dict[str, Any]:
        """`models/champion.json`: the model in force.

        Raises:
            NoModelError: there is none yet.
        """
        champion = self.bucket.read_json("models/champion.json")
        if champion is None:
            raise NoModelError("No model is in force yet. Train one first: autowatch train FILE")
        return champion

    def contract(self, run: str | None = None) -> dict[str, Any]:
        """The columns, types and labels that a run's model was trained with; by default those of the model in force."""
        key = f"models/{run}/contract.json" if run else self.champion()["contract_key"]
        return self.bucket.read_json(key) or {}

    def check_training(self, data: "str | Path") -> TrainingLook:
        """Checks a local file as `train` does before the upload.

        Raises:
            FileUnfitError: no run could train on it.
        """
        return check_training(Path(data), self.parameters)

    def train(
        self,
        data: "str | Path | DataFrame | None" = None,
        *,
        name: str = "training",
        new_labels: bool = False,
        reason: str = "",
    ) -> Training:
        """Starts a training run.

        Args:
            data: a local CSV file or a DataFrame, which is checked and uploaded, or a key below `training/`. None means
                the stack's parameter TrainingKey, or the newest file.
            name: a DataFrame's name in the bucket.
            new_labels: accept labels that differ from those of the model in force; otherwise they stop the run.
            reason: kept with the run and under `audit/`, with the caller's ARN.

        Raises:
            FileUnfitError: the file cannot be trained on.
            KeyUnknownError: the file exists neither here nor in the bucket.
            RefusedError: a run is under way, or Step Functions refuses.
        """
        self._check_idle()
        document: dict[str, Any] = {} if data is None else {"training_key": self.training_key(data, name)}
        document |= self._asked(reason)
        if new_labels:
            document["new_labels"] = True
        return Training(
            self, start_execution(self.client("stepfunctions"), self.place.state_machine, document)
        )

    def training_key(self, data: "str | Path | DataFrame", name: str = "training") -> str:
        """The key of training data, uploaded if not yet in the bucket; raises as `train` does."""
        if isinstance(data, str) and not Path(data).is_file() and data.startswith("training/"):
            self._check_key(data)
            return data
        with tempfile.TemporaryDirectory() as folder:
            path = local_file(data, Path(folder), name)
            if not path.is_file() and not path.is_dir():
                there = [item["Key"] for item in self.bucket.objects("training/")]
                if (near := nearest(f"training/{path.name}", there)) is None and path.parent.is_dir():
                    near = nearest(path.name, [item.name for item in path.parent.glob("*.csv")])
                hint = (
                    f"Did you mean {near}?"
                    if near
                    else "`autowatch train` uses the newest file in the bucket."
                )
                raise KeyUnknownError(f"There is no file {path} here. {hint}")
            self.check_training(path)
            return self.bucket.upload(path, f"training/{path.stem}.csv").key

    def runs(self, limit: int = 20) -> list[RunSummary]:
        """The newest runs, newest first."""
        return list_runs(self.bucket, limit)[0]

    def show(self, run: str | None = None) -> RunDetail:
        """Everything recorded about a run; by default the one in force.

        Raises:
            RunUnknownError: no run has that name.
        """
        champion = self.bucket.read_json("models/champion.json") or {}
        name = run or self.champion()["run"]
        record = read_run(self.bucket, name)

        def read(document: str) -> dict[str, Any]:
            return self.bucket.read_json(f"models/{name}/{document}.json") or {}

        return RunDetail(
            run=name,
            in_force=name == champion.get("run"),
            record=record,
            contract=read("contract"),
            data=read("data"),
            gate=read("gate"),
            leaderboard=read("leaderboard"),
        )

    def rollback(self, run: str, *, again: bool = False, reason: str = "") -> Training:
        """Starts a run that releases the model of an earlier run again.

        Args:
            again: also allow the model in force, which is then served with the stack's present parameters.

        Raises:
            NothingToDoError: that model is in force, and `again` is False.
            RunUnknownError: the run does not exist, or released no model.
            RefusedError: a run is under way, or Step Functions refuses.
        """
        detail = self.show(run)
        if detail.in_force and not again:
            raise NothingToDoError(
                f"The model of run {run} is in force already. Nothing to do. --again deploys it "
                "with the stack's present parameters."
            )
        if origin := detail.record.get("promotes"):
            raise RunUnknownError(
                f"Run {run} trained no model: it rolled back to that of {origin}. Name that run."
            )
        if detail.record.get("status") != "released" or not detail.gate.get("passed"):
            raise RunUnknownError(
                f"Run {run} released no model: it was {detail.record.get('status')}. `autowatch "
                "runs` shows which did."
            )
        self._check_idle()
        machine = self.place.state_machine
        return Training(
            self,
            start_execution(self.client("stepfunctions"), machine, {"promote": run, **self._asked(reason)}),
        )

    def stop(self, run: str | None = None, *, reason: str = "") -> str:
        """Stops a running run, by default the newest, waits until it has ended, and returns its name.

        Raises:
            NothingToDoError: the run has ended already.
            RunUnknownError: the run does not exist.
        """
        latest = self.bucket.read_json("models/latest.json") or {}
        record = read_run(self.bucket, run or latest.get("run") or "(none)")
        stepfunctions, execution = self.client("stepfunctions"), record["execution"]
        if stepfunctions.describe_execution(executionArn=execution)["status"] != "RUNNING":
            raise NothingToDoError(
                f"Run {record['run']} has ended already ({record['status']}). Nothing to stop."
            )
        self._auditor().record("stop", reason, run=record["run"])
        stepfunctions.stop_execution(
            executionArn=execution, error="Stopped", cause="Stopped by hand: autowatch stop"
        )
        while stepfunctions.describe_execution(executionArn=execution)["status"] == "RUNNING":
            time.sleep(0.5)
        return str(record["run"])

    def answer(self, run: str, *, approved: bool, reason: str) -> str:
        """Approves or rejects the release of a run that waits for approval; returns the caller's ARN.

        Raises:
            NothingToDoError: the run does not wait for an approval, or no longer does.
            RunUnknownError: the run does not exist.
        """
        read_run(self.bucket, run)
        request = self.bucket.read_json(f"models/{run}/approval.json")
        if request is None:
            raise NothingToDoError(f"Run {run} does not wait for approval.")
        auditor = self._auditor()
        answer = {"approved": approved, "by": auditor.by, "reason": reason}
        written = auditor.record("approve" if approved else "reject", reason, run=run)
        stepfunctions = self.client("stepfunctions")
        gone = stepfunctions.exceptions
        try:
            stepfunctions.send_task_success(taskToken=request["token"], output=json.dumps(answer))
        except (gone.TaskTimedOut, gone.TaskDoesNotExist, gone.InvalidToken) as error:
            auditor.record("too-late", reason, run=run, answer=written)
            raise NothingToDoError(
                f"Run {run} no longer waits for approval: it was answered, stopped, or expired at "
                f"{request['expires']}."
            ) from error
        return auditor.by

    def score(
        self,
        data: "str | Path | DataFrame | Sequence[str | Path]",
        *,
        out: "str | Path | None" = None,
        name: str = "rows",
        timeout_seconds: float = 3600.0,
        on_look: Callable[[Path, float], None] = unheard,
    ) -> list[Scored]:
        """Scores files or a DataFrame, waits, and downloads predictions and rejected rows.

        All files are checked before the first is uploaded; then up to four are processed at once.

        Args:
            out: the folder for predictions; by default that of each file, or the current one for a DataFrame.
            name: a DataFrame's name in the bucket and in the folder.
            on_look: called at each poll with the file and the seconds that have passed.

        Returns:
            The result of each file, in the given order.

        Raises:
            FileUnfitError: a file could not be scored; nothing was uploaded.
            FolderUnfitError: the predictions could not be written.
            NoModelError: no model is in force yet.
            RefusedError: the stack refused a file, or did not answer in time; the others were fetched.
        """
        contract = self.contract()
        folder = Path(out) if out is not None else None
        with tempfile.TemporaryDirectory() as temporary:
            if isinstance(data, Sequence) and not isinstance(data, str):
                paths = [Path(each) for each in data]
            else:
                paths = [local_file(data, Path(temporary), name)]
                if paths[0].parent == Path(temporary):
                    folder = folder or Path.cwd()
            targets = self._targets(paths, folder)
            for path in paths:
                check_scoring(path, contract)

            stopped = Event()

            def look(path: Path, seconds: float) -> None:
                # An interrupt reaches only one thread; without this the others would keep waiting.
                if stopped.is_set():
                    raise RefusedError(f"No longer waiting for {path}.")
                on_look(path, seconds)

            def score(path: Path) -> Scored | RefusedError:
                started = time.monotonic()
                upload = self.bucket.upload(path, f"inference/{path.stem}.csv")
                try:
                    return await_scored(
                        self.bucket,
                        upload,
                        started,
                        targets[path],
                        path,
                        timeout_seconds,
                        lambda seconds: look(path, seconds),
                    )
                except RefusedError as error:
                    return error
                except BaseException:
                    # Results are read in the order of the files, so an earlier file would be waited for first.
                    stopped.set()
                    raise

            with ThreadPoolExecutor(_FILES_AT_ONCE) as pool:
                try:
                    outcomes = list(pool.map(score, paths))
                except BaseException:
                    stopped.set()
                    raise
        if refusals := [each for each in outcomes if isinstance(each, RefusedError)]:
            raise RefusedError("\n".join(map(str, refusals)))
        return [each for each in outcomes if isinstance(each, Scored)]

    def label(
        self,
        data: "str | Path | DataFrame",
        *,
        key: str | None = None,
        first: date | None = None,
        last: date | None = None,
        name: str = "labels",
        timeout_seconds: float = 600.0,
        on_look: Callable[[float], None] = unheard,
    ) -> Labelled:
        """Uploads true labels, and waits until they are imported and their days are measured.

        Args:
            data: a local CSV file or a DataFrame, with a column to join by and one with labels.
            key: the column to join by. Default: the stack's parameter IdColumn if the file has that column and not the
                prediction ids, else these ids. Any column other than the ids is joined here with the predictions of the
                days from `first` to `last` (default: the last 30); the scored files must have had that column.

        Raises:
            FileUnfitError: no row of the file can be used; nothing was uploaded.
            RefusedError: the stack refused the file, or did not answer in time.
        """
        contract = self.contract()
        with tempfile.TemporaryDirectory() as temporary:
            path = local_file(data, Path(temporary), name)
            row_id = contract.get("row_id", "id")
            key = key or self._default_key(path, row_id)
            table, column = check_labels(path, contract, key)
            if key == row_id:
                days, upload_path = days_of_ids(self.bucket, table, row_id), path
                rows = joined = sum(1 for _ in table.column(row_id))
                repeated = 0
            else:
                upload_path = Path(temporary) / f"{path.stem}-by-{key}.csv"
                made = join_labels(
                    self.bucket, table, key, column, recent_days(first, last), upload_path, row_id
                )
                days, rows, joined, repeated = made.days, made.rows, made.joined, made.repeated
            upload = self.bucket.upload(upload_path, f"labels/{upload_path.stem}.csv")
            taken, rejected, quality = await_labels(self.bucket, upload, days, timeout_seconds, on_look)
        return Labelled(path, rows, joined, repeated, taken, rejected, quality)

    def judge(
        self,
        data: "str | Path | DataFrame | None" = None,
        *,
        day: date | None = None,
        first: date | None = None,
        last: date | None = None,
        run: str | None = None,
        name: str = "rows",
    ) -> Judgements:
        """Judges drift now: the days that are due, one day, all rows of a range of days, or a file.

        Args:
            data: a local CSV file, a DataFrame, or a key of the bucket. It is judged by the baseline of the model in
                force, or of `run`, and not scored.

        Raises:
            OptionUnfitError: the arguments exclude each other.
            FileUnfitError: the file is not a CSV.
            RefusedError: the drift detector refused.
        """
        if (first is None) != (last is None):
            raise OptionUnfitError("A range of days needs both --from and --to.")
        if sum(each is not None for each in (data, day, first)) > 1:
            raise OptionUnfitError("Judge a day, a range of days or a file: one of them at a time.")
        if run is not None and data is None:
            raise OptionUnfitError("--run needs a file, which is then judged by that run's baseline.")
        if data is not None:
            return self._judge_data(data, run, name)
        event: dict[str, str] = {}
        if day:
            event = {"date": day.isoformat()}
        elif first and last:
            event = {"from": first.isoformat(), "to": last.isoformat()}
        return self._judge(event)

    def report(self, folder: "str | Path" = "autowatch-report") -> Pages:
        """Downloads all pages of days and runs into a folder, so that the links between them work."""
        return fetch_pages(self.bucket, Path(folder))

    def status(self) -> Status:
        """The state of the stack's parts."""
        return read_status(self.place, self.client, self.bucket)

    def examine(self) -> list[Finding]:
        """The results of all health checks, with remedies."""
        return list(examine(self.place, self.client, self.bucket))

    def redrive(self, on_message: Callable[[Redriven], None] = unheard) -> list[Redriven]:
        """Sends the failed events that wait in the stack's queues again, and returns each one's outcome."""
        found = redrive(self.client, self.bucket, self.place.stack, on_message)
        if found:
            self._auditor().record("redrive", "", events=[vars(each) for each in found])
        return found

    def search(
        self,
        keys: Collection[str] = (),
        ids: Collection[str] = (),
        *,
        column: str | None = None,
        on_object: Callable[[str], None] = unheard,
    ) -> Traces:
        """Finds the rows of a person in all versions of all objects of the bucket.

        Args:
            keys: values of the person's key, in the column `column` (the stack's parameter IdColumn by default).
            ids: ids of predictions; each leads to one row that was scored.
            on_object: called with the key of each object that is read.

        Raises:
            OptionUnfitError: neither keys nor ids are given, or the column of the keys is unknown.
            RefusedError: a run or the scoring of a large file is in progress.
        """
        column = column or self.parameters.get("IdColumn", "")
        if not keys and not ids:
            raise OptionUnfitError("Name the person's key (--key VALUE) or the id of a prediction (--id ID).")
        if keys and not column:
            raise OptionUnfitError("Name the column of the key: --column NAME. The stack has no IdColumn.")
        self._check_idle()
        self._check_no_transform()
        return search(self.bucket, Person(frozenset(keys), column, frozenset(ids)), on_object)

    def forget(
        self, traces: Traces, *, reason: str = "", on_object: Callable[[Found], None] = unheard
    ) -> Forgotten:
        """Removes the rows that `search` has found from all objects, and deletes the versions that had them.

        The plan is recorded under `audit/` before, and its completion after, without any cell value. To finish an
        interrupted removal, search and forget again.

        Raises:
            RefusedError: an object changed meanwhile, or S3 retains a version.
        """
        auditor, objects = (
            self._auditor(),
            [
                {"key": each.key, "action": each.action, "versions": each.versions, "rows": each.rows}
                for each in traces.objects
            ],
        )
        begun = auditor.record("forget", reason, objects=objects)
        left = erase(self.bucket, traces, lambda day: self._judge({"date": day}), on_object)
        done = auditor.record("forgot", reason, begun=begun, objects=len(objects))
        return Forgotten(len(objects), (begun, done), (*left, *not_reached(self.bucket, traces)))

    def _auditor(self) -> Auditor:
        caller = self.client("sts").get_caller_identity()["Arn"]
        return Auditor(self.bucket, str(caller), self._lock_days())

    def _lock_days(self) -> int:
        return int(self.parameters.get("AuditLockDays", "0"))

    def _asked(self, reason: str) -> dict[str, str]:
        """The part of a run's input that identifies who starts it; empty if the stack's version would reject it."""
        if "AuditLockDays" not in self.parameters:
            return {}
        return {"by": str(self.client("sts").get_caller_identity()["Arn"]), "reason": reason}

    def _check_no_transform(self) -> None:
        machine = self.outputs.get("TransformStateMachineArn")
        if machine is None:
            return
        running = self.client("stepfunctions").list_executions(
            stateMachineArn=machine, statusFilter="RUNNING"
        )
        if running["executions"]:
            raise RefusedError("A large file is being scored. Wait until that has ended, and start again.")

    def removal_plan(self, with_data: bool = False) -> list[str]:
        """The steps of `destroy`, in sentences."""
        return removal_plan(self.place, self._endpoint_name(), with_data, self._lock_days())

    def destroy(self, with_data: bool = False, on_step: Callable[[str], None] = unheard) -> bool:
        """Deletes the stack, and with `with_data` its bucket.

        Raises:
            RefusedError: CloudFormation could not delete it.
        """
        return remove_stack(self.place, self.client, self._endpoint_name(), with_data, on_step)

    def _endpoint_name(self) -> str:
        return self.outputs.get("EndpointName") or self.place.stack

    def _check_key(self, key: str) -> None:
        there = [item["Key"] for item in self.bucket.objects("training/")]
        found = any(name.startswith(key) for name in there) if key.endswith("/") else key in there
        if not found:
            raise KeyUnknownError(
                f"There is no {key} in s3://{self.bucket.name}. {suggestion(key, there, 'files there')}"
            )

    def _check_idle(self) -> None:
        """A run that is started while another is running is refused, and everybody gets a mail."""
        latest = self.bucket.read_json("models/latest.json") or {}
        if latest.get("status") != "running":
            return
        try:
            answer = self.client("stepfunctions").describe_execution(executionArn=latest["execution"])
        except ClientError:
            return
        if answer["status"] == "RUNNING":
            raise RefusedError(
                f"Run {latest['run']} has not ended yet. Wait for it, or stop it: "
                f"autowatch stop {latest['run']}"
            )

    def _targets(self, paths: list[Path], folder: Path | None) -> dict[Path, tuple[Path, Path]]:
        if len({path.stem for path in paths}) < len(paths):
            raise FileUnfitError(
                "Two of the files have the same name. Rename one: both would be the same in the bucket."
            )
        for path in paths:
            open_table(path)
        return {path: output_paths(path, folder) for path in paths}

    def _default_key(self, path: Path, row_id: str) -> str:
        own, header = self.parameters.get("IdColumn", ""), open_table(path).header
        return own if own and own in header and row_id not in header else row_id

    def _judge_data(self, data: "str | Path | DataFrame", run: str | None, name: str) -> Judgements:
        if run is not None:
            read_run(self.bucket, run)
        more = {"run": run} if run else {}
        if isinstance(data, str) and not Path(data).exists() and "/" in data:
            if not self.bucket.exists(data):
                there = [item["Key"] for item in self.bucket.objects(f"{data.split('/')[0]}/")]
                raise KeyUnknownError(
                    f"There is no file {data} here, and no such key in the bucket. "
                    f"{suggestion(data, there, 'keys')}"
                )
            return self._judge({"raw_key": data, **more})
        with tempfile.TemporaryDirectory() as folder:
            path = local_file(data, Path(folder), name)
            open_table(path)
            key = self.bucket.upload(path, f"{_ASKED}{path.stem}.csv").key
        try:
            found = self._judge({"raw_key": key, **more})
        finally:
            self.bucket.delete(key)
        what = str(data) if isinstance(data, str | Path) else name
        return replace(found, judged=tuple(replace(each, what=what) for each in found.judged))

    def _judge(self, event: dict[str, str]) -> Judgements:
        resources = stack_resources(self.client, self.place.stack)
        return judge(self.client("lambda"), resources["DetectDriftFunction"][0], self.bucket, event)


def connect(stack: str | None = None, *, profile: str | None = None, region: str | None = None) -> Stack:
    """The stack `sandbox` on this machine, or the named stack in AWS.

    Without a name: the stack of AUTOWATCH_STACK or S3_BUCKET in the environment, else the running sandbox of this
    clone. Credentials and region are those of `profile` and `region`, else those that boto3 finds.

    Raises:
        StackUnknownError: no stack is named, or it does not exist.
        SandboxEndedError: it was in a sandbox that has ended.
    """
    return Stack(find_place(stack, profile=profile, region=region))
