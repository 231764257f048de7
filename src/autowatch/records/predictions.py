"""Reading predictions files that a manifest has committed."""

from collections.abc import Iterator, Sequence

from autowatch.aws.objects import Bucket, ObjectMissing
from autowatch.aws.reading import read_input
from autowatch.records.manifest import Manifest, PredictionsMissing
from autowatch.tabular.table import NoRows, Table, read_table

_ROWS_AT_ONCE = 10_000


def open_predictions(bucket: Bucket, manifest: Manifest) -> Table:
    """The rows of the version that belongs to the commit.

    Raises:
        PredictionsMissing: they are gone.
    """
    try:
        file = bucket.version(manifest.predictions.key, manifest.predictions.version_id)
    except ObjectMissing as error:
        raise PredictionsMissing(
            f"{bucket.url(manifest.predictions.key)} is gone although its manifest is there. Restore it, or remove the "
            "manifest."
        ) from error
    return read_table(read_input(bucket, file))


def read_columns(bucket: Bucket, manifest: Manifest, names: Sequence[str]) -> Iterator[list[Sequence[str]]]:
    """The columns of these names, some rows at a time; nothing where all rows of the input were rejected.

    Names are given as the input has them; fields come as they stand in the file (`Manifest.as_written`).

    Raises:
        PredictionsMissing: they are gone.
    """
    table = open_predictions(bucket, manifest)
    places = [table.header.index(manifest.as_written(name)) for name in names]
    try:
        for block in table.blocks(_ROWS_AT_ONCE):
            yield [block.columns[place] for place in places]
    except NoRows:
        return
