"""The objects that a transform leaves to itself between its states, all below one prefix, and their removal."""

from dataclasses import dataclass

from autowatch.aws.objects import Bucket
from autowatch.aws.uploads import abort_uploads

WORK_PREFIX = "transform/"


@dataclass(frozen=True)
class Work:
    """The keys of one transform's work objects; `name` is its execution's."""

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


def remove_work(bucket: Bucket, work: Work) -> None:
    """Removes every work object, and every upload of one that a dead attempt had begun.

    All versions go, since what is only deleted would be kept, and paid for.
    """
    abort_uploads(bucket, work.prefix)
    bucket.delete_versions(work.prefix)
