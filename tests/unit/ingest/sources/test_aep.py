"""Experience Platform's HTTP API destination: memberships, identities and attributes as it exports them."""

import json
import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import MAX_IDENTITIES, Membership, MembershipStatus, ProfileEvent
from destination.domain.problem import Problem
from destination.ingest.sources.body import MAX_AUDIENCES, MAX_AUDIENCES_OF_BODY, Parsed
from destination.ingest.sources.record import MAX_ENTRIES, MAX_NAMESPACES, MAX_PATH_LENGTH, MAX_WARNINGS, RecordTimes
from destination.queue import encode_event
from testing.sources import read_body

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
    return read_body("aep", json.dumps(records).encode(), RecordTimes(NOW))


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
                AudienceKey("customeraudienceupload", "audience-1"), REALIZED, datetime(2026, 11, 19, tzinfo=UTC)
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
    ("entry", "status"),
    [
        ({}, REALIZED),
        ({"status": None}, REALIZED),
        ({"lastQualificationTime": "2026-11-20T10:00:00Z"}, REALIZED),
        ({"status": "Realized"}, REALIZED),
        ({"status": "EXISTING"}, REALIZED),
        ({"status": "Exited"}, EXITED),
    ],
)
def test_a_status_is_realized_unless_it_says_otherwise_in_any_case(entry: object, status: MembershipStatus) -> None:
    parsed = read({"segmentMembership": {"ups": {"a": entry}}})
    assert [one.status for one in only(parsed).memberships] == [status]
    assert not parsed.warnings


@pytest.mark.parametrize(
    ("entry", "path"),
    [
        ({"status": "paused"}, ".status"),
        ({"status": ""}, ".status"),
        ({"status": ["realized"]}, ".status"),
        ({"status": "exi\ud83d"}, ".status"),
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
        ({"identityMap": {"email": [{}]}}, "identityMap.email[0]"),
        ({"identityMap": {"email": [{"id": "half \ud83d"}]}}, "identityMap.email[0]"),
        ({"identityMap": {"half \ud83d": [{"id": "a@b.example"}]}}, "identityMap.half \ufffd"),
        ({"segmentMembership": {"ups": {"half \ud83d": {}}}}, "segmentMembership.ups.half \ufffd"),
        ({"note": "half \ud83d"}, "note"),
        ({"half \ud83d": "note"}, "half \ufffd"),
        ({"score": math.nan}, "score"),
        ("profile", ""),
        (None, ""),
        ([PROFILE], ""),
    ],
)
def test_a_record_of_which_nothing_can_be_read_is_rejected_by_itself(record: object, path: str) -> None:
    parsed = read(PROFILE, record, PROFILE)
    assert [index for index, _ in parsed.events] == [0, 2]
    ((index, problem),) = parsed.rejected
    assert (index, problem.path) == (1, path)
    assert problem.message.startswith("must")
    assert not parsed.warnings


@pytest.mark.parametrize(
    ("part", "path"),
    [
        ({"segmentMembership": []}, "segmentMembership"),
        ({"segmentMembership": {"ups": ["a"], "crm": {}}}, "segmentMembership.ups"),
        ({"segmentMembership": {"ups": {"a": "realized"}}}, "segmentMembership.ups.a"),
        ({"segmentMembership": {"\ud83d": {"a": {}}}}, "segmentMembership.\ufffd.a"),
        ({"identityMap": "ada"}, "identityMap"),
        ({"identityMap": {"email": {"id": "ada@example.org"}}}, "identityMap.email"),
        ({"identityMap": {"crm": [{"xid": "x"}]}}, "identityMap.crm[0]"),
        ({"identityMap": {"crm": [{"id": True}]}}, "identityMap.crm[0]"),
        ({"identityMap": {"crm": [{"id": 1.5}]}}, "identityMap.crm[0]"),
        ({"identityMap": {"crm": [{"id": 1e300}]}}, "identityMap.crm[0]"),
        ({"_tenant": {"note": "great \ud83d", "good": "\U0001f600"}}, "_tenant.note"),
        ({"_tenant": {"notes": ["a", "\udc00"]}}, "_tenant.notes[1]"),
        ({"_tenant": {"amount": math.inf}}, "_tenant.amount"),
        ({"_tenant": json.loads("[" * 40 + "]" * 40)}, "_tenant" + "[0]" * 31),
    ],
)
def test_a_part_that_is_wrong_is_left_out_with_a_warning(part: Mapping[str, object], path: str) -> None:
    parsed = read(PROFILE, {"email": "ada@example.org", **part})
    assert parsed.events[1][1].profile["email"] == "ada@example.org"
    assert [(index, problem.path) for index, problem in parsed.warnings] == [(1, path)]
    assert parsed.warning_count == 1
    assert not parsed.rejected
    encode_event(parsed.events[1][1])


