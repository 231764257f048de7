from dataclasses import asdict, replace
from datetime import date, timedelta

import pytest

from autowatch.monitoring.days.history import Finding, ReportedDay
from autowatch.monitoring.days.news import drift_since, find_news
from autowatch.monitoring.drift.document import drift_document
from autowatch.monitoring.drift.judge import Alarm
from autowatch.monitoring.drift.settings import AlertRules
from tests.support.reported_days import LETTERS, TODAY, days_before, reported

DRIFT = Finding("drift", "run-1", "age")
ALARM = Finding("out of range", "run-1", "age")


def part(letter, run="run-1", weight=1.0, kind="out of range"):
    verdict = LETTERS[letter]
    alarms = [{"column": "age", "kind": kind, "message": "5% lie outside."}] if letter == "a" else []
    return {
        "run": run,
        "verdict": verdict,
        "rows": 1_000,
        "files": 1,
        "drifted_columns": ["age"] if verdict == "drift" else [],
        "drift_share": float(verdict == "drift"),
        "alarms": alarms,
        "columns": [{"name": "age", "importance": weight}],
        "since": None,
    }


def document_of(*parts, alarms=()):
    return drift_document({"date": str(TODAY)}, f"{TODAY}T20:00:00Z", parts, alarms=alarms)


def told(letters, days=1, of=1, **options):
    """The news of today; each letter is a day, and the last one is today."""
    document = document_of(part(letters[-1], **options))
    return find_news(document, days_before(letters[:-1]), None, AlertRules(days, of)).news


def test_refused_files_are_left_to_their_own_mail():
    document = document_of(part("n"), alarms=[Alarm(None, "refused files", "1 file was refused.")])
    assert find_news(document, {}, None, AlertRules()).told == ()


class TestHowOften:
    @pytest.mark.parametrize("letters", ["D", "nD", "DD", "-D", "  D"])
    def test_with_one_of_one_each_drifted_day_counts(self, letters):
        assert told(letters) == (DRIFT,)

    @pytest.mark.parametrize(
        ("letters", "expected"),
        [
            ("D", False),  # the only day that there is
            ("nD", False),
            ("DD", True),
            ("DnD", True),
            ("DnnD", False),  # the first one is the fourth last
            ("DDn", False),  # today did not drift, whatever was before
            ("nnD", False),
        ],
    )
    def test_two_of_three_days(self, letters, expected):
        assert (told(letters, 2, 3) == (DRIFT,)) is expected

    @pytest.mark.parametrize(
        ("letters", "expected"),
        [("D-D", True), ("D--------D", True), ("D  D", True), ("Dn-nD", False), ("-D", False)],
    )
    def test_days_without_a_verdict_or_a_report_do_not_count(self, letters, expected):
        assert (told(letters, 2, 3) == (DRIFT,)) is expected

    @pytest.mark.parametrize(("letters", "expected"), [("DDD", True), ("DnD", False), ("nDDD", True)])
    def test_three_of_three_days(self, letters, expected):
        assert (told(letters, 3, 3) == (DRIFT,)) is expected

    def test_days_of_another_run_do_not_count(self):
        history = days_before("DD", run="run-0")
        assert find_news(document_of(part("D")), history, None, AlertRules(2, 3)).news == ()

    def test_days_after_the_one_judged_do_not_count(self):
        history = {TODAY + timedelta(days=1): reported(TODAY + timedelta(days=1), "D")}
        assert find_news(document_of(part("D")), history, None, AlertRules(2, 3)).news == ()

    def test_a_day_without_enough_data_is_never_drift(self):
        assert told("D-", 1, 1) == ()

    @pytest.mark.parametrize(
        ("letters", "expected"), [("a", False), ("aa", True), ("Da", True), ("na", False), ("ana", True)]
    )
    def test_column_alarms_count_days_with_an_alarm_or_drift(self, letters, expected):
        assert (told(letters, 2, 3) == (ALARM,)) is expected

    def test_days_with_only_alarms_are_not_drift(self):
        assert told("aaD", 2, 3) == ()

    def test_a_missing_column_is_news_at_once(self):
        assert told("a", 3, 3, kind="missing column") == (Finding("missing column", "run-1", "age"),)

    @pytest.mark.parametrize("kind", ["volume", "schema", "settings", "baseline"])
    def test_alarms_about_the_day_are_news_at_once(self, kind):
        document = document_of(part("n"), alarms=[Alarm(None, kind, "So it is.")])
        (finding,) = find_news(document, {}, None, AlertRules(3, 3)).news
        assert (finding.kind, finding.column) == (kind, None)

    @pytest.mark.parametrize("letter", "Da")
    def test_a_column_without_importance_is_never_news(self, letter):
        assert told(letter, weight=0) == ()


