"""The client of an Autowatch stack, for the command `autowatch`, notebooks and scripts.

    import autowatch_client as autowatch

    stack = autowatch.connect()                       # a running sandbox, or autowatch.connect("my-stack") in AWS
    end = stack.train("bank.csv").follow()            # a path, a DataFrame, or a key of the bucket
    (scored,) = stack.score("customers.csv")
    frame = scored.frame()                            # where pandas is installed
    stack.label("november.csv", key="customerID")
    print(stack.judge().judged)

It reaches a stack only through its bucket, state machine, functions and endpoint. It needs boto3; DataFrames need
pandas.
"""

from autowatch_client.checks import TrainingLook
from autowatch_client.drift import Judgement, Judgements
from autowatch_client.errors import (
    CloneUnknownError,
    FileUnfitError,
    FolderUnfitError,
    KeyUnknownError,
    NoModelError,
    NothingToDoError,
    ObjectUnreadableError,
    OptionUnfitError,
    PandasMissingError,
    RefusedError,
    RequestError,
    RunUnknownError,
    SandboxEndedError,
    StackUnknownError,
)
from autowatch_client.executions import Job, Sight
from autowatch_client.follow import End, describe
from autowatch_client.forgetting.search import Found, Traces
from autowatch_client.health import Finding, Status
from autowatch_client.labels import Labelled, Quality
from autowatch_client.redrive import Redriven
from autowatch_client.reports import Pages
from autowatch_client.runs import RunSummary
from autowatch_client.scoring import Scored
from autowatch_client.stack import Forgotten, RunDetail, Stack, Training, connect

__all__ = [
    "CloneUnknownError",
    "End",
    "FileUnfitError",
    "Finding",
    "FolderUnfitError",
    "Forgotten",
    "Found",
    "Job",
    "Judgement",
    "Judgements",
    "KeyUnknownError",
    "Labelled",
    "NoModelError",
    "NothingToDoError",
    "ObjectUnreadableError",
    "OptionUnfitError",
    "Pages",
    "PandasMissingError",
    "Quality",
    "Redriven",
    "RefusedError",
    "RequestError",
    "RunDetail",
    "RunSummary",
    "RunUnknownError",
    "SandboxEndedError",
    "Scored",
    "Sight",
    "Stack",
    "StackUnknownError",
    "Status",
    "Traces",
    "Training",
    "TrainingLook",
    "connect",
    "describe",
]
