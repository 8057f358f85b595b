"""What the message templates of a Destination SDK card write: raw profiles, the standard template, aggregated bodies.

Shapes: Experience Platform documentation, Destination SDK, "Message format".
"""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from destination.domain.audience import MAX_NAMESPACE_LENGTH, AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import MEMBERSHIP_STATUS_UNKNOWN
from destination.ingest.sources import source
from destination.ingest.sources.body import MAX_AUDIENCES, MAX_RECORDS, Parsed, TooManyRecordsError
from destination.ingest.sources.record import RecordTimes
from testing.sources import read_body

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED

RAW: Mapping[str, object] = {
    "segmentMembership": {
        "ups": {
            "audience-1": {"lastQualificationTime": "2026-11-21T08:15:42.000+0000", "status": "realized"},
            "audience-2": {"lastQualificationTime": "2026-11-20T02:41:50Z", "status": "exited"},
        }
    },
    "identityMap": {"DedupeField": [{"id": "ada@example.org"}]},
    "attributes": {"firstName": {"value": "Ada"}, "company": {}, "score": {"value": 0}, "optIn": {"value": False}},
}


def read(body: object) -> Parsed:
    return read_body("adobe_sdk", json.dumps(body).encode(), RecordTimes(NOW))


def only(parsed: Parsed) -> ProfileEvent:
    ((_, event),) = parsed.events
    assert not parsed.rejected
    return event


def ups(audience_id: str, status: MembershipStatus, at: datetime = NOW) -> Membership:
    return Membership(AudienceKey("ups", audience_id), status, at)


def told(parsed: Parsed) -> list[tuple[int, str]]:
    return [(index, problem.path) for index, problem in parsed.warnings]


def test_a_raw_profile_becomes_an_event() -> None:
    parsed = read(RAW)
    assert only(parsed) == ProfileEvent(
        at=NOW,
        profile={"firstName": "Ada", "company": {}, "score": 0, "optIn": False},
        identities={"dedupefield": ("ada@example.org",)},
        memberships=(
            ups("audience-1", REALIZED, datetime(2026, 11, 21, 8, 15, 42, tzinfo=UTC)),
            ups("audience-2", EXITED, datetime(2026, 11, 20, 2, 41, 50, tzinfo=UTC)),
        ),
        received_at=NOW,
    )
    assert parsed.warnings == []


@pytest.mark.parametrize("template", ["{}", '{{"profiles": [{}]}}', "[{}]"])
def test_raw_profiles_are_read_however_the_template_sets_them_side_by_side(template: str) -> None:
    second = {**RAW, "identityMap": {"DedupeField": [{"id": "bob@example.org"}]}}
    separator = "" if template == "{}" else ", "
    body = template.format(separator.join(json.dumps(one) for one in (RAW, second)))
    parsed = read_body("adobe_sdk", body.encode(), RecordTimes(NOW))
    people = [event.identities["dedupefield"] for _, event in parsed.events]
    assert people == [("ada@example.org",), ("bob@example.org",)]
    assert [index for index, _ in parsed.events] == [0, 1]


def test_the_brace_too_many_of_adobes_simplest_template_costs_no_profile() -> None:
    parsed = read_body("adobe_sdk", (json.dumps(RAW) * 2 + "}\n").encode(), RecordTimes(NOW))
    assert ([index for index, _ in parsed.events], parsed.rejected) == ([0, 1], [])


@pytest.mark.parametrize("end", ['{"attributes": }', "}}", "[}"])
def test_any_other_end_that_is_no_profile_is_rejected(end: str) -> None:
    parsed = read_body("adobe_sdk", (json.dumps(RAW) + end).encode(), RecordTimes(NOW))
    assert ([index for index, _ in parsed.events], [index for index, _ in parsed.rejected]) == ([0], [1])


def test_attributes_of_a_predefined_schema_are_the_values_themselves() -> None:
    event = only(read({**RAW, "attributes": {"firstName": "Ada", "score": 7, "tags": ["a", {"value": "b"}]}}))
    assert event.profile == {"firstName": "Ada", "score": 7, "tags": ["a", {"value": "b"}]}


def test_the_standard_template_is_read() -> None:
    parsed = read(
        {
            "profiles": [
                {
                    "attributes": {"firstName": "Hermione", "birthDate": None},
                    "identities": [
                        {"type": "email", "id": "h@example.com"},
                        {"type": "Email", "id": "hg@example.com"},
                        {"type": "external_id", "id": 123456},
                    ],
                    "AdobeExperiencePlatformSegments": {"add": ["a", "b"], "remove": ["c"]},
                }
            ]
        }
    )
    event = only(parsed)
    assert event.profile == {"firstName": "Hermione", "birthDate": None}
    assert event.identities["external_id"] == ("123456",)
    assert event.memberships == (ups("a", REALIZED), ups("b", REALIZED), ups("c", EXITED))
    assert set(event.identities["email"]) == {"h@example.com", "hg@example.com"}


