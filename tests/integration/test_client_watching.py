"""The commands that watch: runs, status, verifications, alerts, policies, the audit log."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from destination.domain.alert import Alert, AlertState, AlertStatus, AudiencePart, Evidence, MainReason
from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.latency import Latency
from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.loss import RECORD_NO_OBJECT
from destination.domain.outcome import MISSING_DEDUPE_VALUE
from destination.domain.parking import RETRY_BLOCKED, Bundle, WaitsFor
from destination.domain.run import Counters, Run, Tally, hour_of, run_id
from destination.domain.times import format_time
from destination.domain.verification import Differences, Phase, VerificationStatus
from destination.store.alerts import Alerts
from destination.store.parking import Parking
from destination.store.runs import Runs
from destination.store.verifications import Verifications
from destination_client import verifications
from marketo_simulator import Simulator
from testing import control_plane as plane
from testing.client import Stack, stack
from testing.control_plane import AUD_1

SPRING = AudienceKey(ANY_NAMESPACE, "aud-1")
OFFERED: Mapping[str, Any] = {
    "partitions": [{"name": "EMEA", "id": 2}],
    "workspaces": [{"name": "Europe", "partitions": ["EMEA"]}],
    "fields": [{"name": "customerKey", "data_type": "string", "searchable": True}],
    "lists": [{"id": 4711, "name": "Spring fair"}, {"id": 4712, "name": "Autumn"}],
}
COUNTS = Counter(
    received=9, activated=5, unchanged=1, excluded=2, failed=1, created=4, added=5, rejected=6, marketo_calls=3
)


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def now() -> datetime:
    """The time of the test, which stays as it is until its end: for the command, and for what is stored."""
    return datetime.now(UTC)


@pytest.fixture
def this_hour(now: datetime) -> str:
    return run_id(now)


@pytest.fixture
def before(now: datetime) -> str:
    """Three hours ago."""
    return run_id(now - timedelta(hours=3))


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, now: datetime) -> Iterator[Stack]:
    monkeypatch.setattr(verifications, "WAIT_SECONDS", 0.0)
    with stack(marketo, tmp_path) as standing:
        standing.apply()
        yield replace(standing, clock=lambda: now)


def connection(console: Stack) -> str:
    return str(console.connection()["id"])


def record(connection_id: str, hour: str, counts: Mapping[str, int], **properties: Any) -> None:
    tally = Tally(Counter(counts), **properties)
    runs = Runs(plane.dynamodb(), "RunsTable")
    plane.dynamodb().transact_write_items(TransactItems=[runs.put(Run(connection_id, hour, 0, tally), hour_of(hour))])


def rows(shown: str) -> list[list[str]]:
    return [line.split("\t") for line in shown.splitlines()]


def test_runs_show_how_they_went(console: Stack, this_hour: str, before: str) -> None:
    made = connection(console)
    record(made, before, COUNTS)
    record(made, this_hour, {"received": 90, "activated": 90})
    shown = rows(console.done("runs", made))
    assert [row[0] for row in shown[1:3]] == [before, this_hour]
    assert shown[1][2:14] == ["9", "5", "1", "2", "1", "4", "0", "5", "0", "6", "0", "3"]
    lines = {row[0]: row[1:] for row in shown[4:]}
    assert lines["received"] == ["▁" * 21 + "▂▁▁█", "90", "99"]
    assert lines["excluded"] == ["▁" * 21 + "█▁▁▁", "2", "2"]


def test_runs_can_be_those_with_failures_or_of_an_audience(console: Stack, this_hour: str, before: str) -> None:
    made = connection(console)
    audiences = {SPRING: Counters(Counter(received=4, activated=3, excluded=1), Counter({MISSING_DEDUPE_VALUE: 1}))}
    record(made, before, COUNTS, audiences=audiences)
    record(made, this_hour, {"received": 90, "activated": 90})
    assert [row[0] for row in rows(console.done("runs", made, "--failures-only"))] == ["hour", before]
    [row] = rows(console.done("runs", made, "--audience", "aud-1"))[1:2]
    assert (row[0], row[2:4]) == (before, ["4", "3"])
    assert "MISSING_DEDUPE_VALUE\texcluded\t1\t" in console.done("run", made, before, "--audience", "aud-1")
    said = console.refused("run", made, this_hour, "--audience", "aud-1")
    assert f"no event of run {this_hour} named this audience" in said


def test_a_run_says_how_long_it_took_and_why_people_did_not_arrive(console: Stack, before: str) -> None:
    made = connection(console)
    reasons = Counter({MISSING_DEDUPE_VALUE: 2})
    latency = Latency.of(Counter({800: 10, 250_000: 10}))
    record(made, before, COUNTS, reasons=reasons, latency=latency, losses={RECORD_NO_OBJECT: 6})
    shown = rows(console.done("run", made, before))
    at = next(index for index, row in enumerate(shown) if row[0].startswith("from receipt"))
    assert shown[at + 1][2] == "0:04:10"
    assert ["MISSING_DEDUPE_VALUE", "excluded", "2"] in [row[:3] for row in shown]
    assert ["RECORD_NO_OBJECT", "rejected", "6"] in [row[:3] for row in shown]


def test_the_status_has_what_arrived_and_what_is_triggered(console: Stack, before: str, now: datetime) -> None:
    made = connection(console)
    console.done("alerts", made, "--set", "failure_rate", "--set", "no_events")
    record(made, before, COUNTS)
    trigger(made, now, Alert.FAILURE_RATE)
    shown = rows(console.done("status"))
    assert shown[1] == [made, "Webinar leads", "123-ABC-456", "enabled", "-", "-", "0", "-", "0", "failure_rate"]
    assert ["Webinar leads", "▁" * 21 + "█▁▁▁", before, "9", "5", "2", "1"] in shown
    [told] = json.loads(console.done("status", "--json"))["connections"]
    assert (told["last_run"]["received"], [one["alert"] for one in told["triggered"]]) == (9, ["failure_rate"])


def test_a_day_of_which_no_end_is_named_ends_by_the_clock_of_the_command(
    console: Stack, before: str, now: datetime
) -> None:
    made = connection(console)
    record(made, before, COUNTS)
    later = replace(console, clock=lambda: now + timedelta(hours=1))
    assert rows(later.done("runs", made))[4][:2] == ["received", "▁" * 20 + "█▁▁▁▁"]
    assert ["Webinar leads", "▁" * 20 + "█▁▁▁▁", before, "9", "5", "2", "1"] in rows(later.done("status"))


def test_the_overview_says_in_one_call_what_is_held_up_and_what_to_do(
    console: Stack, before: str, now: datetime
) -> None:
    made = connection(console)
    now = now.replace(microsecond=0)
    record(made, before, COUNTS)
    Parking(plane.s3(), "bucket").put(Bundle(made, WaitsFor.BLOCKED, now, now, 7, 2, "0" * 32), ["{}"])
    plane.delivering().block(made, "610: no access to the list Webinar", now)

    lines = console.done("overview").splitlines()

    at = {line.strip().partition(": ")[0]: line.strip().partition(": ")[2] for line in lines}
    assert lines[:2] == ["Webinar leads: blocked", f"  id: {made} on 123-ABC-456"]
    assert (at["held up"], at["since"]) == ("blocked", format_time(now))
    assert at["because"] == "610: no access to the list Webinar"
    assert at["tried again"] == format_time(now + RETRY_BLOCKED)
    assert "destination resume" in at["to do"]
    assert at["parked"].startswith("7 events, the oldest of ")
    assert at["last day"] == "9 received, 5 activated, 1 unchanged, 2 excluded, 1 failed, 6 rejected"
    [told] = json.loads(console.done("overview", "--json"))["connections"]
    assert (told["id"], told["last_day"]["received"]) == (made, 9)


def test_recipients_are_set_shown_and_tested(console: Stack) -> None:
    made = connection(console)
    hook = "https://example.com/hook"
    shown = rows(console.done("recipients", made, "--set", "ops@example.com", "--set", hook))
    assert shown == [
        ["confirmation", "protocol", "endpoint"],
        ["confirmed", "email", "ops@example.com"],
        ["confirmed", "https", hook],
    ]
    shown = rows(console.done("recipients", made, "--set", "ops@example.com", "--test"))
    assert shown[1:] == [["confirmed", "email", "ops@example.com"], ["a test alert was sent"]]
    console.done("recipients", made, "--set", "none")
    assert json.loads(console.done("recipients", made, "--json")) == {"recipients": []}
    assert "must be an e-mail address" in console.refused("recipients", made, "--set", "ops")


@pytest.mark.parametrize(
    ("arguments", "shown"),
    [
        (("fields", "FIRSTN"), [["name", "label", "type", "length", "writable"], ["firstName", "First Name"]]),
        (("dedupe-fields", "customer"), [["name", "label", "type"], ["customerKey", "customerKey", "string"]]),
        (("partitions",), [["id", "name"], ["1", "Default"], ["2", "EMEA"]]),
        (("workspaces", "eur"), [["name"], ["Europe"]]),
        (("lists", "spring"), [["id", "name", "workspace"], ["4711", "Spring fair", "Default"]]),
        (("lists", "4711"), [["id", "name", "workspace"], ["4711", "Spring fair", "Default"]]),
    ],
    ids=lambda given: " ".join(given) if isinstance(given, tuple) else "",
)
def test_what_marketo_offers_is_shown_and_searched(
    marketo: Simulator, tmp_path: Path, arguments: tuple[str, ...], shown: list[list[str]]
) -> None:
    with stack(marketo, tmp_path) as standing:
        marketo.seed(OFFERED)
        made = plane.created()
        found = rows(standing.done("choices", made, *arguments))
        assert [row[: len(want)] for row, want in zip(found, shown, strict=True)] == shown
        assert len(json.loads(standing.done("choices", made, *arguments, "--json"))) == len(shown) - 1


def test_a_caller_is_told_who_it_is(console: Stack) -> None:
    shown = dict(line.split(": ", 1) for line in console.done("whoami").splitlines())
    told = json.loads(console.done("whoami", "--json"))
    assert shown["caller"] == told["caller"]
    assert shown["kind"] == told["kind"]


@pytest.mark.parametrize(
    ("denied", "column"),
    [("GET /connections/*/alerts", -1), ("GET /connections/*/letters", -2)],
    ids=["alerts", "letters"],
)
def test_who_may_not_see_something_sees_the_rest_of_the_status(console: Stack, denied: str, column: int) -> None:
    made = connection(console)
    console.gateway.denied.add(denied)
    shown = rows(console.done("status"))[1]
    assert (shown[0], shown.count("not permitted"), shown[column]) == (made, 1, "not permitted")
    [told] = json.loads(console.done("status", "--json"))["connections"]
    assert told[{-1: "triggered", -2: "letters"}[column]] is None


def test_who_may_not_see_dead_letters_sees_the_rest_of_the_status(console: Stack) -> None:
    console.gateway.denied.add("GET /dead-letters")
    assert console.done("status").splitlines()[-1] == "dead letters: not permitted"
    told = json.loads(console.done("status", "--json"))
    assert (told["dead_letters"], len(told["connections"])) == (None, 1)


def test_alerts_are_subscribed_and_shown_with_their_history(console: Stack, now: datetime) -> None:
    made = connection(console)
    shown = rows(console.done("alerts", made, "--set", "failure_rate=0.05", "--set", "connection_blocked"))
    assert [row[:5] for row in shown[1:]] == [
        ["failure_rate", "-", "-", "0.05", "ratio"],
        ["connection_blocked", "-", "-", "0.0", "state"],
    ]
    trigger(made, now, Alert.FAILURE_RATE)
    shown = rows(console.done("alerts", made))
    assert shown[1][1] == "triggered"
    assert shown[-1][1:4] == ["failure_rate", "triggered", "0.5"]
    assert rows(console.done("alerts", made, "--set", "none"))[1:] == [[""], *shown[-2:]]
    assert console.connection()["alerts"] == []


@pytest.mark.parametrize(
    ("wanted", "said"),
    [("failure_rate=much", "much is not a threshold"), ("failure_rate=2", "threshold"), ("weather", "alerts[0]")],
)
def test_an_alert_that_cannot_be_is_refused(console: Stack, wanted: str, said: str) -> None:
    assert said in console.refused("alerts", connection(console), "--set", wanted)


def test_a_verification_is_requested_and_listed(console: Stack) -> None:
    made = connection(console)
    said = console.done("verify", made, "--audience", "aud-1", "--repair", "missing")
    [row] = rows(console.done("verifications", made))[1:]
    assert said == f"{row[0]}: queued; see: destination verifications {made} {row[0]}\n"
    assert (row[1], row[-2:]) == ("queued", ["missing", "0 of 1"])
    assert rows(console.done("verifications", made, row[0]))[2][:3] == ["Spring", listed(console), "pending"]
    assert "is queued" in console.refused("verify", made)
    assert "needs the verification's id" in console.refused("verifications", made, "--cancel")
    assert "cancelled" in console.done("verifications", made, row[0], "--cancel")
    console.done("verify", made)
    assert [one[1] for one in rows(console.done("verifications", made))[1:]] == ["queued", "cancelled"]
    assert "needs --audience" in console.refused("verify", made, "--namespace", "ups")
    assert "repairs nothing" in console.refused("verify", made, "--report-only", "--repair", "missing")


@pytest.mark.parametrize(
    ("options", "repairs"),
    [
        ([], "leavers, missing"),
        (["--report-only"], "nothing"),
        (["--repair", "foreign"], "foreign"),
        (["--repair", "missing", "--repair", "foreign"], "foreign, missing"),
    ],
)
def test_what_is_to_be_repaired_is_named_or_nothing_is(console: Stack, options: list[str], repairs: str) -> None:
    made = connection(console)
    console.done("verify", made, *options)
    [row] = rows(console.done("verifications", made))[1:]
    assert row[-2] == repairs


@pytest.mark.parametrize(
    ("found", "exit_code", "leads"),
    [
        ({}, 0, "-"),
        (
            {"missing": Differences(2, 2, (7, 8), 8), "leavers": Differences(1, 1, (9,), 9)},
            0,
            "missing 7, 8; leavers 9",
        ),
        ({"missing": Differences(2, 1, (7, 8), 8)}, 1, "missing 7, 8"),
        (
            {"leavers": Differences(12, 0, tuple(range(1, 11)), 12)},
            1,
            "leavers 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, …",
        ),
        (
            {"waiting": Differences(1, 0, (3,)), "foreign": Differences(3, 1, (4, 5, 6))},
            1,
            "waiting 3; foreign 4, 5, 6",
        ),
        ({"foreign": Differences(3, 1, (4, 5, 6)), "gone": 2}, 0, "foreign 4, 5, 6"),
        ({"unapplied": {"LEAD_UNKNOWN": 3, "PERSON_NOT_FOUND": 4}}, 1, "-"),
        ({"code": "1013"}, 1, "-"),
    ],
    ids=[
        "in place",
        "repaired",
        "missing",
        "leavers",
        "waiting and foreign",
        "foreign and gone",
        "unapplied",
        "not read",
    ],
)
def test_what_is_out_of_place_at_the_end_is_told_by_the_exit_code(
    console: Stack, found: Mapping[str, Any], exit_code: int, leads: str, now: datetime
) -> None:
    made = connection(console)
    path = f"/connections/{made}/verifications"
    requested = plane.call("POST", path, {"activation_id": AUD_1, "repair": ["missing", "foreign"]}).json
    store, show = Verifications(plane.dynamodb(), "RunsTable"), f"{path}/{requested['id']}"
    [begun] = store.newest(made, 1)
    [check] = store.checks(begun)
    begun = store.put(replace(begun, status=VerificationStatus.RUNNING, started_at=now))
    running = answered(console, show)
    done = replace(check, phase=Phase.DONE, expected=10, found=9, **found)
    begun = store.put_check(begun, 0, done)
    store.put(replace(begun, status=VerificationStatus.COMPLETED, position=1, finished_at=now))
    console.gateway.scripted += [(202, running[1], json.dumps(requested)), running]

    result = console.run("verify", made, "--audience", "aud-1", "--repair", "missing", "--repair", "foreign", "--wait")

    assert result.exit_code == exit_code, result.output
    row = rows(result.stdout)[2]
    assert row[:7] == ["Spring", listed(console), "done", "-", "10", "9", "0"]
    kinds = (done.missing, done.leavers, done.waiting)
    assert row[7:13] == [str(one) for each in kinds for one in (each.count, each.repaired)]
    left, unapplied = done.foreign.count - done.foreign.repaired, sum(done.unapplied.values())
    assert row[13:16] == [str(one) for one in (left, done.gone, unapplied)]
    assert row[16:] == [leads, done.code or "-"]


@pytest.mark.parametrize(
    ("extract", "told"),
    [
        (LeadExtract(datetime(2026, 11, 21, 10, tzinfo=UTC), ExtractStage.WAITING), "waiting"),
        (LeadExtract(datetime(2026, 11, 21, 10, tzinfo=UTC)).given_up("1029"), "given up: 1029"),
    ],
)
def test_how_a_long_list_is_read_is_shown(console: Stack, extract: LeadExtract, told: str) -> None:
    made = connection(console)
    requested = plane.call("POST", f"/connections/{made}/verifications", {"activation_id": AUD_1}).json
    store = Verifications(plane.dynamodb(), "RunsTable")
    [begun] = store.newest(made, 1)
    [check] = store.checks(begun)
    store.put_check(begun, 0, replace(check, phase=Phase.READING, extract=extract))

    shown = rows(console.done("verifications", made, requested["id"]))

    assert [row[2:4] for row in shown[1:]] == [["phase", "extract"], ["reading", told]]


def test_a_verification_that_was_cancelled_is_waited_for_no_longer(console: Stack) -> None:
    made = connection(console)
    path = f"/connections/{made}/verifications"
    requested = plane.call("POST", path, {}).json
    plane.call("DELETE", f"{path}/{requested['id']}")
    console.gateway.scripted += [(202, answered(console, f"{path}/{requested['id']}")[1], json.dumps(requested))]

    result = console.run("verify", made, "--wait")

    assert result.exit_code == 1, result.output
    assert f"{requested['id']}: cancelled, repairs leavers, missing" in result.output


def test_a_verification_that_failed_is_waited_for_no_longer(console: Stack, now: datetime) -> None:
    made = connection(console)
    path = f"/connections/{made}/verifications"
    requested = plane.call("POST", path, {}).json
    store = Verifications(plane.dynamodb(), "RunsTable")
    [begun] = store.newest(made, 1)
    store.put(begun.failed("603", now))
    console.gateway.scripted += [(202, answered(console, f"{path}/{requested['id']}")[1], json.dumps(requested))]

    result = console.run("verify", made, "--wait")

    assert result.exit_code == 1, result.output
    assert f"{requested['id']}: failed because of 603, repairs leavers, missing" in result.output


def test_policies_say_what_they_deny(console: Stack) -> None:
    shown = rows(console.done("policies"))
    assert shown[0] == ["id", "status", "name", "marketing actions", "denied for"]
    assert len(shown) == 1 + len(json.loads(console.done("policies", "--json")))
    assert all(len(row) == 5 and row[4] not in {"", "-"} for row in shown)


def test_the_audit_log_says_who_did_what(console: Stack) -> None:
    made = connection(console)
    console.done("disable", made)
    shown = rows(console.done("audit", "--connection", made, "--limit", "2"))
    assert [row[2:4] for row in shown[1:]] == [["disable_connection", made], ["enable_connection", made]]
    gone = "00000000-0000-4000-8000-000000000000"
    assert rows(console.done("audit", "--connection", gone))[1:] == []
    assert len(rows(console.done("audit", "--connection", "webinar leads"))) > 1


def test_a_triggered_alert_says_why_and_what_to_do(console: Stack, now: datetime) -> None:
    made = connection(console)
    console.done("alerts", made, "--set", "failure_rate", "--set", "no_events")
    evidence = Evidence(
        cause="Failed: 9 of 12 persons.",
        reasons=(MainReason("MARKETO_1003", 9, "Refused."),),
        audiences=(AudiencePart("aud-1", None, "Spring", 9),),
        remedy="Mend it.",
    )
    trigger(made, now, Alert.FAILURE_RATE, evidence)
    lines = console.done("alerts", made).splitlines()
    place = lines.index(f"failure_rate: since {format_time(now.replace(microsecond=0))}")
    assert lines[place + 1 : place + 5] == [
        "  because: Failed: 9 of 12 persons.",
        "  9 MARKETO_1003: Refused.",
        "  audience: Spring, 9",
        "  to do: Mend it.",
    ]
    assert not [line for line in lines if line.startswith("no_events:")]


NO_EVIDENCE = Evidence()


def trigger(connection_id: str, now: datetime, alert: Alert, evidence: Evidence = NO_EVIDENCE) -> None:
    state = AlertState(alert, AlertStatus.TRIGGERED, now, 0.5, 0.01, 1, evidence)
    Alerts(plane.dynamodb(), "RunsTable").change(connection_id, state, 0)


def listed(console: Stack) -> str:
    """The id of the list of the first audience."""
    return next(str(number) for number, name in plane.lists(console.marketo).items() if name == "Spring")


def answered(console: Stack, path: str) -> tuple[int, Mapping[str, str], str]:
    """What the interface answers to a call now, to be answered so later."""
    answer = plane.call("GET", path)
    return answer.status, {"Content-Type": "application/json"}, json.dumps(answer.json)
