"""The canonical event."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.ingest.sources.body import MAX_AUDIENCES, Parsed
from destination.ingest.sources.record import RecordTimes
from testing.sources import read_body

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
    return read_body("canonical", json.dumps(records).encode(), RecordTimes(NOW))


def only(parsed: Parsed) -> ProfileEvent:
    ((_, event),) = parsed.events
    return event


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
    parsed = read_body("canonical", container.format(json.dumps(EVENT)).encode(), RecordTimes(NOW))
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
        ({"profile": {"note": "\ud83d"}}, "profile.note"),
        ({"profile": "ada"}, "profile"),
        ({"id": 1.5}, "id"),
        ({"id": "\ud83d"}, "id"),
        ({"occurred_at": 1762000000}, "occurred_at"),
        ({"occurred_at": "2026-11-21"}, "occurred_at"),
        ({"audiences": {}}, "audiences"),
        ({"audiences": ["a"]}, "audiences[0]"),
        ({"identities": []}, "identities"),
        ({"identities": {"email": "ada@example.org"}}, "identities.email"),
        ({"identities": {"email": [{"id": "ada@example.org"}]}}, "identities.email[0]"),
        ({"profil": {}}, "profil"),
        (None, ""),
        ([], ""),
        ("event", ""),
    ],
)
def test_a_record_of_which_nothing_can_be_read_is_rejected_by_itself(record: object, path: str) -> None:
    parsed = read(EVENT, record, EVENT)
    assert [index for index, _ in parsed.events] == [0, 2]
    ((index, problem),) = parsed.rejected
    assert (index, problem.path) == (1, path)
    assert problem.message
    assert not parsed.warnings


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"id": ""}, ".id"),
        ({"id": 1.5}, ".id"),
        ({"id": "\ud83d"}, ".id"),
        ({"namespace": ""}, ".namespace"),
        ({"namespace": ["ups"]}, ".namespace"),
        ({"status": "paused"}, ".status"),
        ({"status": ["realized"]}, ".status"),
        ({"at": 7}, ".at"),
    ],
)
def test_a_membership_that_is_wrong_is_left_out_with_a_warning(changes: dict[str, object], path: str) -> None:
    parsed = read(EVENT, audience(**changes))
    assert [one.audience.id for one in parsed.events[1][1].memberships] == ["a"]
    assert [(index, one.path) for index, one in parsed.warnings] == [(1, f"audiences[1]{path}")]
    assert not parsed.rejected


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"profile": "ada"}, "profile"),
        ({"profile": {"email": "a@b.example", "notes": ["\ud83d"]}}, "profile.notes[0]"),
        ({"audiences": {}}, "audiences"),
        ({"identities": []}, "identities"),
        ({"identities": {"email": "ada@example.org", "crm": ["C-17"]}}, "identities.email"),
        ({"identities": {"crm": [True, "C-17"]}}, "identities.crm[0]"),
        ({"occurred_at": 1762000000}, "occurred_at"),
        ({"id": ["event-1"]}, "id"),
    ],
)
def test_a_part_that_is_wrong_is_left_out_with_a_warning(part: Mapping[str, object], path: str) -> None:
    parsed = read({**EVENT, **part})
    event = only(parsed)
    assert sum(map(bool, (event.profile, event.memberships, event.identities))) >= 2
    assert [one.path for _, one in parsed.warnings] == [path]


def test_an_unreadable_time_of_an_event_counts_as_that_of_its_receipt() -> None:
    assert only(read({**EVENT, "occurred_at": "2026-11-21"})).at == NOW


def test_whole_numbers_are_ids() -> None:
    event = only(read({"id": 7, "identities": {"crm": [17, 17.0, "17"]}, "audiences": [{"id": 4410}]}))
    assert (event.id, event.identities) == ("7", {"crm": ("17",)})
    assert event.memberships == (Membership(AudienceKey("ups", "4410"), MembershipStatus.REALIZED, NOW),)


def test_null_is_as_good_as_nothing() -> None:
    nothing = dict.fromkeys(("id", "occurred_at", "profile", "identities", "audiences"))
    parsed = read(nothing, {"audiences": [{"id": "a", "namespace": None, "status": None, "at": None, "name": None}]})
    assert [len(event.memberships) for _, event in parsed.events] == [0, 1]
    assert (parsed.rejected, parsed.warnings) == ([], [])


@pytest.mark.parametrize(("word", "status"), [("Existing", "realized"), ("REALIZED", "realized"), ("Exited", "exited")])
def test_status_words_are_known_in_any_case(word: str, status: str) -> None:
    assert [one.status for one in only(read({"audiences": [{"id": "a", "status": word}]})).memberships] == [status]


def test_an_unknown_property_is_warned_of_with_the_known_ones() -> None:
    parsed = read({"profile": {"a": 1}, "audience": [], "audiences": [{"id": "a", "titel": "Webinar"}]})
    assert len(only(parsed).memberships) == 1
    assert [(one.path, one.message) for _, one in parsed.warnings] == [
        ("audience", "is not a known property; known are audiences, id, identities, occurred_at, profile"),
        ("audiences[0].titel", "is not a known property; known are at, id, name, namespace, status"),
    ]


def test_a_record_may_have_so_many_audiences_and_no_more() -> None:
    entries = [{"id": str(number), "status": "realized"} for number in range(MAX_AUDIENCES + 1)]
    parsed = read({"audiences": entries[1:]}, {"audiences": entries})
    assert [(index, len(event.memberships)) for index, event in parsed.events] == [(0, MAX_AUDIENCES)]
    assert [(index, one.path) for index, one in parsed.rejected] == [(1, "audiences")]


def test_a_long_name_is_cut_in_a_path() -> None:
    long, cut = "n" * 101, "n" * 100 + "…"
    parsed = read({long: 1}, {"audiences": [{long: 1}]}, {"identities": {long: 7}})
    assert [one.path for _, one in parsed.rejected] == [cut, "audiences[0].id", f"identities.{cut}"]
    parsed = read({long: 1, "audiences": [{"id": "a", long: 1}]})
    assert [one.path for _, one in parsed.warnings] == [cut, f"audiences[0].{cut}"]


@pytest.mark.parametrize(("given", "name"), [("Spring", "Spring"), (None, None), (["Spring"], None)])
def test_an_audiences_name_is_taken_where_it_can_be_one(given: object, name: str | None) -> None:
    event = only(read({"audiences": [{"id": "a", "status": "realized", "name": given}]}))
    assert [one.name for one in event.memberships] == [name]


def test_the_namespace_of_an_audience_has_no_case() -> None:
    parsed = read({"profile": {"email": "a@b.example"}, "audiences": [{"id": "a", "namespace": "CRM"}, {"id": "A"}]})
    [(_, event)] = parsed.events
    assert [one.audience for one in event.memberships] == [("crm", "a"), ("ups", "A")]