def test_what_is_left_of_attributes_stays_in_its_place() -> None:
    notes = ["a", "\ud83d", {"b": math.nan, "c": 1}]
    event = only(read({"_tenant": {"note": "\ud83d", "notes": notes}, "name": "Zoë \U0001f600"}))
    assert event.profile == {"_tenant": {"notes": ["a", None, {"c": 1}]}, "name": "Zoë \U0001f600"}


def test_a_whole_number_as_an_id_is_its_text() -> None:
    ids = [{"id": 12345}, {"id": 417.0}, {"id": -1}, {"id": 10**30}, {"id": True}, {"id": "12345"}]
    assert only(read({"identityMap": {"crmid": ids}})).identities == {"crmid": ("12345", "417", "-1", f"{10**30}")}


def test_identities_that_are_too_many_are_left_out_with_a_warning() -> None:
    ids = [{"id": str(number)} for number in range(MAX_IDENTITIES + 1)]
    parsed = read({"identityMap": {"crm": ids}})
    assert only(parsed).identities == {"crm": tuple(one["id"] for one in ids[:MAX_IDENTITIES])}
    assert [problem.path for _, problem in parsed.warnings] == ["identityMap.crm"]
    parsed = read({"identityMap": {"crm": [{"id": "1"}] * (MAX_ENTRIES + 1)}})
    assert only(parsed).identities == {"crm": ("1",)}
    assert [problem.path for _, problem in parsed.warnings] == [f"identityMap.crm[{MAX_ENTRIES}]"]
    parsed = read({"identityMap": {str(number): [{"id": "1"}] for number in range(MAX_NAMESPACES + 1)}})
    assert len(only(parsed).identities) == MAX_NAMESPACES
    assert [problem.path for _, problem in parsed.warnings] == ["identityMap"]


def test_warnings_are_kept_up_to_a_number_and_counted_beyond_it() -> None:
    bad = {"segmentMembership": {"ups": {f"{number}": 7 for number in range(MAX_WARNINGS - 1)}}, "email": "a@b.example"}
    parsed = read(bad, bad)
    assert (len(parsed.warnings), parsed.warning_count) == (MAX_WARNINGS, 2 * MAX_WARNINGS - 2)
    assert [index for index, _ in parsed.warnings] == [0] * (MAX_WARNINGS - 1) + [1]


def test_a_profile_may_be_in_all_audiences_of_a_sandbox() -> None:
    entry = {"lastQualificationTime": "2026-11-20T10:00:00Z", "status": "realized"}
    audiences = {f"c3d0a6a1-5b7e-4c57-9a40-6f1f2f8e{number:04}": entry for number in range(4_000)}
    event = only(read({**PROFILE, "segmentMembership": {"ups": audiences}}))
    assert [one.audience.id for one in event.memberships] == list(audiences)


def test_a_body_may_have_so_many_audience_entries_and_no_more() -> None:
    many: dict[str, object] = {"segmentMembership": {"ups": {str(number): {} for number in range(MAX_AUDIENCES)}}}
    count = MAX_AUDIENCES_OF_BODY // MAX_AUDIENCES
    parsed = read(*[many] * count, {"segmentMembership": {"ups": {"a": {}}}}, {"email": "a@b.example"})
    assert [index for index, _ in parsed.events] == [*range(count), count + 1]
    ((index, problem),) = parsed.rejected
    assert (index, problem.path) == (count, "segmentMembership")
    assert "send fewer" in problem.message


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
        {"segmentMembership": {"ups": {long: 7, "n" * 100: 7}}},
        {"segmentMembership": {long: 7}},
        {"identityMap": {long: 7}},
    )
    assert [one.path for _, one in parsed.rejected] == [
        f"segmentMembership.ups.{cut}",
        f"segmentMembership.{cut}",
        f"identityMap.{cut}",
    ]
    deep = read({"a": 1, **json.loads(f'{{"{"n" * 99}":' * 5 + "NaN" + "}" * 5)})
    assert [len(one.path) for _, one in deep.warnings] == [MAX_PATH_LENGTH + 1]


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
    parsed = read_body("aep", "\n".join(lines).encode(), RecordTimes(NOW))
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


def test_namespaces_of_audiences_have_no_case_and_an_audience_has_one() -> None:
    entries = {"a": {"status": "realized"}}
    parsed = read({"email": "a@b.example", "segmentMembership": {"CRM": entries, "": entries, "Ups": {}}})
    assert [one.audience for one in only(parsed).memberships] == [("crm", "a")]
    assert parsed.warnings == [(0, Problem("segmentMembership", "must not have audiences without a namespace"))]
