"""Experience Platform's HTTP API destination: memberships, identities and attributes as it exports them."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.problem import Problem
from destination.ingest.sources.aep import parse
from destination.ingest.sources.body import MAX_AUDIENCES, Parsed, RecordTimes

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED

PROFILE: Mapping[str, object] = {
    "person": {"name": {"firstName": "Ada", "lastName": "Lovelace"}, "birthDate": "1815-12-10"},
    "personalEmail": {"address": "ada@example.org"},
    "_tenant": {"loyaltyTier": "gold"},
    "segmentMembership": {
        "ups": {
            "audience-1": {
                "lastQualificationTime": "2026-11-21T08:15:42Z",
                "status": "realized",
                "name": "Webinar attendees",
                "createdAt": 1730000000000,
                "mappingCreatedAt": 1762000000000,
            },
            "audience-2": {"lastQualificationTime": "2026-11-20T02:41:50.000+0000", "status": "exited"},
        },
        "CustomerAudienceUpload": {
            "audience-1": {"lastQualificationTime": "2026-11-19T00:00:00Z", "status": "existing"}
        },
    },
    "identityMap": {
        "ecid": [{"id": "2041"}],
        "Email": [{"id": "ada@example.org", "primary": True}, {"id": "a@b.example"}],
    },
}


def read(*records: object) -> Parsed:
    return parse(json.dumps(records).encode(), RecordTimes(NOW))


def only(parsed: Parsed) -> ProfileEvent:
    ((_, event),) = parsed.events
    assert not parsed.rejected
    return event


def test_a_profile_becomes_an_event() -> None:
    event = only(read(PROFILE))
    assert event == ProfileEvent(
        at=NOW,
        profile={name: PROFILE[name] for name in ("person", "personalEmail", "_tenant")},
        identities={"ecid": ("2041",), "email": ("ada@example.org", "a@b.example")},
        memberships=(
            Membership(
                AudienceKey("ups", "audience-1"),
                REALIZED,
                datetime(2026, 11, 21, 8, 15, 42, tzinfo=UTC),
                "Webinar attendees",
            ),
            Membership(AudienceKey("ups", "audience-2"), EXITED, datetime(2026, 11, 20, 2, 41, 50, tzinfo=UTC)),
            Membership(
                AudienceKey("CustomerAudienceUpload", "audience-1"), REALIZED, datetime(2026, 11, 19, tzinfo=UTC)
            ),
        ),
        received_at=NOW,
    )


@pytest.mark.parametrize(
    "empty", [{}, {"segmentMembership": None, "identityMap": None}, {"segmentMembership": {"ups": {}}}]
)
def test_a_profile_may_have_neither_memberships_nor_identities(empty: dict[str, object]) -> None:
    event = only(read({"email": "ada@example.org", **empty}))
    assert (event.memberships, event.identities, event.profile) == ((), {}, {"email": "ada@example.org"})


def test_attributes_and_memberships_without_a_time_are_as_new_as_their_place_in_the_body() -> None:
    entry = {"status": "realized"}
    parsed = read(*({"segmentMembership": {"ups": {"a": entry, "b": entry}}} for _ in range(3)))
    places = [NOW + timedelta(microseconds=n) for n in range(3)]
    assert [event.at for _, event in parsed.events] == places
    assert [event.received_at for _, event in parsed.events] == places
    assert [[one.at for one in event.memberships] for _, event in parsed.events] == [[at, at] for at in places]


def test_of_the_memberships_of_a_person_in_one_body_the_last_is_the_newest() -> None:
    statuses = ["realized", "exited", "realized", "exited"]
    parsed = read(*({"segmentMembership": {"ups": {"a": {"status": status}}}} for status in statuses))
    said = [one for _, event in parsed.events for one in event.memberships]
    assert [one.status for one in sorted(said, key=lambda one: one.at)] == statuses
    assert len({one.at for one in said}) == len(statuses)


def test_a_membership_without_a_time_is_as_old_as_its_receipt() -> None:
    event = only(
        read(
            {
                "segmentMembership": {
                    "ups": {"a": {"status": "realized"}, "b": {"status": "exited", "lastQualificationTime": None}}
                }
            }
        )
    )
    assert [one.at for one in event.memberships] == [NOW, NOW]


def test_a_membership_from_the_future_is_as_old_as_its_receipt() -> None:
    entry = {"status": "realized", "lastQualificationTime": "2030-01-01T00:00:00Z"}
    assert only(read({"segmentMembership": {"ups": {"a": entry}}})).memberships[0].at == NOW


def test_namespaces_of_identities_are_one_in_either_case() -> None:
    identities = {
        "Email": [{"id": "a@b.example"}],
        "EMAIL": [{"id": "c@d.example"}, {"id": "a@b.example"}],
        "email": [],
    }
    assert only(read({"identityMap": identities})).identities == {"email": ("a@b.example", "c@d.example")}


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"status": "paused"}, ".status"),
        ({"status": "Realized"}, ".status"),
        ({"status": None}, ".status"),
        ({"status": ["realized"]}, ".status"),
        ({}, ".status"),
        ("realized", ""),
        (None, ""),
        ([], ""),
        ({"status": "realized", "lastQualificationTime": "yesterday"}, ".lastQualificationTime"),
        ({"status": "realized", "lastQualificationTime": 1762000000000}, ".lastQualificationTime"),
    ],
)
def test_an_audience_entry_that_is_wrong_is_left_out_with_a_warning(entry: object, path: str) -> None:
    parsed = read({}, {"segmentMembership": {"ups": {"bad": entry, "good": {"status": "realized"}}}})
    assert [one.audience.id for one in parsed.events[1][1].memberships] == ["good"]
    ((index, problem),) = parsed.warnings
    assert (index, problem.path) == (1, f"segmentMembership.ups.bad{path}")
    assert not parsed.rejected


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"segmentMembership": []}, "segmentMembership"),
        ({"segmentMembership": "ups"}, "segmentMembership"),
        ({"segmentMembership": {"ups": ["a"]}}, "segmentMembership.ups"),
        ({"identityMap": []}, "identityMap"),
        ({"identityMap": {"email": "ada@example.org"}}, "identityMap.email"),
        ({"identityMap": {"email": {"id": "ada@example.org"}}}, "identityMap.email"),
        ({"identityMap": {"email": ["ada@example.org"]}}, "identityMap.email[0]"),
        ({"identityMap": {"email": [{"id": "a@b.example"}, {"id": 7}]}}, "identityMap.email[1]"),
        ({"identityMap": {"email": [{}]}}, "identityMap.email[0]"),
        ("profile", ""),
        (None, ""),
        ([PROFILE], ""),
    ],
)
def test_a_record_that_is_wrong_is_rejected_by_itself(record: object, path: str) -> None:
    parsed = read(PROFILE, record, PROFILE)
    assert [index for index, _ in parsed.events] == [0, 2]
    ((index, problem),) = parsed.rejected
    assert (index, problem.path) == (1, path)
    assert problem.message.startswith("must be")


def test_a_record_may_have_so_many_audiences_and_no_more() -> None:
    entry = {"status": "realized"}
    half = {str(number): entry for number in range(MAX_AUDIENCES // 2)}
    most = {"segmentMembership": {"ups": half, "crm": half}}
    parsed = read(most, {"segmentMembership": {**most["segmentMembership"], "more": {"one": entry}}})
    assert [(index, len(event.memberships)) for index, event in parsed.events] == [(0, MAX_AUDIENCES)]
    assert [(index, one.path) for index, one in parsed.rejected] == [(1, "segmentMembership")]


def test_a_long_name_is_cut_in_a_path() -> None:
    long, cut = "n" * 101, "n" * 100 + "…"
    parsed = read(
        {"segmentMembership": {long: {long: 7, "n" * 100: 7}}},
        {"segmentMembership": {long: 7}},
        {"identityMap": {long: 7}},
    )
    assert [one.path for _, one in parsed.warnings] == [
        f"segmentMembership.{cut}.{cut}",
        f"segmentMembership.{cut}.{'n' * 100}",
    ]
    assert [one.path for _, one in parsed.rejected] == [f"segmentMembership.{cut}", f"identityMap.{cut}"]


def test_problems_never_show_a_value() -> None:
    parsed = read(
        {"identityMap": {"email": ["secret@example.org"]}}, {"segmentMembership": {"ups": {"a": {"status": "hush"}}}}
    )
    shown = " ".join(f"{one.path} {one.message}" for _, one in [*parsed.rejected, *parsed.warnings])
    assert "secret" not in shown
    assert "hush" not in shown


def test_one_broken_record_among_a_thousand_is_named() -> None:
    lines = [json.dumps(PROFILE)] * 1000
    lines[417] = lines[417][:-9]
    parsed = parse("\n".join(lines).encode(), RecordTimes(NOW))
    assert (len(parsed.events), [index for index, _ in parsed.rejected]) == (999, [417])
    assert isinstance(parsed.rejected[0][1], Problem)


@pytest.mark.parametrize(
    ("given", "name"),
    [(" Spring ", "Spring"), ("x" * 255, "x" * 255), ("x" * 256, None), ("", None), (7, None), ("a\nb", None)],
)
def test_an_audiences_name_is_taken_where_it_can_be_one(given: object, name: str | None) -> None:
    entry = {"status": "realized", "name": given}
    ((_, event),) = read({"segmentMembership": {"ups": {"a": entry}}}).events
    assert [one.name for one in event.memberships] == [name]
