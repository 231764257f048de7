"""A bucket with runs in moto's S3, and a connection to a stand-in for Domino's second wire on loopback."""

from dataclasses import dataclass
from typing import Any

import boto3

from autowatch.aws.objects import Bucket, ObjectVersion
from autowatch.domino import v2 as domino_v2
from autowatch.domino.connection import DominoConnection, DominoToken
from autowatch.domino.models import ModelRegistry
from autowatch.records.contract import Contract, Feature
from autowatch.records.keys import contract_key, train_key
from tests.support.scripted_domino import DominoV2, FakeDomino

BUCKET, STACK, DATASOURCE = "bank", "autowatch", "bank bucket"
RUN, EARLIER_RUN = "20261123-071500-d822", "20261101-071500-1a2b"


@dataclass
class Stack:
    """What a test works with."""

    s3: Any
    server: FakeDomino
    domino: DominoV2
    registry: ModelRegistry
    ssm: Any = None

    def calls(self, method: str, path: str) -> int:
        """The number of requests."""
        ending = f"/v2/api/{path}"
        return sum(
            item.method == method and item.path.split("?")[0].endswith(ending)
            for item in self.server.requests
        )


def make_stack(session: Any, server: FakeDomino) -> Stack:
    """A stack with two runs, within moto's mock."""
    s3 = boto3.client("s3", "us-east-1", aws_access_key_id="test", aws_secret_access_key="test")
    s3.create_bucket(Bucket=BUCKET)
    for run in (RUN, EARLIER_RUN):
        add_run(s3, run)
    server.respond = domino = DominoV2()
    connection = DominoConnection(
        session,
        server.v2_url,
        DominoToken(lambda: "token"),
        domino_v2.WIRE,
        reply_timeout_seconds=1.0,
        sleep=lambda _: None,
    )
    return Stack(s3, server, domino, ModelRegistry(Bucket(s3, BUCKET), connection, STACK, DATASOURCE))


def add_run(s3: Any, run: str) -> Contract:
    """A run's contract and its training data."""
    contract = Contract(
        run=run,
        target="y",
        labels=("no", "yes"),
        positive_label="yes",
        features=(Feature("age", "numeric"), Feature("job", "categorical")),
        dropped_columns=(),
        rows=3,
        profile_version=1,
        training=ObjectVersion("training/x.csv", None, "e", 5),
    )
    Bucket(s3, BUCKET).write_json(contract_key(run), contract)
    s3.put_object(Bucket=BUCKET, Key=train_key(run), Body=b"age,job,y\n")
    return contract