class TestNotTwice:
    def again(self, letter, earlier, **options):
        return find_news(document_of(part(letter, **options)), {}, earlier, AlertRules())

    def test_findings_already_named_on_the_day_are_not_news(self):
        found = self.again("D", reported(TODAY, "D", told=[DRIFT]))
        assert (found.news, found.told) == ((), (DRIFT,))
        assert not found.news_of_drift("run-1")

    def test_a_further_column_is_news_without_a_second_event(self):
        found = self.again("D", reported(TODAY, "D", told=[Finding("drift", "run-1", "job")]))
        assert found.news == (DRIFT,)
        assert not found.news_of_drift("run-1")

    def test_the_first_drift_of_a_run_on_the_day_is_an_event(self):
        found = self.again("D", reported(TODAY, "D", told=[Finding("drift", "run-0", "age"), ALARM]))
        assert found.news_of_drift("run-1")
        assert not found.news_of_drift("run-0")

    def test_a_reported_finding_becomes_news_once_it_is_frequent_enough(self):
        earlier = reported(TODAY, "D")
        history = days_before("D")
        found = find_news(document_of(part("D")), history, earlier, AlertRules(2, 2))
        assert found.news == (DRIFT,)

    def test_a_named_finding_that_is_gone_stays_named(self):
        found = self.again("n", reported(TODAY, "D", told=[DRIFT]))
        assert (found.news, found.told) == ((), (DRIFT,))

    def test_the_same_drift_on_the_next_day_is_not_news(self):
        history = days_before("D", told=[DRIFT])
        found = find_news(document_of(part("D")), history, None, AlertRules())
        assert (found.news, found.told, found.told[0].alerted) == (
            (),
            (DRIFT,),
            str(TODAY - timedelta(days=1)),
        )

    def test_a_setting_makes_it_news_every_day(self):
        history = days_before("D", told=[DRIFT])
        assert find_news(document_of(part("D")), history, None, AlertRules(repeat=1)).news == (DRIFT,)

    @pytest.mark.parametrize("kind", ["settings", "baseline"])
    def test_a_lasting_finding_is_news_once(self, kind):
        document = document_of(part("n"), alarms=[Alarm(None, kind, "Line 3.")])
        first = find_news(document, {}, None, AlertRules())
        history = days_before("n", told=first.told)
        second = find_news(document, history, None, AlertRules())
        assert (second.news, second.told) == ((), first.told)

    def test_a_different_mistake_in_the_settings_is_news(self):
        first = find_news(
            document_of(part("n"), alarms=[Alarm(None, "settings", "Line 3.")]), {}, None, AlertRules()
        )
        second = document_of(part("n"), alarms=[Alarm(None, "settings", "Line 4.")])
        assert find_news(second, days_before("n", told=first.told), None, AlertRules()).news

    def test_a_mistake_that_returns_is_news(self):
        finding = Finding("settings", None, None, "Line 3.")
        history = days_before("nn") | days_before("n ", told=[finding])
        document = document_of(part("n"), alarms=[Alarm(None, "settings", "Line 3.")])
        assert find_news(document, history, None, AlertRules()).news == (finding,)

    def test_a_changed_volume_is_not_news(self):
        def telling(kind, message, earlier=None):
            document = document_of(part("n"), alarms=[Alarm(None, kind, message)])
            return find_news(document, {}, earlier, AlertRules())

        for kind, news in (("volume", False), ("schema", True)):
            earlier = reported(TODAY, told=telling(kind, "1 file").told)
            assert bool(telling(kind, "2 files", earlier).news) is news


