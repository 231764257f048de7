"""What forgetting cannot reach, said in sentences."""

from autowatch_client.forgetting.search import Traces
from autowatch_client.objects import Bucket

_ALWAYS = (
    "Copies outside of the bucket: downloads, replicas, backups, and mails, which may quote texts that several rows "
    "had. The stack's logs hold no rows; those of SageMaker's containers may quote some, until they expire.",
    "Counts: profiles, baselines and reports count the rows on, and keep smallest and largest numbers and the names of "
    "categories.",
)


def not_reached(bucket: Bucket, traces: Traces) -> list[str]:
    """A sentence for each thing that still has to do with the person's rows."""
    return [
        *_domino(bucket, traces),
        *_models(traces),
        *not_searched(traces),
        *_ALWAYS,
    ]


def not_searched(traces: Traces) -> list[str]:
    """A sentence for each reason for which objects were not searched."""
    by_reason: dict[str, list[str]] = {}
    for key, why in traces.not_searched.items():
        by_reason.setdefault(why, []).append(key)
    return [
        f"Not searched, look at {'it' if len(keys) == 1 else 'them'} yourself: {keys[0]}"
        f"{f' and {len(keys) - 1:,} more' if len(keys) > 1 else ''}, since {why}."
        for why, keys in by_reason.items()
    ]


def _domino(bucket: Bucket, traces: Traces) -> list[str]:
    sent = [each.key for each in traces.objects if bucket.exists(f"monitoring/domino/{each.key}.json")]
    if not sent:
        return []
    return [
        f"Domino Model Monitor has taken in {len(sent)} of these files, {sent[0]} among them; ask its administrator."
    ]


def _models(traces: Traces) -> list[str]:
    if not traces.runs:
        return []
    runs = ", ".join(sorted(traces.runs))
    return [
        f"The models of the runs {runs} have learned from the rows. Train anew: autowatch train. KeepModels says how "
        "long earlier models stay."
    ]
