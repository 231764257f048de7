import json
from collections import Counter
from dataclasses import asdict
from typing import get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from autowatch.aws.notifications import EventRefused, mailing
from autowatch.monitoring.days.alert import DriftAlert, lines, put_drift_event, send_mail, subject
from autowatch.monitoring.days.history import ReportedDay
from autowatch.monitoring.days.news import find_news
from autowatch.monitoring.drift.document import drift_document
from autowatch.monitoring.drift.judge import Alarm, AlarmKind, ColumnRules, DriftRules, judge
from autowatch.monitoring.drift.runs import RunJudgement
from autowatch.monitoring.drift.settings import AlertRules
from autowatch.tabular.profile import Baseline, ProfileBuilder, baseline_column
from tests.support.monitored_bucket import DRIFTED, Bus, monitored_bucket, release, run, score
from tests.support.repository import ROOT

DATE = "2026-11-23"


def part_of(reference, current, run="run-1", since="2026-11-21", rules=None):
    rows = len(next(iter(reference.values())))
    columns = tuple(
        baseline_column(name, "feature", "categorical", Counter(texts)) for name, texts in reference.items()
    )
    builder = ProfileBuilder(Baseline(run, rows, columns))
    builder.add(current)
    report = judge(Baseline(run, rows, columns), builder.build(), rules or DriftRules(min_rows=300))
    since = since if report.verdict == "drift" else None
    return RunJudgement(run, 2, report.rows, report).to_json(300) | {"since": since}


def alert_of(*parts, alarms=(), **changes):
    document = drift_document({"date": DATE}, f"{DATE}T20:00:00Z", parts, alarms=alarms)
    facts = {
        "document": document,
        "news": find_news(document, {}, None, AlertRules()),
        "champion": "run-1",
        "caught_up": (),
        "stack": "bank",
        "region": "eu-west-1",
        "bucket": "bank-1-eu-west-1",
        "page_key": f"reports/date={DATE}/index.html",
    }
    return DriftAlert(**(facts | changes))


def drifted_part(count=1, name="c{}", **options):
    names = [name.format(number) for number in range(count)]
    return part_of({n: ["a", "b"] * 500 for n in names}, {n: ["a"] * 500 for n in names}, **options)


def quiet_part(**options):
    return part_of({"c": ["a", "b"] * 500}, {"c": ["a", "b"] * 500}, **options)


def drifted(*arguments):
    return alert_of(drifted_part(*arguments))


class Topic:
    """A double of SNS that keeps the messages."""

    def publish(self, **message):
        self.message = message


def published(alert):
    topic = Topic()
    send_mail(topic, "arn:topic", alert)
    return topic.message


def test_the_subject_says_what_happened():
    assert subject(drifted()) == "[bank] Drift on 2026-11-23: c0"
    assert subject(drifted(5)) == "[bank] Drift on 2026-11-23: c0, c1, c2 and 2 more"


def test_columns_without_importance_are_only_in_the_document():
    """`zero` moves most and has new categories; `one` drifts as well, and only `one` is in the alert."""
    reference = {"zero": ["a", "b"] * 500, "one": ["a", "b"] * 500}
    rules = DriftRules(min_rows=300, columns={"zero": ColumnRules(importance=0)})
    alert = alert_of(part_of(reference, {"zero": ["new"] * 500, "one": ["a"] * 500}, rules=rules))

    assert {column["name"]: column["verdict"] for column in alert.document["columns"]} == {
        "zero": "drift",
        "one": "drift",
    }
    assert [alarm["column"] for alarm in alert.document["alarms"]] == ["zero"]
    assert subject(alert) == "[bank] Drift on 2026-11-23: one"
    written = lines(alert)
    assert "zero" not in "\n".join(written)
    assert written[0].startswith("What:     1 of 1 columns drifted")
    assert "Alarms:   none" in written


def test_alarms_without_drift_have_their_own_subject():
    alert = alert_of(part_of({"c": ["a", "b"] * 1_000}, {"c": ["a", "b"] * 495 + ["new"] * 10}))

    assert alert.document["verdict"] == "no drift"
    assert subject(alert) == "[bank] Data alarms on 2026-11-23: c"
    assert any("1.0% of the values were never seen" in line for line in lines(alert))


def test_alarms_of_the_day_are_named_by_their_kind():
    alarms = [Alarm(None, "volume", "12 rows were scored."), Alarm(None, "schema", "1 file was refused.")]
    alert = alert_of(quiet_part(), alarms=alarms)

    assert subject(alert) == "[bank] Data alarms on 2026-11-23: schema, volume"
    assert lines(alert)[0] == "What:     2 data alarms on 1,000 rows in 2 files of 2026-11-23."
    assert lines(alert)[1:3] == [
        "How bad:  volume: 12 rows were scored.",
        "          schema: 1 file was refused.",
    ]


