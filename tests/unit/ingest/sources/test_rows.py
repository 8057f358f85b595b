"""Rows of any sender, read as the connection's form says."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import MAX_IDENTITIES, MembershipStatus, ProfileEvent
from destination.domain.loss import (
    EVENT_TIME_UNREADABLE,
    IDENTITY_UNREADABLE,
    MEMBERSHIP_STATUS_UNKNOWN,
    MEMBERSHIP_UNREADABLE,
    RECORD_NO_OBJECT,
    RECORD_NOT_JSON,
    RECORD_OF_OTHER_FORMAT,
    RECORD_TOO_MANY_AUDIENCES,
    TOO_MANY_IDENTITIES,
    Loss,
)
from destination.domain.row_form import EXITED as WORDS_OUT
from destination.domain.row_form import REALIZED as WORDS_IN
from destination.domain.row_form import RowForm
from destination.ingest.admission import SourceRequest
from destination.ingest.sources import source
from destination.ingest.sources.body import MAX_AUDIENCES, MAX_RECORDS, Parsed, TooManyRecordsError
from destination.ingest.sources.record import RecordTimes

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
ROW = {"email": "ada@example.org", "list": "webinar", "change": "in"}
FORM = RowForm(value="email", audience="list", status="change", realized=("in",), exited=("out",))


def read(body: object, form: RowForm | None = FORM, **query: str) -> Parsed:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return source("rows").read(SourceRequest(raw, query=query, rows=form), RecordTimes(NOW))


def only(parsed: Parsed) -> ProfileEvent:
    ((_, event),) = parsed.events
    assert not parsed.rejected
    return event


def said(event: ProfileEvent) -> list[tuple[str, str, MembershipStatus]]:
    return [(*one.audience, one.status) for one in event.memberships]


def lost(parsed: Parsed) -> set[Loss]:
    return set(parsed.losses)


def test_a_row_is_a_profile_with_what_the_form_finds_in_it() -> None:
    event = only(read(ROW))
    assert event.profile == ROW
    assert event.identities == {"dedupefield": ("ada@example.org",)}
    assert said(event) == [("ups", "webinar", REALIZED)]
    assert event.at == event.received_at == NOW


@pytest.mark.parametrize(("word", "status"), [("in", REALIZED), (" IN ", REALIZED), ("out", EXITED), ("Out", EXITED)])
def test_the_words_of_the_form_say_who_joined_and_who_left(word: str, status: MembershipStatus) -> None:
    assert said(only(read({**ROW, "change": word}))) == [("ups", "webinar", status)]


@pytest.mark.parametrize(
    ("value", "status"),
    [(True, REALIZED), (False, EXITED), (1, REALIZED), (0, EXITED), (1.0, REALIZED), ("true", REALIZED), ("0", EXITED)]
    + [(one, REALIZED) for one in WORDS_IN]
    + [(one, EXITED) for one in WORDS_OUT],
)
def test_without_words_of_its_own_a_form_has_the_usual_ones(value: object, status: MembershipStatus) -> None:
    form = RowForm(audience="list", status="change")
    assert said(only(read({**ROW, "change": value}, form))) == [("ups", "webinar", status)]


DEEP = json.loads("[" * 500 + "]" * 500)


@pytest.mark.parametrize("value", ["perhaps", "realized", None, {}, ["in?"], 2, {"in": "in"}, DEEP])
def test_a_word_that_says_neither_costs_the_membership_alone(value: object) -> None:
    parsed = read({**ROW, "change": value})
    assert (said(only(parsed)), MEMBERSHIP_STATUS_UNKNOWN in lost(parsed)) == ([], True)


def test_rows_without_a_status_joined() -> None:
    assert said(only(read(ROW, RowForm(audience="list")))) == [("ups", "webinar", REALIZED)]


@pytest.mark.parametrize("rows", [[ROW, ROW], [ROW]])
def test_a_body_is_rows_in_an_array_or_in_a_row(rows: list[Any]) -> None:
    body = "\n".join(map(json.dumps, rows)).encode()
    assert [index for index, _ in read(body).events] == [index for index, _ in read(rows).events]


def test_rows_lie_where_the_form_says_and_what_is_said_of_all_stands_beside_them() -> None:
    form = RowForm("data.people", "mail", "$.data.id", "crm", "$.action", ("add",), ("remove",), "$.at")
    people: list[Any] = [{"mail": "ada@example.org"}, {"mail": "grace@example.org"}]
    body = {"action": "remove", "at": "2026-11-21T09:00:00Z", "data": {"id": 7, "people": people}}
    parsed = read([body, body], form)
    assert [index for index, _ in parsed.events] == [0, 1, 2, 3]
    assert [event.identities["dedupefield"] for _, event in parsed.events][:2] == [
        ("ada@example.org",),
        ("grace@example.org",),
    ]
    for _, event in parsed.events:
        assert said(event) == [("crm", "7", EXITED)]
        assert event.at == event.memberships[0].at == NOW - timedelta(hours=1)


@pytest.mark.parametrize(
    ("body", "loss"),
    [
        ({"other": []}, RECORD_OF_OTHER_FORMAT),
        ({"users": {}}, RECORD_OF_OTHER_FORMAT),
        ({"users": "ada@example.org"}, RECORD_OF_OTHER_FORMAT),
        ([7], RECORD_NO_OBJECT),
        (b'{"users": []}\n{"users": [', RECORD_NOT_JSON),
    ],
)
def test_a_body_without_the_list_of_rows_is_rejected(body: object, loss: Loss) -> None:
    parsed = read(body, RowForm(records="users"))
    assert (parsed.events, dict(parsed.losses)) == ([], {loss: 1})


def test_a_body_without_rows_has_no_events() -> None:
    assert read({"users": []}, RowForm(records="users")).events == []


def test_a_row_may_be_a_value_alone() -> None:
    parsed = read(["ada@example.org", 4711], None, audience="webinar", status="exited")
    assert [event.identities for _, event in parsed.events] == [
        {"dedupefield": ("ada@example.org",)},
        {"dedupefield": ("4711",)},
    ]
    assert [said(event) for _, event in parsed.events] == [[("ups", "webinar", EXITED)]] * 2


@pytest.mark.parametrize("row", [None, [], ["ada@example.org"], 4.5, {}, "\ud83d"])
def test_a_row_of_nobody_is_rejected(row: object) -> None:
    parsed = read([row], None)
    assert (parsed.events, len(parsed.rejected)) == ([], 1)


def test_without_places_the_address_says_audience_and_status() -> None:
    assert said(only(read({"email": "a"}, None, audience="webinar", status="left"))) == [("ups", "webinar", EXITED)]
    assert said(only(read({"email": "a"}, None, audience="webinar"))) == [("ups", "webinar", REALIZED)]
    assert said(only(read({"email": "a"}, None))) == []


def test_where_the_form_has_a_place_the_address_says_nothing() -> None:
    parsed = read({"email": "a"}, FORM, audience="webinar", status="in")
    assert (said(only(parsed)), lost(parsed)) == ([], {MEMBERSHIP_UNREADABLE})


def test_a_row_may_be_of_several_audiences_and_one_that_is_none_costs_itself() -> None:
    parsed = read({**ROW, "list": ["a", 7, True, "b"]})
    assert [one.audience for one in only(parsed).memberships] == [AudienceKey("ups", one) for one in ("a", "7", "b")]
    assert lost(parsed) == {MEMBERSHIP_UNREADABLE}


def test_the_audiences_of_a_row_are_bounded() -> None:
    assert lost(read({**ROW, "list": ["a"] * (MAX_AUDIENCES + 1)})) == {RECORD_TOO_MANY_AUDIENCES}


def test_a_value_that_is_none_costs_itself() -> None:
    parsed = read({**ROW, "email": [True, "ada@example.org"]})
    assert (only(parsed).identities, lost(parsed)) == ({"dedupefield": ("ada@example.org",)}, {IDENTITY_UNREADABLE})


def test_the_values_of_a_row_are_bounded() -> None:
    parsed = read({**ROW, "email": [str(number) for number in range(MAX_IDENTITIES + 1)]})
    assert len(only(parsed).identities["dedupefield"]) == MAX_IDENTITIES
    assert lost(parsed) == {TOO_MANY_IDENTITIES}


@pytest.mark.parametrize(
    "value",
    ["2026-11-21T09:00:00Z", "2026-11-21T10:00:00+01:00", 1795251600, 1795251600000, 1795251600.0, "1795251600"],
)
def test_a_time_is_iso_8601_or_counted_in_seconds_or_milliseconds(value: object) -> None:
    event = only(read({**ROW, "at": value}, RowForm(audience="list", time="at")))
    assert event.at == event.memberships[0].at == datetime(2026, 11, 21, 9, tzinfo=UTC)


@pytest.mark.parametrize("value", ["yesterday", True, {"a": 1}, ["x"], 1e300, -1e300, float("inf"), "9" * 40, "٣"])
def test_a_time_that_is_none_counts_as_that_of_the_receipt(value: object) -> None:
    parsed = read({**ROW, "at": value}, RowForm(audience="list", time="at"))
    assert (only(parsed).at, EVENT_TIME_UNREADABLE in lost(parsed)) == (NOW, True)


@pytest.mark.parametrize("value", [1795251600 * 2, "2036-01-01T00:00:00Z"])
def test_no_time_lies_in_the_future(value: object) -> None:
    assert only(read({**ROW, "at": value}, RowForm(audience="list", time="at"))).at == NOW


def test_a_row_without_its_time_was_received_when_it_was() -> None:
    parsed = read(ROW, RowForm(audience="list", time="at"))
    assert (only(parsed).at, lost(parsed)) == (NOW, set())


@pytest.mark.parametrize("value", [0, False, "", 0.0])
def test_a_value_arrives_as_it_was_sent(value: object) -> None:
    assert json.dumps(only(read({**ROW, "a": {"b": value}})).profile["a"]) == json.dumps({"b": value})


def test_a_body_has_no_more_rows_than_others_have_records() -> None:
    with pytest.raises(TooManyRecordsError):
        read({"users": [7] * (MAX_RECORDS + 1)}, RowForm(records="users"))
