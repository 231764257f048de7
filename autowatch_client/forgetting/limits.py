"""What forgetting cannot reach, in sentences."""

from autowatch_client.forgetting.search import Traces
from autowatch_client.objects import Bucket

_ALWAYS = (
    "Copies outside the bucket: downloads, replicas, backups, and mails, which may quote texts "
    "that several rows had. The stack's logs contain no rows; those of SageMaker's containers "
    "may quote some until they expire.",
    "Counts: profiles, baselines and reports still count the rows, and keep minima, maxima and "
    "category names.",
)


def not_reached(bucket: Bucket, traces: Traces) -> list[str]:
    """A sentence for each place where the person's rows may still have an effect."""
    return [
        *_domino(bucket, traces),
        *_models(traces),
        *not_searched(traces),
        *_ALWAYS,
    ]


def not_searched(traces: Traces) -> list[str]:
    """A sentence for each reason why objects were not searched."""
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
        f"Domino Model Monitor has taken in {len(sent)} of these files, {sent[0]} among them; ask "
        "its administrator."
    ]


def _models(traces: Traces) -> list[str]:
    if not traces.runs:
        return []
    runs = ", ".join(sorted(traces.runs))
    return [
        f"The models of the runs {runs} were trained on the rows. Train again: autowatch train. "
        "KeepModels sets how long earlier models are kept."
    ]
