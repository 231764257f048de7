"""Converts DataFrames from and to files, if pandas is installed."""

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autowatch_client.errors import PandasMissingError

if TYPE_CHECKING:
    from pandas import DataFrame
else:
    DataFrame = Any


def local_file(data: "str | Path | DataFrame", folder: Path, name: str) -> Path:
    """The file with the rows: the given file, or `<name>.csv` in `folder` for a DataFrame.

    An index is not written; missing values become empty cells.
    """
    if isinstance(data, str | Path):
        return Path(data)
    path = folder / f"{name}.csv"
    data.to_csv(path, index=False)
    return path


def read_frame(path: Path) -> "DataFrame":
    """A CSV file as a DataFrame.

    Raises:
        PandasMissingError: pandas is not installed here.
    """
    try:
        pandas = importlib.import_module("pandas")
    except ImportError as error:
        raise PandasMissingError("A DataFrame needs pandas: pip install pandas") from error
    return pandas.read_csv(path)
