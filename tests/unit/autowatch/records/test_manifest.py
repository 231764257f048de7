import json

import msgspec
import pytest

from autowatch.aws.objects import ObjectVersion
from autowatch.records.manifest import CountedManifest, Manifest, RowCounts, WrittenObject
from autowatch.tabular.profile import Profile

MANIFEST = Manifest(
    input=ObjectVersion("inference/a.csv", "v", "e", 10),
    predictions_key="predictions/a.csv",
    predictions_version_id="1",
    profile_key="predictions/a.profile.json",
    profile_version_id=None,
    rows=RowCounts(3, 3, 0),
    run="r",
    model_name="m",
    endpoint_name="e",
    endpoint_config="c",
    variant="champion",
    prediction_date="2026-11-23T09:00:00Z",
    started="2026-11-23T09:00:01Z",
    finished="2026-11-23T09:00:04Z",
    columns=("age",),
    versions={"autowatch": "0.1.0"},
)


def test_the_document_has_the_documented_form():
    counts = Profile("r", "bins", 3, {"age": (1, 2)})
    document = json.loads(msgspec.json.encode(CountedManifest(**vars(MANIFEST), counts=counts)))
    assert document == {
        "manifest_version": 1,
        "input": {"key": "inference/a.csv", "version_id": "v", "etag": "e", "size": 10},
        "predictions_key": "predictions/a.csv",
        "predictions_version_id": "1",
        "profile_key": "predictions/a.profile.json",
        "profile_version_id": None,
        "rejected_key": None,
        "rejected_version_id": None,
        "rows": {"in": 3, "scored": 3, "rejected": 0},
        "run": "r",
        "model_name": "m",
        "endpoint_name": "e",
        "endpoint_config": "c",
        "variant": "champion",
        "committed_by": "",
        "prediction_date": "2026-11-23T09:00:00Z",
        "started": "2026-11-23T09:00:01Z",
        "finished": "2026-11-23T09:00:04Z",
        "columns": ["age"],
        "row_id": "id",
        "formulas_neutralised": False,
        "versions": {"autowatch": "0.1.0"},
        "counts": {
            "profile_version": 1,
            "run": "r",
            "bins": "bins",
            "rows": 3,
            "columns": {"age": [1, 2]},
            "sketches": {},
        },
    }
    assert msgspec.convert(document, Manifest) == MANIFEST
    assert msgspec.convert(document, CountedManifest).counts == counts


def test_a_manifest_of_an_earlier_version_is_read():
    document = msgspec.to_builtins(MANIFEST)
    for name in ("columns", "variant", "committed_by", "row_id"):
        del document[name]
    read = msgspec.convert(document, CountedManifest)
    assert (read.columns, read.variant, read.committed_by, read.counts) == ((), "", "", None)


@pytest.mark.parametrize("key", [None, "rejected/a.csv"])
def test_the_objects_of_the_commit(key):
    manifest = msgspec.convert(msgspec.to_builtins(MANIFEST) | {"rejected_key": key}, Manifest)
    assert manifest.written == (
        WrittenObject("predictions/a.csv", "1"),
        WrittenObject("predictions/a.profile.json", None),
        *([WrittenObject(key, None)] if key else []),
    )
