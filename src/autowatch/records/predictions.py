"""Reading committed predictions files."""

from collections.abc import Iterator, Sequence

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.aws.reading import read_input
from autowatch.records.manifest import Manifest, PredictionsMissing
from autowatch.tabular.table import NoRows, Table, read_table

_ROWS_AT_ONCE = 10_000


def open_predictions(bucket: Bucket, manifest: Manifest) -> Table:
    """The rows of the committed version.

    Raises:
        PredictionsMissing: the predictions file no longer exists.
    """
    try:
        file = bucket.version(manifest.predictions.key, manifest.predictions.version_id)
    except ObjectMissing as error:
        raise PredictionsMissing(
            f"{bucket.url(manifest.predictions.key)} is gone but its manifest exists. Restore it, or remove the "
            "manifest."
        ) from error
    return read_table(read_input(bucket, file), delimiter=",")


def read_columns(bucket: Bucket, manifest: Manifest, names: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """The columns with these names, in blocks of rows; yields nothing if all rows of the input were rejected.

    The names are the input's; the fields are as the file has them (`Manifest.as_written`).

    Raises:
        PredictionsMissing: the predictions file no longer exists.
    """
    table = open_predictions(bucket, manifest)
    places = [table.header.index(manifest.as_written(name)) for name in names]
    try:
        for block in table.blocks(_ROWS_AT_ONCE):
            yield [block.columns[place] for place in places]
    except NoRows:
        return
