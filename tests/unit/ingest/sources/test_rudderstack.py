"""What RudderStack posts: records, audience lists, calls, and the rows of an activation.

What is expected is what RudderStack's documentation and code say of them, not what the reader does.
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import Proof
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.ingest.admission import SourceRequest, WaysIn
from destination.ingest.sources import source
from destination.ingest.sources.body import MAX_RECORDS, Parsed, TooManyRecordsError
from destination.ingest.sources.record import RecordTimes

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
AT = datetime(2026, 11, 5, 10, tzinfo=UTC)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
ADA = {"email": "ada@example.org", "firstName": "Ada"}
LIST = {"externalId": [{"type": "marketoStaticListId", "id": "88012", "identifierType": "email"}]}


def record(action: object = "insert", **changes: object) -> dict[str, Any]:
    return {
        "type": "record",
        "action": action,
        "recordId": "2",
        "messageId": "rs-2",
        "channel": "sources",
        "fields": {"firstName": "Ada", "score": 0},
        "identifiers": {"email": "ada@example.org"},
        "context": {"sources": {"job_id": "j"}, "mappedToDestination": "true", **LIST},
        "timestamp": "2026-11-05T10:00:00.000Z",
        **changes,
    }


def audience_list(**lists: object) -> dict[str, Any]:
    return {
        "type": "audiencelist",
        "messageId": "rs-9",
        "timestamp": "2026-11-05T10:00:00.000Z",
        "properties": {"listData": lists, "enablePartialFailure": True},
        "context": LIST,
    }


def read(body: object, **query: str) -> Parsed:
    request = SourceRequest(json.dumps(body).encode(), {}, query)
    return source("rudderstack").read(request, RecordTimes(NOW))


def only(parsed: Parsed) -> ProfileEvent:
    ((_, event),) = parsed.events
    assert not parsed.rejected
    return event


def told(parsed: Parsed) -> list[str]:
    return [problem.path for _, problem in parsed.warnings]


def said(body: object, **query: str) -> list[tuple[object, str, MembershipStatus]]:
    return [
        (event.profile.get("email"), one.audience.id, one.status)
        for _, event in read(body, **query).events
        for one in event.memberships
    ]


def test_a_record_becomes_an_event() -> None:
    assert only(read(record())) == ProfileEvent(
        at=AT,
        profile={"email": "ada@example.org", "firstName": "Ada", "score": 0},
        identities={"email": ("ada@example.org",)},
        memberships=(Membership(AudienceKey("rudderstack", "88012"), REALIZED, AT),),
        received_at=NOW,
        id="rs-2",
    )


@pytest.mark.parametrize(
    ("action", "status"),
    [("insert", REALIZED), ("update", REALIZED), ("upsert", REALIZED), ("delete", EXITED), ("DELETE", EXITED)],
)
def test_the_action_of_a_record_says_whether_its_person_is_in_the_audience(
    action: str, status: MembershipStatus
) -> None:
    assert said(record(action)) == [("ada@example.org", "88012", status)]


def test_what_identifies_a_row_is_an_attribute_and_an_identity() -> None:
    event = only(read(record(identifiers={"Customer_Id": 17, "email": None}, fields={"email": "a@b.example"})))
    assert event.profile == {"Customer_Id": 17, "email": "a@b.example"}
    assert event.identities == {"customer_id": ("17",), "email": ("a@b.example",)}


@pytest.mark.parametrize("context", [{}, {"externalId": [{"type": "marketoStaticListId"}]}, {"externalId": []}])
def test_the_address_says_the_audience_where_the_record_does_not(context: Mapping[str, object]) -> None:
    assert said(record(context=context), audience="webinar") == [("ada@example.org", "webinar", REALIZED)]
    assert said(record("delete", context=context), audience="webinar", action="add") == [
        ("ada@example.org", "webinar", EXITED)
    ]


def test_what_the_record_says_wins_over_the_address() -> None:
    assert said(record(), audience="webinar", action="remove") == [("ada@example.org", "88012", REALIZED)]


def test_a_record_without_an_audience_is_about_the_fields_and_whose_row_is_gone_is_told() -> None:
    parsed = read(record("update", context={}))
    assert (only(parsed).memberships, parsed.warnings) == ((), [])
    parsed = read(record("delete", context={}))
    assert (only(parsed).memberships, told(parsed)) == ((), [""])


def test_an_audience_list_is_an_event_of_each_of_its_persons_those_removed_first() -> None:
    parsed = read([audience_list(add=[ADA, {"email": "bo@example.org"}], remove=[{"email": "cy@example.org"}]), ADA])
    assert [(index, event.id, event.at) for index, event in parsed.events] == [
        (0, "rs-9/0", AT),
        (1, "rs-9/1", AT),
        (2, "rs-9/2", AT),
        (3, None, RecordTimes(NOW).of(3)),
    ]
    assert [one.status for _, event in parsed.events for one in event.memberships] == [EXITED, REALIZED, REALIZED]
    assert [str(event.profile["email"])[:2] for _, event in parsed.events] == ["cy", "ad", "bo", "ad"]
    assert {one.audience for _, event in parsed.events for one in event.memberships} == {("rudderstack", "88012")}


@pytest.mark.parametrize("lists", [{}, {"add": None}, {"remove": "ada@example.org"}])
def test_an_audience_list_without_a_list_is_rejected(lists: Mapping[str, object]) -> None:
    parsed = read([audience_list(**lists), record()])
    assert ([index for index, _ in parsed.rejected], [index for index, _ in parsed.events]) == ([0], [1])


def test_an_empty_audience_list_is_about_nobody() -> None:
    parsed = read(audience_list(add=[], remove=[]))
    assert (parsed.events, parsed.rejected) == ([], [])


@pytest.mark.parametrize(
    ("says", "query"),
    [
        ({"audienceId": "lst_1", "action": "add"}, {}),
        ({"audience_id": "lst_1"}, {"action": "add"}),
        ({}, {"audience": "lst_1", "action": "update"}),
    ],
)
def test_the_template_of_an_activation_or_its_address_says_the_audience_and_the_action(
    says: Mapping[str, object], query: Mapping[str, str]
) -> None:
    bo = {"email": "bo@example.org", "vip": False}
    expected = [("ada@example.org", "lst_1", REALIZED), ("bo@example.org", "lst_1", REALIZED)]
    assert said({**says, "users": [ADA, bo]}, **query) == expected
    parsed = read({**says, "users": [ADA, 7, bo], "timestamp": "2026-11-05T10:00:00Z"}, **query)
    assert [(index, event.at, event.profile) for index, event in parsed.events] == [(0, AT, ADA), (2, AT, bo)]
    assert [index for index, _ in parsed.rejected] == [1]


def test_rows_alone_leave_an_audience_by_the_address() -> None:
    query = {"audience": "lst_1", "action": "remove"}
    assert said([ADA], **query) == said(ADA, **query) == [("ada@example.org", "lst_1", EXITED)]


def test_a_row_may_have_columns_of_any_name() -> None:
    row = {**ADA, "type": "customer", "timestamp": "soon", "action": "buys", "messageId": 7, "fields": "x"}
    parsed = read(row, audience="lst_1", action="add")
    assert only(parsed).profile == row
    assert (only(parsed).at, only(parsed).id, parsed.warnings) == (NOW, None, [])


def test_an_identify_updates_its_person_and_a_tracks_properties_are_not_the_persons() -> None:
    call: dict[str, Any] = {
        "type": "identify",
        "messageId": "rs-1",
        "userId": "u1",
        "timestamp": "2026-11-05T10:00:00.000Z",
        "context": {"traits": {"email": "ada@example.org", "plan": ""}},
    }
    event = only(read(call))
    assert (event.profile, event.memberships, event.id) == (call["context"]["traits"], (), "rs-1")
    assert event.identities == {"user_id": ("u1",), "email": ("ada@example.org",)}
    bought = only(read({**call, "type": "track", "properties": {"name": "A shirt"}}))
    assert bought.profile == {**event.profile, "properties": {"name": "A shirt"}}


@pytest.mark.parametrize(
    ("body", "query", "path"),
    [
        (record("truncate"), {}, "action"),
        (record(None), {}, "action"),
        (record(7), {}, "action"),
        ([ADA], {"audience": "lst_1"}, "action"),
        ([ADA], {"action": "add"}, ""),
        (audience_list(add=[ADA]) | {"context": {}}, {}, ""),
        (record(context={"externalId": [{"id": ["88012"]}]}), {}, ""),
        (record(identifiers={"email": "ada@example.org", "crm": {}}), {}, "identifiers.crm[0]"),
        (record(identifiers=["email"], fields=ADA), {}, "identifiers"),
        (record(fields="email"), {}, "fields"),
        (record(timestamp="soon"), {}, "timestamp"),
        (record(messageId=[]), {}, "messageId"),
    ],
)
def test_a_part_that_cannot_be_read_costs_itself_alone(body: object, query: Mapping[str, str], path: str) -> None:
    parsed = read(body, **query)
    assert only(parsed).profile["email"] == "ada@example.org"
    assert told(parsed) == [path]
    assert (only(parsed).memberships == ()) is (path in {"", "action"})


@pytest.mark.parametrize("kind", ["group", "page", "alias", "delete"])
def test_a_call_that_says_nothing_of_a_person_is_rejected_with_what_to_do(kind: str) -> None:
    ((_, problem),) = read({"type": kind, "userId": "u1"}).rejected
    assert problem.path == "type"


def test_persons_are_bounded_as_records_are() -> None:
    with pytest.raises(TooManyRecordsError):
        read(audience_list(add=[ADA] * MAX_RECORDS, remove=[ADA]))


def test_nothing_is_signed_and_a_connection_that_asks_for_it_says_so() -> None:
    ways = WaysIn((), proof=Proof.SIGNATURE, keys=(b"key",))
    refused = source("rudderstack").admit(SourceRequest(b"{}", {"x-signature": "a"}), ways)
    assert refused is not None
    assert "source.admission.proof" in refused.detail


def test_a_body_that_was_not_stored_comes_again() -> None:
    """The router of RudderStack's server: terminal are 2xx to 4xx but 408 and 429."""
    retried = source("rudderstack").limits.retried
    assert retried is not None
    assert {408, 429, 503} <= retried
    assert retried.isdisjoint({400, 401, 404, 409, 413, 415, 422})
