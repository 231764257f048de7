import io
from datetime import UTC, datetime

import pytest

from cli.execution import Job, Sight
from cli.progress_line import ProgressLine, clock
from cli.watch import describe


def sight(state, job=None):
    return Sight("RUNNING", datetime(2026, 11, 23, tzinfo=UTC), state, "run", job, {})


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        (sight(None), "starting"),
        (sight("Gate"), "the gate: scoring the hold-out"),
        (sight("AStateOfLaterDays"), "AStateOfLaterDays"),
        (sight("DescribeAutopilot", Job("AnalyzingData", None, None)), "Autopilot: AnalyzingData"),
        (
            sight("WaitForAutopilot", Job("ModelTraining", "AUC", 0.78125)),
            "Autopilot: ModelTraining, best AUC so far 0.7812",
        ),
    ],
)
def test_what_a_run_is_at_is_said_in_words(seen, text):
    assert describe(seen) == text


def test_without_a_terminal_a_line_comes_only_when_something_changes():
    stream = io.StringIO()
    line = ProgressLine(stream)
    for seconds, text in ((0, "a"), (1, "a"), (2, "b"), (3, "b")):
        line.show(seconds, text)
    line.close()
    assert stream.getvalue() == "  0:00  a\n  0:02  b\n"


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_on_a_terminal_one_line_is_overwritten_and_in_the_end_left_standing():
    stream = Terminal()
    line = ProgressLine(stream)
    line.show(0, "a")
    line.show(61, "b" * 500)
    line.close()
    first, second = stream.getvalue().split("\r\033[K")[1:]
    assert first == "  0:00  a"
    assert second.startswith("  1:01  bbb")
    assert len(second) < 500
    assert second.endswith("\n")


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0:00"), (59.9, "0:59"), (754, "12:34"), (3723, "1:02:03")]
)
def test_time_reads_well(seconds, text):
    assert clock(seconds) == text
