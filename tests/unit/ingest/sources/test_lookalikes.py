"""Bodies of other senders and other formats: refused with what they look like and what to change, or taken."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from destination.ingest.sources import SOURCES
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import RecordTimes
from testing.senders import ENTERED, FORMS, people
from testing.sources import read_body

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)

FIRST_NAME = {"firstName": "Ines"}
CALL = {"userId": "usr_1", "traits": {"email": "ines@example.org"}, "context": {}}
TEMPLATES: Mapping[str, tuple[object, str]] = {
    "standard template": (
        {
            "profiles": [
                {
                    "attributes": FIRST_NAME,
                    "identities": [{"type": "email", "id": "ines@example.org"}],
                    "AdobeExperiencePlatformSegments": {"add": ["a"], "remove": []},
                }
            ]
        },
        "Destination SDK template",
    ),
    "memberships of a template": ({"AdobeExperiencePlatformSegments": {"add": ["a"]}}, "Destination SDK template"),
    "attributes of a template": ({"attributes": {"firstName": {"value": "Ines"}}}, "Destination SDK template"),
    "one audience, many profiles": (
        {"audienceId": "a", "audienceNamespace": "ups", "profiles": [FIRST_NAME]},
        "aggregated body of a Destination SDK template",
    ),
    "an action, many profiles": ({"profiles": [FIRST_NAME], "action": "REMOVE"}, "aggregated body"),
}
FOREIGN: Mapping[str, tuple[object, str]] = {
    "input of a template": ({"input": {"profile": {"attributes": FIRST_NAME}}}, "template"),
    "streaming ingestion": (
        {"header": {"imsOrgId": "o"}, "body": {"xdmMeta": {}, "xdmEntity": {"_id": "1"}}},
        "streaming ingestion",
    ),
    "identify": ({"type": "identify", **CALL}, "Segment"),
    "track": ({"type": "track", "event": "Audience Entered", "properties": {}, **CALL}, "Segment"),
    "record": ({"type": "record", "action": "insert", "fields": FIRST_NAME, "recordId": "1"}, "RudderStack"),
    "audience list": ({"type": "audiencelist", "properties": {"listData": {"add": [FIRST_NAME]}}}, "RudderStack"),
    "mParticle": (
        {"type": "audience_membership_change_request", "firehose_version": "3.2.0", "user_profiles": []},
        "mParticle",
    ),
    "JSON-RPC": ({"jsonrpc": "2.0", "id": "1", "method": "add", "params": {"rows": []}}, "format to census"),
    "SNS": ({"Type": "Notification", "TopicArn": "arn:…", "Message": "{}"}, "raw message delivery"),
    "SNS confirmation": ({"Type": "SubscriptionConfirmation", "TopicArn": "arn:…", "Token": "t"}, "Amazon SNS"),
    "EventBridge": ({"version": "0", "id": "1", "detail-type": "Profile", "detail": {}}, "InputPath"),
    "CloudEvents": ({"specversion": "1.0", "id": "1", "source": "/crm", "type": "t", "data": {}}, "CloudEvents"),
    "SQS": ({"Records": [{"body": "{}"}]}, "Lambda"),
    "Mixpanel": ({"action": "members", "parameters": {"members": [{"email": "ines@example.org"}]}}, "format to rows"),
    "HubSpot": ({"subscriptionType": "contact.creation", "portalId": 1, "objectId": 7}, "format to rows"),
}
OWN = {"rudderstack": {"identify", "track", "record", "audience list"}, "segment": {"identify", "track"}}
CANONICAL: Mapping[str, object] = {
    "id": "event-1",
    "occurred_at": "2026-11-21T09:00:00Z",
    "profile": {"email": "ada@example.org"},
    "audiences": [{"id": "a", "status": "realized"}],
}
AEP: Mapping[str, object] = {
    "personalEmail": {"address": "ada@example.org"},
    "segmentMembership": {"ups": {"a": {"status": "realized"}}},
    "identityMap": {"Email": [{"id": "ada@example.org"}]},
}


OF_PEOPLE: Mapping[str, tuple[object, str]] = {
    "batch of calls": ({"batch": [{"type": "identify", **CALL}], "sentAt": "2026-11-21T09:00:00Z"}, "people in batch"),
    "Marketo's own input": ({"action": "createOrUpdate", "input": [{"email": "ines@example.org"}]}, "people in input"),
    "users of a cohort": ({"cohort_id": "c", "cohort_name": "n", "users": [{"user_id": "1"}]}, "people in users"),
    "records of profiles": ({"records": [AEP]}, "within records"),
    "one profile in an envelope": ({"data": AEP, "id": "1"}, "within data"),
    "profiles in an envelope": ({"data": [AEP]}, "within data"),
    "entities of the profile API": ({"children": [{"entityId": "1", "entity": AEP}]}, "within children"),
    "an entity of the profile API": ({"entityId": "1", "entity": AEP, "mergePolicy": {"id": "m"}}, "within entity"),
    "memberships of a schema": ({"xdm:segmentMembership": {"ups": {}}}, "read as segmentMembership"),
    "memberships in another case": ({"segment_membership": {"ups": {}}}, "read as segmentMembership"),
    "identities in another case": ({"IdentityMap": {}, "person": FIRST_NAME}, "read as identityMap"),
}


def read(source_format: str, body: object) -> Parsed:
    return read_body(source_format, json.dumps(body).encode(), RecordTimes(NOW))


UNLIKE = {"census", "rows"}
"""`rows` knows what its connection says, and guesses at no other form; Census' is the JSON-RPC that others tell."""


