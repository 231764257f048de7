"""Finds a person's rows: in which versions of which objects they are.

A row is known by the person's key, in the column for it, or by its prediction's id. These lead to further rows: a
rejected row is found by its line in the input, a run's own copies by the training file.
"""

import csv
import io
import re
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import groupby
from operator import attrgetter
from pathlib import Path
from typing import Any, Literal

from autowatch_client.forgetting.rows import NotSearchableError, Row, RowsFile
from autowatch_client.objects import Bucket, StoredVersion, short_digest

Action = Literal["take out", "remove", "take out of smoke test", "take out of profile", "judge anew"]

_OWN_IDS = ("autowatch_id", "id")
_UPLOADED = ("inference/", "training/", "reference/", "labels/")
_RUN_DATA = re.compile(
    r"models/(?P<run>[^/]+)/((train|holdout|(?P<reference>reference))\.csv|autopilot/.+\.(csv|csv\.out|parquet))"
)
_SMOKE_TEST = re.compile(r"models/(?P<run>[^/]+)/smoke\.json")
_LONGEST_TEXT = 80


@dataclass(frozen=True)
class Person:
    """The person to forget: values of their key, the column with keys, and ids of predictions."""

    keys: frozenset[str]
    column: str
    ids: frozenset[str]


@dataclass(frozen=True)
class Found:
    """An object with rows of the person.

    Attributes:
        rows: the most in one version; None if the object is removed whole.
        live: the version in use, to be rewritten; None if it has none of the rows or does not exist.
        numbers: the rows of `live` to leave out, from 1.
        stale: the other versions with such rows, to be deleted.
    """

    key: str
    action: Action
    rows: int | None
    live: StoredVersion | None = None
    numbers: frozenset[int] = frozenset()
    stale: tuple[StoredVersion, ...] = ()

    @property
    def versions(self) -> int:
        """How many versions have such rows."""
        return len(self.stale) + (self.live is not None)


@dataclass
class Texts:
    """The person's cells by column, and the number of their scored rows: a text in no more rows may be theirs alone."""

    cells: dict[str, set[str]] = field(default_factory=dict)
    rows: int = 0

    def add(self, header: list[str], row: Row) -> None:
        """Adds the cells of a row, cut as in profiles."""
        for name, text in zip(header, row.fields, strict=False):
            cut = text if len(text) <= _LONGEST_TEXT else f"{text[: _LONGEST_TEXT - 1]}…"
            self.cells.setdefault(name, set()).add(cut)

    def has(self, column: str, text: str, rows: int) -> bool:
        """Whether a text that occurs in this many rows may be the person's alone."""
        return rows <= self.rows and text in self.cells.get(column, ())


@dataclass
class Traces:
    """The result of a search.

    Attributes:
        objects: in the order of treatment.
        texts: the person's texts that profiles and reports may quote.
        runs: the runs trained on the rows.
        not_searched: objects that could not be read, each with the reason.
        has_column: whether any file has the column of the person's key.
    """

    objects: list[Found] = field(default_factory=list)
    texts: Texts = field(default_factory=Texts)
    runs: set[str] = field(default_factory=set)
    not_searched: dict[str, str] = field(default_factory=dict)
    has_column: bool = False


def search(bucket: Bucket, person: Person, on_object: Callable[[str], None]) -> Traces:
    """Searches all versions of all objects that may have rows.

    Objects that lead to other rows come last in the result, so that a new search can find and finish an interrupted
    removal.
    """
    with tempfile.TemporaryDirectory() as folder:
        hunt = _Hunt(bucket, person, Path(folder) / "object.csv", on_object)
        inference = hunt.inputs("inference/")
        predictions = hunt.predictions()
        rejected = hunt.rejected()
        labels = [*hunt.labels("monitoring/labels/"), *hunt.labels("labels/")]
        training = [*hunt.inputs("training/"), *hunt.inputs("reference/")]
        models = hunt.runs()
        hunt.traces.texts.rows = hunt.rows_scored
        told = [*hunt.profiles(), *hunt.reports()]
    found = [*models, *labels, *told, *rejected, *predictions, *training, *inference]
    hunt.traces.objects = [*(hunt.work() if found else ()), *found]
    return hunt.traces