@pytest.mark.parametrize(
    ("says", "status"),
    [
        ({"action": "ADD"}, REALIZED),
        ({"action": "REMOVE"}, EXITED),
        ({"segmentStatus": "realized"}, REALIZED),
        ({"segmentStatus": "exited"}, EXITED),
    ],
)
def test_an_aggregated_body_says_for_all_its_profiles_what_they_join_or_leave(
    says: Mapping[str, str], status: MembershipStatus
) -> None:
    body = {"audienceId": "fair", "audienceNamespace": "CustomerAudienceUpload", **says}
    parsed = read({**body, "profiles": [{"email": ["tom@example.org"]}, {"email": ["jerry@example.org"]}, 7]})
    key = AudienceKey("customeraudienceupload", "fair")
    first, second = (event for _, event in parsed.events)
    assert first.memberships == (Membership(key, status, NOW),)
    assert (second.profile, second.memberships[0].audience) == ({"email": ["jerry@example.org"]}, key)
    assert [index for index, _ in parsed.rejected] == [2]


def test_a_raw_profile_in_an_aggregated_body_speaks_for_itself() -> None:
    event = only(read({"segmentId": "audience-1", "segmentStatus": "realized", "profiles": [RAW]}))
    assert [one.audience.id for one in event.memberships] == ["audience-1", "audience-2"]


def test_nobody_is_put_on_a_list_by_an_aggregated_body_that_does_not_say_so() -> None:
    parsed = read({"audienceId": "a", "audienceNamespace": "ups", "profiles": [{"firstName": "Tom"}]})
    assert only(parsed).memberships == ()
    assert parsed.incomplete[0].by_code == {MEMBERSHIP_STATUS_UNKNOWN.code: 1}


@pytest.mark.parametrize(
    ("record", "path"),
    [
        ({"AdobeExperiencePlatformSegments": ["a"]}, "AdobeExperiencePlatformSegments"),
        ({"AdobeExperiencePlatformSegments": {"add": "a"}}, "AdobeExperiencePlatformSegments.add"),
        ({"AdobeExperiencePlatformSegments": {"remove": [None]}}, "AdobeExperiencePlatformSegments.remove[0]"),
        ({"identities": {"email": "a"}}, "identities"),
        ({"identities": ["a"]}, "identities[0]"),
        ({"identities": [{"type": "email"}]}, "identities[0]"),
        ({"identities": [{"type": 7, "id": "a"}]}, "identities[0]"),
        ({"attributes": "Ada"}, "attributes"),
        ({"identityMap": {"email": [{}]}}, "identityMap.email[0]"),
        ({"segmentMembership": {"ups": {"a": {"status": "gone"}}}}, "segmentMembership.ups.a.status"),
    ],
)
def test_a_part_that_cannot_be_read_costs_itself_alone(record: Mapping[str, object], path: str) -> None:
    parsed = read({"email": "ada@example.org", **record})
    assert only(parsed).profile == {"email": "ada@example.org"}
    assert told(parsed) == [(0, path)]


@pytest.mark.parametrize(
    ("says", "path"),
    [
        ({"audienceId": None, "action": "ADD"}, "audienceId"),
        ({"audienceId": "a", "audienceNamespace": {}, "action": "ADD"}, "audienceId"),
        (
            {"audienceId": "a", "audienceNamespace": "n" * (MAX_NAMESPACE_LENGTH + 1), "action": "ADD"},
            "audienceNamespace",
        ),
        ({"audienceId": "a", "action": "TOGGLE"}, "action"),
        ({"audienceId": "a", "action": 1}, "action"),
    ],
)
def test_what_an_aggregated_body_says_badly_costs_the_membership_alone(says: Mapping[str, object], path: str) -> None:
    parsed = read({**says, "profiles": [{"firstName": "Tom"}]})
    assert (only(parsed).profile, only(parsed).memberships) == ({"firstName": "Tom"}, ())
    assert told(parsed) == [(0, path)]


def test_a_record_with_too_many_audiences_is_rejected() -> None:
    parsed = read({"AdobeExperiencePlatformSegments": {"add": [str(one) for one in range(MAX_AUDIENCES + 1)]}})
    assert [index for index, _ in parsed.rejected] == [0]


def test_the_profiles_of_an_aggregated_body_are_bounded_as_records_are() -> None:
    with pytest.raises(TooManyRecordsError):
        read({"audienceId": "a", "action": "ADD", "profiles": [{}] * (MAX_RECORDS + 1)})


def test_a_body_that_was_not_stored_comes_again_from_either_kind_of_aggregation() -> None:
    """429 and above 500, by both policies of Destination SDK's "Rate limiting and retry policy"."""
    assert source("adobe_sdk").limits.retried == frozenset({429, 502, 503, 504})
