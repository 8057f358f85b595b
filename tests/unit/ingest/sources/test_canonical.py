"""The canonical event."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.ingest.sources import FORMATS, aep, canonical
from destination.ingest.sources.body import MAX_AUDIENCES, Parsed, RecordTimes
from destination.ingest.sources.canonical import parse

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
HOUR_AGO = NOW - timedelta(hours=1)
EVENT: Mapping[str, object] = {
    "id": "event-1",
    "occurred_at": "2026-11-21T09:00:00Z",
    "profile": {"email": "ada@example.org", "firstName": "Ada"},
    "identities": {"Email": ["ada@example.org", "a@b.example", "ada@example.org"], "crmId": []},
    "audiences": [
        {"id": "audience-1", "namespace": "crm", "status": "realized", "at": "2026-11-21T08:59:58Z"},
        {"id": "audience-2", "status": "exited"},
    ],
}


def read(*records: object) -> Parsed:
    return parse(json.dumps(records).encode(), RecordTimes(NOW))


def only(parsed: Parsed) -> ProfileEvent:
    ((_, event),) = parsed.events
    return event


def test_formats_go_by_the_name_that_a_connection_gives() -> None:
    assert {"aep": aep.parse, "canonical": canonical.parse} == FORMATS


def test_an_event_is_read_as_it_is_written() -> None:
    assert only(read(EVENT)) == ProfileEvent(
        id="event-1",
        at=HOUR_AGO,
        profile={"email": "ada@example.org", "firstName": "Ada"},
        identities={"email": ("ada@example.org", "a@b.example"), "crmid": ()},
        memberships=(
            Membership(AudienceKey("crm", "audience-1"), MembershipStatus.REALIZED, HOUR_AGO - timedelta(seconds=2)),
            Membership(AudienceKey("ups", "audience-2"), MembershipStatus.EXITED, HOUR_AGO),
        ),
        received_at=NOW,
    )


def test_everything_may_be_left_out() -> None:
    assert only(read({})) == ProfileEvent(at=NOW, profile={}, identities={}, memberships=(), received_at=NOW)


def test_events_without_a_time_are_as_new_as_their_place_in_the_body_and_so_are_their_memberships() -> None:
    parsed = read(*({"audiences": [{"id": "a", "status": "realized"}]} for _ in range(3)))
    places = [NOW + timedelta(microseconds=n) for n in range(3)]
    assert [(event.at, event.received_at) for _, event in parsed.events] == [(at, at) for at in places]
    assert [one.at for _, event in parsed.events for one in event.memberships] == places


@pytest.mark.parametrize("container", ['{{"events":[{0}]}}', "[{0}]", "{0}", "{0}\n{0}"])
def test_every_container_is_taken(container: str) -> None:
    parsed = parse(container.format(json.dumps(EVENT)).encode(), RecordTimes(NOW))
    assert {event.id for _, event in parsed.events} == {"event-1"}
    assert not parsed.rejected


def test_a_membership_is_as_old_as_its_event_unless_it_says_so_and_never_from_the_future() -> None:
    for own, at in (
        ({}, HOUR_AGO),
        ({"at": None}, HOUR_AGO),
        ({"at": "2026-11-21T07:00:00.5+0000"}, NOW - timedelta(hours=3) + timedelta(seconds=0.5)),
        ({"at": "2026-11-21T11:00:00Z"}, NOW),
    ):
        audiences = [{"id": "a", "status": "realized", **own}]
        event = only(read({"occurred_at": "2026-11-21T09:00:00Z", "audiences": audiences}))
        assert event.memberships[0].at == at
    assert only(read({"occurred_at": "2031-01-01T00:00:00Z"})).at == NOW


def audience(**changes: object) -> dict[str, object]:
    return {"audiences": [{"id": "a", "status": "realized"}, {"id": "a", "status": "realized", **changes}]}


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"profile": []}, "profile"),
        ({"profile": None}, "profile"),
        ({"profile": "ada"}, "profile"),
        ({"id": 7}, "id"),
        ({"occurred_at": 1762000000}, "occurred_at"),
        ({"occurred_at": "2026-11-21"}, "occurred_at"),
        ({"audiences": {}}, "audiences"),
        ({"audiences": None}, "audiences"),
        ({"audiences": ["a"]}, "audiences[0]"),
        (audience(id=""), "audiences[1].id"),
        (audience(id=7), "audiences[1].id"),
        (audience(namespace=""), "audiences[1].namespace"),
        (audience(namespace=None), "audiences[1].namespace"),
        (audience(status="existing"), "audiences[1].status"),
        (audience(status=None), "audiences[1].status"),
        (audience(status=["realized"]), "audiences[1].status"),
        (audience(at=7), "audiences[1].at"),
        (audience(title="Webinar"), "audiences[1].title"),
        ({"identities": []}, "identities"),
        ({"identities": None}, "identities"),
        ({"identities": {"email": "ada@example.org"}}, "identities.email"),
        ({"identities": {"email": [7]}}, "identities.email"),
        ({"profiles": []}, "profiles"),
        (None, ""),
        ([], ""),
        ("event", ""),
    ],
)
def test_a_record_that_is_wrong_is_rejected_by_itself_with_its_path(record: object, path: str) -> None:
    parsed = read(EVENT, record, EVENT)
    assert [index for index, _ in parsed.events] == [0, 2]
    ((index, problem),) = parsed.rejected
    assert (index, problem.path) == (1, path)
    assert problem.message


def test_a_record_may_have_so_many_audiences_and_no_more() -> None:
    entries = [{"id": str(number), "status": "realized"} for number in range(MAX_AUDIENCES + 1)]
    parsed = read({"audiences": entries[1:]}, {"audiences": entries})
    assert [(index, len(event.memberships)) for index, event in parsed.events] == [(0, MAX_AUDIENCES)]
    assert [(index, one.path) for index, one in parsed.rejected] == [(1, "audiences")]


def test_a_long_name_is_cut_in_a_path() -> None:
    long, cut = "n" * 101, "n" * 100 + "…"
    parsed = read({long: 1}, {"audiences": [{long: 1}]}, {"identities": {long: 7}})
    assert [one.path for _, one in parsed.rejected] == [cut, f"audiences[0].{cut}", f"identities.{cut}"]


@pytest.mark.parametrize(("given", "name"), [("Spring", "Spring"), (None, None), (["Spring"], None)])
def test_an_audiences_name_is_taken_where_it_can_be_one(given: object, name: str | None) -> None:
    event = only(read({"audiences": [{"id": "a", "status": "realized", "name": given}]}))
    assert [one.name for one in event.memberships] == [name]