class _Hunt:
    """A search in progress: each kind of object leads to rows of the next."""

    def __init__(self, bucket: Bucket, person: Person, path: Path, on_object: Callable[[str], None]) -> None:
        self.traces = Traces()
        self._bucket, self._person, self._path, self._on_object = bucket, person, path, on_object
        self._ids = set(person.ids)
        self._lines: dict[str, set[int]] = {}
        self._days: set[str] = set()
        self._scored: set[str] = set()
        self._trained: dict[str, list[dict[str, str]]] = {}

    @property
    def rows_scored(self) -> int:
        """How many rows of the person were scored, among those found so far."""
        return len(self._ids)

    def inputs(self, prefix: str) -> Iterable[Found]:
        """Files under inference/ and training/: by key and, if scored, by row number."""
        is_scored = prefix == "inference/"

        def matcher(version: StoredVersion, header: list[str]) -> Callable[[Row], bool]:
            by_key, digits = self._by_key(header), short_digest(f"{version.key}\n{version.mark}")

            def matches(row: Row) -> bool:
                if not (by_key(row) or (is_scored and f"{digits}-{row.number}" in self._ids)):
                    return False
                if is_scored:
                    self._ids.add(f"{digits}-{row.number}")
                    self._lines.setdefault(digits, set()).add(row.line)
                    self.traces.texts.add(header, row)
                else:
                    cells = dict(zip(header, row.fields, strict=False))
                    self._trained.setdefault(version.key, []).append(cells)
                return True

            return matches

        found = self._search(prefix, matcher)
        for digits in self._lines if is_scored else ():
            pointer = self._bucket.read_json(f"monitoring/ids/{digits}.json")
            if pointer:
                self._scored.add(pointer["predictions_key"])
        return found

    def predictions(self) -> Iterable[Found]:
        """Predictions files, whether a manifest names them or not: by id or by key."""

        def matcher(version: StoredVersion, header: list[str]) -> Callable[[Row], bool]:
            by_key = self._by_key(header)
            place = next((header.index(name) for name in _OWN_IDS if name in header), None)

            def matches(row: Row) -> bool:
                identifier = row.fields[place] if place is not None and place < len(row.fields) else ""
                if not (by_key(row) or identifier in self._ids):
                    return False
                self._ids.add(identifier)
                self._scored.add(version.key)
                self.traces.texts.add(header, row)
                return True

            return matches

        return self._search("predictions/", matcher)

    def rejected(self) -> Iterable[Found]:
        """Rejected rows: by key, by the id in a labels file, or by the line of the input."""

        def matcher(version: StoredVersion, header: list[str]) -> Callable[[Row], bool]:
            by_key, by_id, lines = (
                self._by_key(header),
                self._by_id(header),
                self._rejected_lines(version.key),
            )
            return lambda row: by_key(row) or by_id(row) or row.fields[0] in lines

        return self._search("rejected/", matcher)

    def labels(self, prefix: str) -> Iterable[Found]:
        """Labels files and the labels imported from them."""

        def matcher(_: StoredVersion, header: list[str]) -> Callable[[Row], bool]:
            by_key, by_id = self._by_key(header), self._by_id(header)
            return lambda row: by_key(row) or by_id(row)

        return self._search(prefix, matcher)

    def runs(self) -> Iterable[Found]:
        """The training data that runs keep.

        The two parts have no key. If the training file had the person's rows, they are removed whole: nothing reads
        them after the run, and the training file still has all other rows. The smoke test loses those rows that agree
        in every cell whose format a run does not change.
        """
        prefixes = ("training/", "reference/")
        there = {version.key for prefix in prefixes for version in self._bucket.versions(prefix)}
        contracts: dict[str, dict[str, Any]] = {}
        for key, versions in self._objects("models/"):
            match = _RUN_DATA.fullmatch(key) or _SMOKE_TEST.fullmatch(key)
            if match is None:
                continue
            run = match["run"]
            if run not in contracts:
                contracts[run] = self._bucket.read_json(f"models/{run}/contract.json") or {}
            source = (contracts[run].get("training") or {}).get("key", "")
            if match.groupdict().get("reference"):
                source = "reference/"
            rows = [row for held, cells in self._trained.items() if _is_of(held, source) for row in cells]
            if rows:
                self.traces.runs.add(run)
                if _SMOKE_TEST.fullmatch(key):
                    yield from self._smoke_tests(key, versions, contracts[run]["features"], rows)
                else:
                    yield Found(key, "remove", None, stale=tuple(versions))
            elif self._person.keys and not any(_is_of(held, source) for held in there):
                self.traces.not_searched[key] = "the training file that it was made from is gone"

    def _smoke_tests(
        self,
        key: str,
        versions: list[StoredVersion],
        features: list[dict[str, Any]],
        rows: list[dict[str, str]],
    ) -> Iterator[Found]:
        places = [place for place, feature in enumerate(features) if "form" not in feature]
        known = {tuple(row.get(features[place]["name"], "") for place in places) for row in rows}
        numbers: dict[StoredVersion, frozenset[int]] = {}
        for version in versions:
            document = self._bucket.read_json(key, version.version_id) or {}
            cells = csv.reader(io.StringIO(document.get("payload", ""), newline="\n"))
            numbers[version] = frozenset(
                number
                for number, fields in enumerate(cells, start=1)
                if tuple(fields[place] for place in places) in known
            )
        yield from _found(key, "take out of smoke test", numbers, _latest(versions))

    def profiles(self) -> Iterator[Found]:
        """Manifests and profiles that quote a text which only the person's rows have."""
        for predictions_key in sorted(self._scored):
            stem = predictions_key.removesuffix(".csv")
            for key in (f"{stem}.manifest.json", f"{stem}.profile.json"):
                versions = [each for each in self._bucket.versions(key) if each.key == key]
                quoted = {
                    each: frozenset(range(1, 1 + len(quotes)))
                    for each in versions
                    if (
                        quotes := quoted_texts(
                            self._bucket.read_json(key, each.version_id) or {}, self.traces.texts
                        )
                    )
                }
                yield from _found(key, "take out of profile", quoted, self._live(key, versions))

    def reports(self) -> Iterator[Found]:
        """Judgements and pages that quote such a text. Reports on demand are removed."""
        for key, versions in self._objects("reports/"):
            folder, _, name = key.rpartition("/")
            on_demand = key.startswith(("reports/range=", "reports/file=")) and name == "drift.json"
            if on_demand and any(self._is_quoting(version) for version in versions):
                for part in ("index.html", "drift.json"):
                    yield Found(
                        f"{folder}/{part}",
                        "remove",
                        None,
                        stale=tuple(self._bucket.versions(f"{folder}/{part}")),
                    )
        self._days.update(key.split("/")[1].removeprefix("date=") for key in self._scored if "/date=" in key)
        for day in sorted(self._days):
            key = f"reports/date={day}/drift.json"
            versions = [each for each in self._bucket.versions(key) if each.key == key]
            quoting = {each: frozenset({1}) for each in versions if self._is_quoting(each)}
            yield from _found(key, "judge anew", quoting, _latest(versions))

    def _is_quoting(self, report: StoredVersion) -> bool:
        return quotes_texts(self._bucket.read_json(report.key, report.version_id) or {}, self.traces.texts)

    def work(self) -> Iterator[Found]:
        """Leftovers of ended transforms: internal files without headers, which are deleted anyway."""
        for key, versions in self._objects("transform/"):
            yield Found(key, "remove", None, stale=tuple(versions))

    def _search(
        self, prefix: str, matcher: Callable[[StoredVersion, list[str]], Callable[[Row], bool]]
    ) -> list[Found]:
        """The objects below a prefix with rows that match. `matcher` returns the test for a header."""
        found: list[Found] = []
        for key, versions in self._objects(prefix):
            if not key.lower().endswith(".csv"):
                if prefix in _UPLOADED:
                    self.traces.not_searched[key] = "its name does not end with .csv"
                continue
            numbers: dict[StoredVersion, frozenset[int]] = {}
            for version in versions:
                try:
                    numbers[version] = self._matching(version, matcher)
                except NotSearchableError as error:
                    self.traces.not_searched[key] = str(error)
            if any(numbers.values()):
                found.extend(_found(key, "take out", numbers, self._live(key, versions)))
        return found

    def _matching(
        self,
        version: StoredVersion,
        matcher: Callable[[StoredVersion, list[str]], Callable[[Row], bool]],
    ) -> frozenset[int]:
        self._on_object(version.key)
        self._bucket.download(version.key, self._path, version.version_id)
        with self._path.open("rb") as file:
            table = RowsFile(file, version.key)
            has_column = self._person.column in table.header
            self.traces.has_column |= has_column
            is_named = has_column or (version.key.startswith("labels/") and self._has_id(table.header))
            if self._person.keys and version.key.startswith(_UPLOADED) and not is_named:
                self.traces.not_searched[version.key] = f"it has no column {self._person.column!r}"
            matches = matcher(version, table.header)
            return frozenset(row.number for row in table.rows() if row.fields and matches(row))

    def _objects(self, prefix: str) -> Iterator[tuple[str, list[StoredVersion]]]:
        for key, versions in groupby(self._bucket.versions(prefix), attrgetter("key")):
            if not key.endswith("/"):
                yield key, list(versions)

    def _live(self, key: str, versions: list[StoredVersion]) -> StoredVersion | None:
        """The version in use: the one that a manifest names, else the newest, unless it was deleted."""
        manifest = self._manifest_of(key) if key.startswith(("predictions/", "rejected/")) else {}
        for name in ("predictions", "profile", "rejected"):
            if manifest.get(f"{name}_key") == key and (named := manifest.get(f"{name}_version_id")):
                return next((each for each in versions if each.version_id == named), None)
        return _latest(versions)

    def _manifest_of(self, key: str) -> dict[str, Any]:
        return self._bucket.read_json(manifest_key(key)) or {} if not key.endswith(".manifest.json") else {}

    def _by_key(self, header: list[str]) -> Callable[[Row], bool]:
        """Whether a row has the person's key; rejected files put `'` before cells that a spreadsheet would execute."""
        names = (self._person.column, f"'{self._person.column}")
        place = next((header.index(name) for name in names if name in header), None)
        if place is None or not self._person.keys:
            return lambda _: False
        keys = self._person.keys | {f"'{key}" for key in self._person.keys}
        return lambda row: place < len(row.fields) and row.fields[place].strip() in keys

    def _by_id(self, header: list[str]) -> Callable[[Row], bool]:
        places = [header.index(name) for name in _OWN_IDS if name in header]
        return lambda row: any(place < len(row.fields) and row.fields[place] in self._ids for place in places)

    def _has_id(self, header: list[str]) -> bool:
        return any(name in header for name in _OWN_IDS)

    def _rejected_lines(self, key: str) -> set[str]:
        source = self._manifest_of(key).get("input") or {}
        mark = source.get("version_id") or source.get("etag", "")
        return set(map(str, self._lines.get(short_digest(f"{source.get('key')}\n{mark}"), ())))


