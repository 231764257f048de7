import pytest

from autowatch.reports.documents.quality import match_quality, quality_view
from tests.support.report_documents import EARLIER_RUN, RUN, quality_document


def quality(**changes):
    return quality_view({**quality_document(), **changes})


@pytest.mark.parametrize(
    ("judged", "rows_scored", "coverage"),
    [(0, 4_000, 0.75), (4_000, 4_000, 0.75), (4_001, 4_001, 3_000 / 4_001)],
)
def test_the_larger_of_both_row_counts_is_used(judged, rows_scored, coverage):
    main = match_quality(quality(), RUN, {RUN: judged, EARLIER_RUN: 9_000}).main

    assert (main.rows_scored, main.coverage) == (rows_scored, coverage)


def test_the_judged_run_comes_first_and_the_others_keep_their_order():
    others = [quality_document(run=name) for name in ("b", RUN, "a")]
    matched = match_quality(quality(run="c", other_runs=others), RUN, {})

    assert [run.run for run in (matched.main, *matched.other_runs)] == [RUN, "c", "b", "a"]
    assert matched.other_model is None


@pytest.mark.parametrize(
    ("judged_run", "run", "other_model"),
    [
        (RUN, RUN, None),
        (RUN, EARLIER_RUN, "earlier model"),
        (EARLIER_RUN, RUN, "later model"),
        (None, RUN, None),
        (RUN, None, None),
    ],
)
def test_the_figures_name_their_model(judged_run, run, other_model):
    assert match_quality(quality(run=run), judged_run, {}).other_model == other_model