@pytest.mark.parametrize(
    ("kind", "remedy"), [("settings", "monitoring/settings.yaml"), ("baseline", "Restore the baseline")]
)
def test_alarms_with_a_remedy_name_it(kind, remedy):
    (line,) = [
        line
        for line in lines(alert_of(quiet_part(), alarms=[Alarm(None, kind, "Broken.")]))
        if "Next:" in line
    ]

    assert remedy in line


def test_new_values_that_several_rows_have_are_named_cut_and_on_one_line():
    known = ["Red", "blue"] * 500
    current = ["red"] * 120 + ["x" * 60] * 60 + ["two\nlines"] * 30 + ["only once"] + ["blue"] * 300
    (line,) = [
        line for line in lines(alert_of(part_of({"c": known}, {"c": current}))) if line.startswith("Alarms:")
    ]
    assert "c (new categories): 41.3% of the values were never seen in training (reference: 0.0%)." in line
    assert "“red” (120 rows, known as “Red”), “" + "x" * 39 + "…” (60 rows)" in line
    message = part_of({"c": known}, {"c": current})["alarms"][0]["message"]
    assert "only once" not in message
    assert "\n" not in line


def test_a_mail_without_values_says_as_much_and_names_no_category():
    known = ["Red", "blue"] * 500
    current = ["red"] * 120 + ["x” 1%" * 20] * 160 + ["y" * 400] * 30 + ["blue"] * 300
    alert, topic = alert_of(part_of({"c": known}, {"c": current})), Topic()
    send_mail(mailing(topic, values_in_mails=False), "arn:topic", alert)
    text = topic.message["Message"].replace("\n          ", " ")
    assert not any(value in text for value in ("Red", "“red", "blue", "x”", "xx", "yy"))
    assert "c rose: “never seen in training” 0% → 51%; fell: value 1 50% → 0%" in text
    assert (
        "The most frequent: value 3 (160 rows), value 4 (120 rows, known as value 1), value 5 (30 rows)."
        in text
    )
    assert len(text.splitlines()) == 9


def test_the_mail_has_the_models_use_of_drifted_columns():
    part = drifted_part(5)
    for column, use in zip(part["columns"], (0.01, 0.3, None, 0.1, 0.02), strict=True):
        column["use"] = use
    written = lines(alert_of(part))
    assert (
        "threshold; what drifted is 43% of what the model uses: c1 30%, c3 10%, c4 2.0% and 1 more."
        in written[1]
    )
    assert len(written) == 10


def test_the_mail_says_if_the_model_does_not_use_a_drifted_column():
    part = drifted_part()
    part["columns"][0]["use"] = 0.0
    assert "what drifted is 0% of what the model uses." in lines(alert_of(part))[1]


def test_without_the_models_use_the_mail_has_the_importance():
    assert "columns with 100% of the importance drifted." in lines(drifted())[1]


@pytest.mark.parametrize("name", ["größe{}", "line\nbreak{}", "\u0000{}", "x" * 300 + "{}", "\u202e{}"])
def test_any_column_name_fits_a_valid_sns_subject(name):
    text = published(drifted(3, name))["Subject"]

    assert 0 < len(text) <= 100
    assert text.isascii()
    assert text.isprintable()
    assert text.startswith("[bank] Drift on 2026-11-23: ")


@pytest.mark.parametrize("name", ["na\nme{}", "\u202e{}", "x" * 10_000 + "{}", "😀" * 5_000 + "{}"])
@pytest.mark.parametrize("count", [1, 2, 30])
def test_the_message_has_ten_lines_within_the_limits_of_sns(count, name):
    written = lines(drifted(count, name))

    assert len(written) == 10
    assert all(line.isprintable() for line in written)
    assert all(line.strip() for line in written)
    assert len(published(drifted(count, name))["Message"].encode()) < 256 * 1024


@pytest.mark.parametrize("alarms", [1, 3, 40])
def test_a_message_of_alarms_has_ten_lines_as_well(alarms):
    many = [Alarm(None, "schema", f"{number} " + "x\n" * 3_000) for number in range(alarms)]
    written = lines(alert_of(quiet_part(), alarms=many))

    assert len(written) == 10
    assert all(line.isprintable() and line.strip() and len(line) <= 500 for line in written)


def test_the_message_answers_what_how_bad_which_since_when_and_what_next():
    text = "\n".join(lines(drifted()))

    assert "1 of 1 columns drifted in 500 rows in 2 files of 2026-11-23." in text
    assert "worst is c0 at" in text
    assert "columns with 100% of the importance drifted" in text
    assert "c0 rose: “a” 50% → 100%; fell: “b” 50% → 0%" in text
    assert "Since:    2026-11-21, model run-1" in text
    assert "s3://bank-1-eu-west-1/reports/date=2026-11-23/index.html" in text
    assert "region=eu-west-1&prefix=reports%2Fdate%3D2026-11-23%2Findex.html" in text