def why(parsed: Parsed) -> str:
    ((index, problem),) = parsed.rejected
    assert (index, problem.path, parsed.events, parsed.warnings) == (0, "", [], [])
    return problem.message


@pytest.mark.parametrize(
    ("name", "source_format"),
    [(name, one) for one in sorted(SOURCES.keys() - UNLIKE) for name in FOREIGN if name not in OWN.get(one, ())],
)
def test_another_senders_body_is_rejected_with_what_it_looks_like(name: str, source_format: str) -> None:
    body, says = FOREIGN[name]
    message = why(read(source_format, body))
    assert message.startswith("looks like ")
    assert says in message


@pytest.mark.parametrize("source_format", ["aep", "adobe_sdk"])
@pytest.mark.parametrize("name", OF_PEOPLE)
def test_people_in_a_form_that_nobody_reads_are_not_taken_for_attributes(name: str, source_format: str) -> None:
    body, says = OF_PEOPLE[name]
    assert says in why(read(source_format, body))


@pytest.mark.parametrize(
    "profile",
    [
        {"personalEmail": {"address": "ada@example.org"}, "_acme": {"company": "New"}},
        {"email": "ada@example.org", "items": [{"sku": "1"}], "person": {"name": {"firstName": "Ada"}}},
        {"email": "ada@example.org", "orders": [{"sku": "1"}], "tags": ["a"]},
        {"_acme": {"identityMap": {"Email": []}, "records": [{"a": 1}]}, "personID": "7"},
    ],
)
def test_attributes_that_nobody_else_has_are_a_profile(profile: Mapping[str, object]) -> None:
    parsed = read("aep", profile)
    assert ([one.profile for _, one in parsed.events], parsed.rejected) == ([profile], [])


OTHERS = sorted(name for name, form in FORMS.items() if form.source not in {"census", "rows"})


@pytest.mark.parametrize("name", [name for name in OTHERS if name != "RudderStack, activations"])
def test_the_form_of_every_other_sender_is_told_where_calls_of_census_are_read(name: str) -> None:
    """But for rows, which may be anything."""
    form = FORMS[name]
    [index, problem] = read("census", form.body(people(2), ENTERED, True)).rejected[0]
    assert (index, problem.message.startswith("looks like ")) == (0, True), problem.message
    named = {"rudderstack": "segment or rudderstack", "segment": "segment or rudderstack"}.get(form.source, form.source)
    alike = {"Destination SDK, raw profiles": "aep"}
    assert f"source.format to {alike.get(name, named)}" in problem.message