def test_each_run_counts_its_own_days():
    document = document_of(part("D", run="run-2"), part("D", run="run-1"))
    news = find_news(document, days_before("D", run="run-1"), None, AlertRules(2, 2)).news
    assert news == (DRIFT,)


def test_findings_survive_the_document():
    finding = Finding("schema", None, None, "größe “x”")
    document = document_of(part("n")) | {"told": [asdict(finding)]}
    assert ReportedDay.from_json(document).told == {finding}


class TestSince:
    @pytest.mark.parametrize(
        ("letters", "back"),
        [("", 0), ("n", 0), ("D", 1), ("nDD", 2), ("DnD", 1), ("D-D", 3), ("D  ", 3), ("D-", 2), ("Dn-", 0)],
    )
    def test_it_is_the_first_day_of_an_unbroken_series(self, letters, back):
        assert drift_since("run-1", TODAY, days_before(letters)) == TODAY - timedelta(days=back)

    def test_it_reaches_back_beyond_the_history(self):
        history = days_before("DD", since="2026-01-05")
        assert drift_since("run-1", TODAY, history) == date(2026, 1, 5)

    def test_days_of_another_run_neither_count_nor_break(self):
        history = days_before("D ") | days_before("n", run="run-2")
        assert drift_since("run-1", TODAY, history) == TODAY - timedelta(days=2)


def alerted(letters, rules=None, size=None):
    """The days (numbered from 0) that have news, with the kinds. Each report builds on the previous one."""
    history, news = {}, {}
    for number, letter in enumerate(letters):
        day = TODAY + timedelta(days=number)
        if letter == " ":
            continue
        document = document_of(part(letter)) | {"date": str(day)}
        for column in document["columns"]:
            column |= {"js": (size or {}).get(number, 0.2), "js_threshold": 0.1}
        found = find_news(document, history, None, rules or AlertRules())
        history[day] = reported(day, letter, told=found.told)
        if found.news:
            news[number] = sorted({finding.kind for finding in found.news})
    return news


class TestWhatLasts:
    def test_drift_is_news_at_its_start_weekly_and_at_its_end(self):
        expected = {0: ["drift"], 7: ["drift"], 14: ["drift"], 21: ["ended"]}
        assert alerted("D" * 21 + "nnn") == expected

    @pytest.mark.parametrize("gap", ["-", " ", "--  -"])
    def test_days_without_a_verdict_neither_end_nor_begin_it(self, gap):
        assert alerted(f"D{gap}D") == {0: ["drift"]}

    def test_drift_that_gets_clearly_worse_is_news_before_a_week(self):
        assert alerted("DDDD", size={1: 0.29, 2: 0.301, 3: 0.4}) == {0: ["drift"], 2: ["drift"]}

    def test_drift_that_returns_is_news_again(self):
        assert alerted("DnD") == {0: ["drift"], 1: ["ended"], 2: ["drift"]}

    def test_a_setting_turns_off_the_news_of_the_end(self):
        assert alerted("Dn", AlertRules(ended=False)) == {0: ["drift"]}

    def test_alarms_last_and_end_likewise(self):
        assert alerted("aaaaaaaan") == {0: ["out of range"], 7: ["out of range"], 8: ["ended"]}

    def test_a_run_that_stops_scoring_ends_nothing(self):
        history = days_before("D", told=[DRIFT])
        found = find_news(document_of(part("n", run="run-2")), history, None, AlertRules())
        assert (found.news, found.told) == ((), (DRIFT,))

    def test_reminders_are_recognised(self):
        past = str(TODAY - timedelta(days=7))
        history = days_before("D", told=[replace(DRIFT, alerted=past)])
        found = find_news(document_of(part("D")), history, None, AlertRules())
        assert (found.news, found.reminders, found.news_of_drift("run-1")) == ((DRIFT,), {DRIFT}, True)