def _is_of(key: str, source: str) -> bool:
    """Whether a file is the training source of a run, or below it if the source is a folder."""
    return key == source or (source.endswith("/") and key.startswith(source))


def manifest_key(key: str) -> str:
    """The manifest's key for the input of a predictions, profile or rejected file."""
    folder, _, rest = key.partition("/")
    stem = rest.removesuffix(".csv").removesuffix(".profile.json")
    return f"{'predictions' if folder == 'rejected' else folder}/{stem}.manifest.json"


def quoted_texts(document: dict[str, Any], texts: Texts) -> list[tuple[str, str]]:
    """Column and text of each quote, in a profile or a manifest's counts, that is the person's alone."""
    sketches = (document.get("counts") or document).get("sketches") or {}
    return [
        (name, text)
        for name, sketch in sketches.items()
        for text, rows in (sketch.get("unknown") or {}).items()
        if texts.has(name, text, rows)
    ]


def quotes_texts(report: dict[str, Any], texts: Texts) -> bool:
    """Whether a day's judgement quotes a text of the person alone."""
    return any(
        texts.has(column["name"], value["text"], value["rows"])
        for run in (report, *(report.get("other_runs") or ()))
        for column in run.get("columns") or ()
        for value in column.get("unknown") or ()
    )


def _found(
    key: str, action: Action, numbers: dict[StoredVersion, frozenset[int]], live: StoredVersion | None
) -> Iterator[Found]:
    having = {version: rows for version, rows in numbers.items() if rows}
    if having:
        most = max(map(len, having.values()))
        stale = tuple(version for version in having if version != live)
        kept = live if live in having else None
        yield Found(key, action, most, kept, numbers.get(live, frozenset()) if live else frozenset(), stale)


def _latest(versions: Iterable[StoredVersion]) -> StoredVersion | None:
    return next((version for version in versions if version.is_latest), None)