@pytest.mark.parametrize("source_format", ["aep", "canonical"])
@pytest.mark.parametrize("name", TEMPLATES)
def test_a_body_of_a_template_names_the_source_that_reads_it(name: str, source_format: str) -> None:
    body, says = TEMPLATES[name]
    message = why(read(source_format, body))
    assert message.startswith("looks like ")
    assert says in message
    assert "source.format to adobe_sdk" in message


@pytest.mark.parametrize("source_format", ["adobe_sdk", "aep", "segment"])
@pytest.mark.parametrize(
    "body",
    [
        CANONICAL,
        {"events": [CANONICAL]},
        {"occurred_at": "2026-11-21T09:00:00Z", "email": "ada@example.org"},
        {"audiences": [{"id": "a", "status": "exited"}]},
        {"id": "event-1", "profile": {"email": "ada@example.org"}},
    ],
)
def test_a_canonical_event_at_another_connection_names_the_setting(body: object, source_format: str) -> None:
    message = why(read(source_format, body))
    assert "canonical" in message
    assert "source.format" in message


@pytest.mark.parametrize("source_format", ["rudderstack", "segment"])
@pytest.mark.parametrize("body", [AEP, {"profiles": [AEP]}, {"segmentMembership": {}}])
def test_a_profile_at_a_connection_of_calls_names_the_setting(body: object, source_format: str) -> None:
    message = why(read(source_format, body))
    assert "Experience Platform" in message
    assert "source.format to aep" in message


def test_a_call_at_another_connection_names_its_sources() -> None:
    assert "source.format to segment or rudderstack" in why(read("aep", {"type": "identify", **CALL}))


@pytest.mark.parametrize(
    "body",
    [
        AEP,
        {"profiles": [AEP, AEP]},
        {"profiles": []},
        {"profiles": [7]},
        {"segmentMembership": {"ups": {}}},
        {"identityMap": {"Email": []}},
    ],
)
def test_a_profile_at_a_canonical_connection_names_the_setting(body: object) -> None:
    message = why(read("canonical", body))
    assert "source.format" in message


@pytest.mark.parametrize("source_format", ["adobe_sdk", "aep"])
@pytest.mark.parametrize(
    "record",
    [
        {},
        {"email": "ada@example.org"},
        {"id": 7, "email": ["a@b.example"]},
        {"type": "customer", "action": "buys", "profile": {"tier": "gold"}},
        {"source": "web", "detail": {"a": 1}},
        {"attributes": {"firstName": {"value": "Ada"}}, **AEP},
        {"type": "identify", "userId": "usr_1", **AEP},
        {"audiences": "many", "input": "web"},
    ],
)
def test_a_profile_without_hallmarks_of_its_own_or_of_others_is_taken(record: object, source_format: str) -> None:
    parsed = read(source_format, record)
    assert (len(parsed.events), parsed.rejected, parsed.warnings) == (1, [], [])


@pytest.mark.parametrize(
    "record",
    [
        {"segmentMembership": {}, **CANONICAL},
        {"type": "track", "messageId": "m", **CANONICAL},
        {"attributes": {}, "identities": {"crm": ["C-17"]}},
    ],
)
def test_a_canonical_event_with_more_in_it_is_taken_with_warnings(record: object) -> None:
    parsed = read("canonical", record)
    assert (len(parsed.events), parsed.rejected) == (1, [])
    assert parsed.warnings


def test_a_body_that_says_the_audience_once_for_all_its_events_is_rejected() -> None:
    assert "in each of them" in why(read("canonical", {"audience_id": "a", "events": [CANONICAL]}))


def test_one_foreign_record_costs_itself_alone() -> None:
    parsed = read("aep", [AEP, {"type": "identify", **CALL}, AEP])
    assert [index for index, _ in parsed.events] == [0, 2]
    assert [index for index, _ in parsed.rejected] == [1]
