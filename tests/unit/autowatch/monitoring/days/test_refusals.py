"""The daily mail about refused files."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from unittest.mock import Mock

import pytest
from botocore.exceptions import ClientError

from autowatch.monitoring.watch import DaysFailed
from autowatch.records.claim import Contested
from autowatch.records.timestamps import to_text
from tests.support.monitored_bucket import BUCKET, LIKE_TRAINING, NOW, TODAY, release, run, score

NOTE = "monitoring/refusals.json"


def refuse(
    clients, name, day=TODAY, error="MissingColumns", reason="The file lacks the column 'age'.", labels=False
):
    folder, place = ("rejected/labels/", "labels") if labels else ("rejected/", "inference")
    document = {
        "input": {"key": f"{place}/{name}.csv"},
        "error": error,
        "reason": reason,
        "time": f"{day}T09:00:00Z",
    }
    clients.bucket.write_json(f"{folder}date={day}/{name}-0123456789abcdef.error.json", document)


def day_before(days):
    return str((NOW - timedelta(days=days)).date())


def mails(clients):
    return [message for message in clients.sns.messages if "refused" in message["Subject"]]


@pytest.fixture
def stack(clients):
    """The clients of a stack whose job has run until yesterday."""
    release(clients.bucket.client)
    run(clients, now=NOW - timedelta(days=1))
    return clients


def test_refused_files_and_labels_files_are_named_with_their_reasons(stack):
    refuse(stack, "north/a")
    refuse(stack, "outcome", labels=True, error="NoHeader", reason="The file has no header row.")
    run(stack)
    (mail,) = mails(stack)
    assert mail["Subject"] == "[bank-stack] 2 files refused: outcome.csv, a.csv"
    lines = mail["Message"].splitlines()
    assert lines[0] == "What:     2 files could not be processed."
    assert lines[4:7] == [
        "File:     inference/north/a.csv",
        "          MissingColumns: The file lacks the column 'age'.",
        f"          s3://{BUCKET}/rejected/date={TODAY}/north/a-0123456789abcdef.error.json",
    ]
    assert "File:     labels/outcome.csv" in lines


def test_a_day_without_refused_files_has_no_mail(stack):
    run(stack)
    assert mails(stack) == []


def test_each_file_is_named_once_and_one_mail_is_sent_a_day(stack):
    refuse(stack, "a")
    run(stack)
    refuse(stack, "b")
    run(stack, now=NOW + timedelta(hours=1))
    assert len(mails(stack)) == 1
    run(stack, now=NOW + timedelta(days=1))
    run(stack, now=NOW + timedelta(days=1, hours=1))
    run(stack, now=NOW + timedelta(days=2))
    assert [mail["Subject"] for mail in mails(stack)] == [
        "[bank-stack] 1 file refused: a.csv",
        "[bank-stack] 1 file refused: b.csv",
    ]


def test_days_that_are_caught_up_on_share_one_mail(stack):
    """A file counts for the day of its event, and may be refused days later."""
    for back in (1, 0):
        refuse(stack, f"file{back}", day=str((NOW + timedelta(days=5 - back)).date()))
    refuse(stack, "late", day=day_before(1))
    run(stack, now=NOW + timedelta(days=5))
    (mail,) = mails(stack)
    assert mail["Subject"] == "[bank-stack] 3 files refused: file0.csv, file1.csv, late.csv"


def test_a_long_list_is_cut_and_says_how_many_more_there_are(stack):
    for number in range(25):
        refuse(stack, f"a file with a name so long that three do not fit {number:02}", reason="r" * 9_000)
    run(stack)
    (mail,) = mails(stack)
    assert mail["Subject"].endswith(" and 23 more")
    assert len(mail["Subject"]) < 100
    assert mail["Message"].count("File:  ") == 20
    assert f"And 5 more, in .error.json objects under s3://{BUCKET}/rejected/" in mail["Message"]
    assert len(mail["Message"]) < 20_000


def test_a_setting_turns_it_off(stack):
    stack.bucket.client.put_object(
        Bucket=BUCKET, Key="monitoring/settings.yaml", Body=b"alert: {refusals: 0}"
    )
    refuse(stack, "a")
    run(stack)
    assert mails(stack) == []


def test_invalid_settings_do_not_turn_it_off(stack):
    stack.bucket.client.put_object(
        Bucket=BUCKET, Key="monitoring/settings.yaml", Body=b"alert: {refusals: 2}"
    )
    refuse(stack, "a")
    run(stack)
    assert len(mails(stack)) == 1


def test_without_a_champion_the_mail_is_sent_as_well(clients):
    refuse(clients, "a", error="NoChampion", reason="No model has been released yet.")
    run(clients)
    (mail,) = mails(clients)
    assert "NoChampion: No model has been released yet." in mail["Message"]


def test_a_mail_that_fails_is_sent_by_the_next_run(stack, monkeypatch):
    refuse(stack, "a")
    with monkeypatch.context() as patch:
        patch.setattr(
            stack.sns, "publish", Mock(side_effect=ClientError({"Error": {"Code": "Down"}}, "Publish"))
        )
        with pytest.raises(DaysFailed, match=f"{TODAY}: .*Down"):
            run(stack)
    run(stack, now=NOW + timedelta(hours=1))
    assert len(mails(stack)) == 1


def test_a_killed_runs_claim_expires_after_a_minute(stack):
    refuse(stack, "a")
    claimed = {"mailed": None, "named": {}, "alerting": to_text(datetime.now(UTC))}
    stack.bucket.write_json(NOTE, claimed)
    with pytest.raises(DaysFailed, match="Another invocation works on"):
        run(stack)
    assert mails(stack) == []
    stack.bucket.write_json(NOTE, claimed | {"alerting": to_text(datetime.now(UTC) - timedelta(minutes=1))})
    run(stack)
    assert len(mails(stack)) == 1


def test_one_of_two_concurrent_runs_sends_it(stack):
    refuse(stack, "a")
    score(stack.bucket.client, release(stack.bucket.client), LIKE_TRAINING)

    def job(_):
        try:
            run(stack)
        except (DaysFailed, Contested):
            return

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(job, range(2)))
    run(stack)
    assert len(mails(stack)) == 1


@pytest.mark.parametrize(
    "note", [b"{", b"[]", b'{"mailed": "yesterday"}', b'{"mailed": null, "named": [], "alerting": null}']
)
def test_after_a_malformed_note_files_are_named_again(stack, note):
    refuse(stack, "a")
    stack.bucket.client.put_object(Bucket=BUCKET, Key=NOTE, Body=note)
    run(stack)
    assert len(mails(stack)) == 1


@pytest.mark.parametrize("body", [b"{", b"[]", b'{"error": "x"}'])
def test_a_malformed_error_document_is_named_by_its_key(stack, body):
    key = f"rejected/date={TODAY}/x.error.json"
    stack.bucket.client.put_object(Bucket=BUCKET, Key=key, Body=body)
    run(stack)
    (mail,) = mails(stack)
    assert f"File:     {key}" in mail["Message"]


def test_hostile_names_and_reasons_stay_on_their_line(stack):
    refuse(stack, "a\nNext: \u202epay", reason="line\nbreak")
    run(stack)
    (mail,) = mails(stack)
    assert "\u202e" not in mail["Message"]
    assert "\nNext: \u202e" not in mail["Message"]
    assert "line break" in mail["Message"]


def test_days_too_old_for_a_run_are_forgotten(stack):
    refuse(stack, "a")
    run(stack)
    later = NOW + timedelta(days=40)
    refuse(stack, "b", day=str(later.date()))
    run(stack, now=later)
    assert list(stack.bucket.read_json(NOTE)["named"]) == [str(later.date())]