def test_the_champions_rows_come_before_those_of_others():
    alert = alert_of(drifted_part(run="run-2"), drifted_part(run="run-1"))

    assert alert.part["run"] == "run-1"
    assert "not the model in force" not in lines(alert)[0]


def test_drift_of_others_comes_before_alarms_of_the_champion():
    alarmed = part_of({"c": ["a", "b"] * 1_000}, {"c": ["a", "b"] * 495 + ["new"] * 10})
    alert = alert_of(alarmed, drifted_part(run="run-0"))

    assert subject(alert) == "[bank] Drift on 2026-11-23: c0"
    assert "scored by run run-0, which is not the model in force" in lines(alert)[0]


def test_only_what_is_news_makes_the_subject():
    part = drifted_part()
    document = drift_document({"date": DATE}, f"{DATE}T20:00:00Z", [part])
    told = find_news(document, {}, None, AlertRules()).told
    earlier = ReportedDay.from_json(document | {"told": [asdict(finding) for finding in told]})
    later = alert_of(part, alarms=[Alarm(None, "volume", "9 rows.")])
    telling = find_news(later.document, {}, earlier, AlertRules())

    alert = DriftAlert(later.document, telling, "run-1", (), "bank", "eu-west-1", "b", "k")

    assert subject(alert) == "[bank] Data alarms on 2026-11-23: volume"


def test_other_days_in_the_alert_are_named():
    assert "news of other days, too: 2026-11-20" in "\n".join(
        lines(alert_of(drifted_part(), caught_up=["2026-11-20"]))
    )


SCHEMA = json.loads((ROOT / "docs" / "drift-detected.schema.json").read_text())


LARGEST = 256 * 1024


PART = {
    "run": "run-1",
    "rows": 500,
    "drifted_columns": ["age"],
    "drift_share": 0.5,
    "since": "2026-11-20",
    "alarms": [{"column": None, "kind": "volume", "message": "12 rows."}],
    "columns": [{"name": "age", "importance": 1.0}, {"name": "job", "importance": 0.0}],
}


def check(detail):
    Draft202012Validator(SCHEMA, format_checker=FormatChecker()).validate(detail)


def put(part):
    bus = Bus()
    put_drift_event(bus, "own", "bank", "2026-11-23", part, "reports/date=2026-11-23/drift.json")
    (entry,) = bus.entries
    assert bus.own == [entry | {"EventBusName": "own"}]
    return entry


def test_the_schema_is_valid_and_has_every_kind_of_alarm():
    Draft202012Validator.check_schema(SCHEMA)
    kinds = SCHEMA["properties"]["alarms"]["items"]["properties"]["kind"]["enum"]
    assert sorted(kinds) == sorted(get_args(AlarmKind))


def test_the_event_of_a_judged_day_is_as_documented():
    with monitored_bucket() as clients:
        score(clients.bucket.client, release(clients.bucket.client), DRIFTED)
        run(clients)
        (entry,) = clients.events.entries
    detail = json.loads(entry["Detail"])
    check(detail)
    assert set(detail) == set(SCHEMA["required"]) == set(SCHEMA["properties"])


@pytest.mark.parametrize(
    "name", ["größe", "\u0000", "😀" * 300, "\n" * 300, '"' * 300], ids=["ö", "nul", "emoji", "lf", "quotes"]
)
def test_hundreds_of_hostile_names_fit_into_an_event(name):
    names = [f"{name}{number}" for number in range(500)]
    alarms = [{"column": other, "kind": "out of range", "message": "x" * 10_000} for other in names]
    entry = put(PART | {"drifted_columns": names, "alarms": alarms})
    check(json.loads(entry["Detail"]))
    assert sum(len(entry[field].encode()) for field in ("Source", "DetailType", "Detail")) < LARGEST


def test_alarms_of_columns_without_importance_are_left_out():
    alarms = [{"column": name, "kind": "new categories", "message": "2% are new."} for name in ("job", "age")]
    detail = json.loads(put(PART | {"alarms": alarms})["Detail"])
    assert detail["alarms"] == [{"column": "age", "kind": "new categories"}]


def test_its_name_matches_the_rule():
    entry = put(PART)
    assert (entry["Source"], entry["DetailType"]) == ("autowatch", "DriftDetected")


def test_an_event_that_eventbridge_refuses_is_an_error():
    bus = Bus()
    bus.refuses = True
    with pytest.raises(EventRefused, match="2026-11-23: ThrottlingException"):
        put_drift_event(bus, "own", "bank", "2026-11-23", PART, "reports/date=2026-11-23/drift.json")


@pytest.mark.parametrize(
    ("retrains", "said"),
    [(True, "A training run starts automatically"), (False, "since RetrainOnDrift is off")],
)
def test_what_to_do_next_depends_on_whether_drift_retrains(retrains, said):
    assert said in next(
        line for line in lines(alert_of(drifted_part(), retrains=retrains)) if "Next:" in line
    )
