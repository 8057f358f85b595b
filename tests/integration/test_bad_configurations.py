"""Configurations that are refused, each with the property that is at fault and the sentence that says how to fix it."""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from destination.composition.connections import paces
from destination.domain.path import EXAMPLES
from marketo_simulator import Simulator
from testing.control_plane import CREATE, call, control_plane, created, fresh, items, stored

DEDUPE, FIRST, LAST = CREATE["mapping"]
EMAIL = {"source": "personalEmail.address", "target": "email"}
LEGACY_EMAIL = {"source": "personalEmail.address", "target": "Email"}
LEGACY_ECID = {"source": "identityMap.ECID", "target": "ECID"}
LEGACY: Mapping[str, Any] = {"generation": "legacy_v2", "mapping": [LEGACY_EMAIL, FIRST, LAST]}
AUDIENCE: Mapping[str, Any] = {"id": "aud-1", "name": "Webinar"}
DROP = object()

MARKETO: Mapping[str, Any] = {
    "partitions": [{"name": "EMEA", "id": 2}],
    "workspaces": [{"name": "Europe"}],
    "fields": [
        {"name": "customerKey", "data_type": "string", "display_name": "Customer Key"},
        {"name": "visitorKey", "data_type": "string"},
    ],
}

Case = tuple[Mapping[str, Any], str, str]
"""What is changed in a good configuration, the path that is named, and what is said of it."""


def mapping(*rows: object) -> dict[str, Any]:
    return {"mapping": list(rows)}


def changed(whole: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**whole, **change}.items() if value is not DROP}


def _bytes(row: Mapping[str, Any]) -> int:
    return sum(len(text.encode()) for text in (row["source"], row["target"], *row.get("labels", [])))


@pytest.fixture(scope="module")
def stack() -> Iterator[Simulator]:
    with control_plane() as simulator:
        yield simulator


@pytest.fixture(scope="module", autouse=True)
def marketo(stack: Simulator) -> Iterator[Simulator]:
    """One for all, as nothing of what is refused is left behind."""
    with fresh(stack):
        stack.seed(MARKETO)
        stack.configure(calls_per_window=None)
        yield stack


@pytest.fixture(autouse=True)
def unhurried() -> None:
    """No case waits for the calls to Marketo that the ones before it made."""
    paces.cache_clear()


@pytest.fixture(scope="module")
def activating() -> str:
    """A connection that audiences can be activated on."""
    return created()


@pytest.fixture(scope="module")
def complete() -> str:
    """A connection that lacks nothing to be enabled."""
    return created(scope="all_profiles")


A_PATH = f"write a path such as {EXAMPLES}"


def unseen(sign: str, place: int) -> str:
    """What is said of a character that nobody sees."""
    rest = "leave out control characters, line breaks and marks of the direction of text"
    return f"must not have characters that nobody sees: {sign} at character {place}; {rest}"


LABELS = [f"{'x' * 60}{number:03}" for number in range(30)]
MANY_BYTES = [
    DEDUPE,
    FIRST,
    LAST,
    *({"source": "ä" * 255, "target": f"f{row}", "labels": LABELS} for row in range(147)),
]
TOO_MANY_BYTES = (
    f"has {sum(map(_bytes, MANY_BYTES)):,} bytes of sources, targets and labels, and at most 320,000 fit; leave out "
    "labels that no policy names, or map fewer attributes"
)

CONNECTIONS: list[Case] = [
    ({"name": DROP}, "name", "must be given"),
    ({"munchkin_id": DROP}, "munchkin_id", "must be given"),
    ({"workspace": DROP}, "workspace", "must be given"),
    ({"sync_type": DROP}, "sync_type", "must be given"),
    ({"person_action": DROP}, "person_action", "must be given"),
    ({"dedupe_field": DROP}, "dedupe_field", "must be given"),
    ({"source": DROP}, "source", "must be given"),
    ({"nmae": "Webinar"}, "nmae", "is not a known property; leave it out"),
    ({"id": "c-1"}, "id", "is not a known property; leave it out"),
    ({"status": "enabled"}, "status", "is not a known property; leave it out"),
    ({"name": 7}, "name", "must be a string"),
    ({"name": " "}, "name", "must not be empty"),
    ({"name": "x" * 256}, "name", "must have at most 255 characters"),
    ({"description": "x" * 1001}, "description", "must have at most 1000 characters"),
    ({"name": "Web\u202einar"}, "name", unseen("U+202E", 4)),
    ({"name": "Webinar\u200b"}, "name", unseen("U+200B", 8)),
    ({"name": "Web\tinar"}, "name", unseen("U+0009", 4)),
    ({"description": "two lines\nand\u2028more"}, "description", unseen("U+2028", 14)),
    ({"workspace": "Default\u00ad"}, "workspace", unseen("U+00AD", 8)),
    ({"munchkin_id": "123-ABC-456\n"}, "munchkin_id", unseen("U+000A", 12)),
    ({"dedupe_field": "email\r\n"}, "dedupe_field", unseen("U+000D", 6)),
    (mapping(DEDUPE, {**FIRST, "source": "first\ufeffName"}, LAST), "mapping[1].source", unseen("U+FEFF", 6)),
    (mapping({**DEDUPE, "labels": ["C2\n"]}, FIRST, LAST), "mapping[0].labels[0]", "must match ^[A-Za-z0-9_-]{1,64}$"),
    ({"marketing_actions": ["crm\n"]}, "marketing_actions[0]", "must match ^[A-Za-z][A-Za-z0-9_-]{0,63}$"),
    ({"consent": {"source": "c.v", "allowed": ["y\n"]}}, "consent.allowed[0]", unseen("U+000A", 2)),
    ({"workspace": ""}, "workspace", "must not be empty"),
    ({"workspace": ["Default"]}, "workspace", "must be a string"),
    ({"partition": 5}, "partition", "must be a string"),
    (
        {"munchkin_id": "123-abc-456"},
        "munchkin_id",
        "must be a Munchkin ID such as 123-ABC-456; find it in Marketo under Admin, Integration, Munchkin",
    ),
    (
        {"munchkin_id": "123ABC456"},
        "munchkin_id",
        "must be a Munchkin ID such as 123-ABC-456; find it in Marketo under Admin, Integration, Munchkin",
    ),
    (
        {"munchkin_id": "https://123-ABC-456.mktorest.com/rest"},
        "munchkin_id",
        "must be a Munchkin ID such as 123-ABC-456; find it in Marketo under Admin, Integration, Munchkin",
    ),
    ({"sync_type": "profiles"}, "sync_type", "must be 'profile_only', 'audience_only' or 'audience_and_profile'"),
    ({"sync_type": None}, "sync_type", "must be 'profile_only', 'audience_only' or 'audience_and_profile'"),
    (
        {"person_action": "create"},
        "person_action",
        "must be 'update_existing_and_create_new' or 'update_existing_only'",
    ),
    ({"scope": "all"}, "scope", "must be 'activated_audiences' or 'all_profiles'"),
    ({"on_invalid": "stop"}, "on_invalid", "must be 'drop' or 'fail'"),
    ({"generation": "v2"}, "generation", "must be 'current' or 'legacy_v2'"),
    ({"source": "aep"}, "source", "must be an object"),
    ({"source": {}}, "source.format", "must be given"),
    ({"source": {"format": "csv"}}, "source.format", "must be 'aep' or 'canonical'"),
    ({"source": {"format": "aep", "version": 2}}, "source.version", "is not a known property; leave it out"),
    ({"propagate_renames": "yes"}, "propagate_renames", "must be true or false"),
    ({"credentials": "secret"}, "credentials", "must be an object"),
    ({"credentials": {"client_id": "client"}}, "credentials.client_secret", "must be given"),
    (
        {"credentials": {"client_id": "a b", "client_secret": "s"}},
        "credentials.client_id",
        "must match ^[A-Za-z0-9._@+=-]+$",
    ),
    (
        {"credentials": {"client_id": "client", "client_secret": "s\ud800"}},
        "credentials.client_secret",
        "must have ASCII characters only, none of them a control character",
    ),
    (
        {"credentials": {"client_id": "client", "client_secret": "s\nt"}},
        "credentials.client_secret",
        "must have ASCII characters only, none of them a control character",
    ),
    ({"credentials": {"client_id": "client", "client_secret": " "}}, "credentials.client_secret", "must not be empty"),
    (
        {"credentials": {"client_id": "client", "client_secret": "s", "token": "t"}},
        "credentials.token",
        "is not a known property; leave it out",
    ),
    ({"limits": {"calls_per_20s": 0}}, "limits.calls_per_20s", "must be from 1 to 100, Marketo's limit per instance"),
    ({"limits": {"calls_per_20s": 101}}, "limits.calls_per_20s", "must be from 1 to 100, Marketo's limit per instance"),
    ({"limits": {"calls_per_20s": 5.5}}, "limits.calls_per_20s", "must be a whole number"),
    ({"limits": {"concurrency": 0}}, "limits.concurrency", "must be from 1 to 10, Marketo's limit per instance"),
    ({"limits": {"concurrency": 11}}, "limits.concurrency", "must be from 1 to 10, Marketo's limit per instance"),
    ({"limits": {"concurrency": "5"}}, "limits.concurrency", "must be a whole number"),
    ({"limits": {"daily_calls": 0}}, "limits.daily_calls", "must be from 1 to 10000000"),
    (
        {**LEGACY, "ecid_field": "email", "mapping": [LEGACY_EMAIL, LEGACY_ECID, FIRST, LAST]},
        "ecid_field",
        "email holds what people are created with; give a field that holds the ECID alone",
    ),
    ({"alerts": [{"alert": "failure_rate", "threshold": "x"}]}, "alerts[0].threshold", "must be a number"),
    (
        {"alerts": [{"alert": "failure_rate", "threshold": 1e-200}]},
        "alerts[0].threshold",
        "must be 0, or at least 0.0001",
    ),
    ({"limits": {"daily_calls": float("nan")}}, "limits.daily_calls", "must be a whole number"),
    ({"limits": {"daily_calls": 10**4000}}, "limits.daily_calls", "must be a whole number"),
    ({"limits": {"daily_calls": 10000001}}, "limits.daily_calls", "must be from 1 to 10000000"),
    ({"limits": {"calls": 5}}, "limits.calls", "is not a known property; leave it out"),
    ({"resend_unchanged_after": 86400}, "resend_unchanged_after", "must be an ISO 8601 duration such as PT24H"),
    ({"resend_unchanged_after": "P29D"}, "resend_unchanged_after", "must be from PT0S to P28D"),
    ({"lead_cache": "24 h"}, "lead_cache", "must be an ISO 8601 duration such as PT24H"),
    ({"lead_cache": "-PT1H"}, "lead_cache", "must be an ISO 8601 duration such as PT24H"),
    ({"lead_cache": "P1Y"}, "lead_cache", "must be from PT0S to P28D"),
    (
        {"sync_type": "audience_only", "partition": "EMEA"},
        "partition",
        "leave it out: with audience_only new people go to the Default partition",
    ),
    (
        {"sync_type": "audience_only", "scope": "all_profiles"},
        "scope",
        "must be activated_audiences: audience_only has nothing to do for other profiles",
    ),
    (
        {"dedupe_field": "id", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        "Marketo's Lead ID and ECID cannot identify a person; choose a searchable field such as email",
    ),
    (
        {"dedupe_field": "ECIDs", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        "Marketo's Lead ID and ECID cannot identify a person; choose a searchable field such as email",
    ),
    ({"ecid_field": "visitorKey"}, "ecid_field", "leave it out: only legacy_v2 connections find people by ECID"),
    ({"mapping": {"email": "DedupeField"}}, "mapping", "must be a list"),
    (mapping("email"), "mapping[0]", "must be an object"),
    (mapping({"source": "email"}), "mapping[0].target", "must be given"),
    (mapping(DEDUPE, FIRST, LAST, {"target": "company"}), "mapping[3].source", "must be given"),
    (mapping(DEDUPE, FIRST, LAST, {"source": "", "target": "company"}), "mapping[3].source", "must not be empty"),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "a..b", "target": "company"}),
        "mapping[3].source",
        f"a name is missing at character 3; {A_PATH}",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "emails[primary].address", "target": "company"}),
        "mapping[3].source",
        "what the bracket begins is none of [0], [*], [?primary==true] or [?type=='work'] at character 7; " + A_PATH,
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "identityMap.crm[0]", "target": "company"}),
        "mapping[3].source",
        (
            "must name the namespace of an identity alone, as in identityMap.email; of several, each is a person as "
            "DedupeField, and the first counts elsewhere"
        ),
    ),
    (
        mapping({**DEDUPE, "join": ";"}, FIRST, LAST),
        "mapping[0].join",
        "leave it out: each of several values of an identity is a person",
    ),
    (mapping(DEDUPE, {**FIRST, "join": ""}, LAST), "mapping[1].join", "must not be empty"),
    (mapping(DEDUPE, {**FIRST, "join": "x" * 11}, LAST), "mapping[1].join", "must have at most 10 characters"),
    (mapping(DEDUPE, {**FIRST, "join": "\n"}, LAST), "mapping[1].join", unseen("U+000A", 1)),
    (mapping(*[DEDUPE] * 151), "mapping", "must have a length of at most 150"),
    (
        mapping(*MANY_BYTES),
        "mapping",
        TOO_MANY_BYTES,
    ),
    (mapping(FIRST, LAST), "mapping", "map the source that identifies a person to DedupeField"),
    (
        mapping(DEDUPE, LAST),
        "mapping",
        "map a source to firstName: Marketo people are created with firstName, lastName and email only",
    ),
    (
        mapping(DEDUPE, FIRST),
        "mapping",
        "map a source to lastName: Marketo people are created with firstName, lastName and email only",
    ),
    (
        {"dedupe_field": "customerKey"},
        "mapping",
        "map a source to email: Marketo people are created with firstName, lastName and email only",
    ),
    (mapping(DEDUPE, FIRST, LAST, DEDUPE), "mapping[3].target", "DedupeField is filled by mapping[0]; keep one row"),
    (
        mapping(DEDUPE, FIRST, LAST, {**FIRST, "source": "nick"}),
        "mapping[3].target",
        "firstName is filled by mapping[1]; keep one row",
    ),
    (
        mapping({**DEDUPE, "when_missing": "clear"}, FIRST, LAST),
        "mapping[0].when_missing",
        "must be ignore: an identity cannot be cleared",
    ),
    (
        mapping({**DEDUPE, "when_empty": "send"}, FIRST, LAST),
        "mapping[0].when_empty",
        "must be ignore: an empty value identifies nobody",
    ),
    (
        mapping({**DEDUPE, "when_missing": "drop"}, FIRST, LAST),
        "mapping[0].when_missing",
        "must be 'ignore' or 'clear'",
    ),
    (mapping(DEDUPE, {**FIRST, "when_empty": True}, LAST), "mapping[1].when_empty", "must be 'ignore' or 'send'"),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "id"}),
        "mapping[3].target",
        "id is not written: Marketo gives leads their ids; leave it out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "ecids"}),
        "mapping[3].target",
        "ecids is not written: Marketo fills ECIDs itself; leave it out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadPartitionId"}),
        "mapping[3].target",
        (
            "leadPartitionId is not written: new people go to the connection's partition, others stay in "
            "theirs; leave it out"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {**EMAIL, "target": "Email"}),
        "mapping[3].target",
        (
            "Email is an identity of legacy_v2; this connection has DedupeField: write email for the lead's "
            "e-mail address"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, LEGACY_ECID),
        "mapping[3].target",
        "ECID is an identity of legacy_v2; this connection has DedupeField: leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "company", "function": "lower"}),
        "mapping[3].function",
        "is not a known property; leave it out",
    ),
    (
        mapping(DEDUPE, {**FIRST, "source_type": "String"}, LAST),
        "mapping[1].source_type",
        (
            "must be 'string', 'enum', 'date', 'date-time', 'integer', 'short', 'long', 'double', 'boolean', "
            "'array', 'object', 'map' or 'byte'"
        ),
    ),
    (
        mapping(DEDUPE, {**FIRST, "source_type": "number"}, LAST),
        "mapping[1].source_type",
        (
            "must be 'string', 'enum', 'date', 'date-time', 'integer', 'short', 'long', 'double', 'boolean', "
            "'array', 'object', 'map' or 'byte'"
        ),
    ),
    (
        mapping(DEDUPE, {**FIRST, "source_type": 7}, LAST),
        "mapping[1].source_type",
        (
            "must be 'string', 'enum', 'date', 'date-time', 'integer', 'short', 'long', 'double', 'boolean', "
            "'array', 'object', 'map' or 'byte'"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "company", "source_type": "array"}),
        "mapping[3].source_type",
        (
            "no lead field takes an XDM array; choose one of its values by an index or a condition in the path, with "
            "its own source_type; or say what joins them (join)"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "company", "source_type": "object"}),
        "mapping[3].source_type",
        "no lead field takes an XDM object; map one of its properties, by a longer path",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "company", "source_type": "map"}),
        "mapping[3].source_type",
        "no lead field takes an XDM map; map one of its entries, by a longer path",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "company", "source_type": "byte"}),
        "mapping[3].source_type",
        "no lead field takes an XDM byte; map a string or a number",
    ),
    (mapping({**DEDUPE, "labels": ["C 2"]}, FIRST, LAST), "mapping[0].labels[0]", "must match ^[A-Za-z0-9_-]{1,64}$"),
    (mapping({**DEDUPE, "labels": "C2"}, FIRST, LAST), "mapping[0].labels", "must be a list"),
    (mapping({**DEDUPE, "labels": ["C2"] * 31}, FIRST, LAST), "mapping[0].labels", "must have a length of at most 30"),
    (
        mapping({**DEDUPE, "labels": ["x" * 65]}, FIRST, LAST),
        "mapping[0].labels[0]",
        "must match ^[A-Za-z0-9_-]{1,64}$",
    ),
    ({"marketing_actions": "emailTargeting"}, "marketing_actions", "must be a list"),
    ({"marketing_actions": ["email targeting"]}, "marketing_actions[0]", "must match ^[A-Za-z][A-Za-z0-9_-]{0,63}$"),
    ({"marketing_actions": ["1st"]}, "marketing_actions[0]", "must match ^[A-Za-z][A-Za-z0-9_-]{0,63}$"),
    ({"marketing_actions": ["a"] * 51}, "marketing_actions", "must have a length of at most 50"),
    ({"consent": "y"}, "consent", "must be an object"),
    ({"consent": {"source": "consents.marketing.email.val"}}, "consent.allowed", "must be given"),
    ({"consent": {"allowed": ["y"]}}, "consent.source", "must be given"),
    ({"consent": {"source": "c.v", "allowed": []}}, "consent.allowed", "must not be empty"),
    ({"consent": {"source": "c.v", "allowed": ["y"] * 21}}, "consent.allowed", "must have a length of at most 20"),
    (
        {"consent": {"source": "c..v", "allowed": ["y"]}},
        "consent.source",
        f"a name is missing at character 3; {A_PATH}",
    ),
    (
        {"consent": {"source": "identityMap.email", "allowed": ["y"]}},
        "consent.source",
        "must lead to an attribute, such as consents.marketing.email.val: an identity gives no consent",
    ),
    ({"consent": {"source": "c.v", "allowed": [True]}}, "consent.allowed[0]", "must be a string"),
    (
        {"consent": {"source": "c.v", "allowed": ["y"], "denied": ["n"]}},
        "consent.denied",
        "is not a known property; leave it out",
    ),
    (
        {**LEGACY, "dedupe_field": "customerKey"},
        "dedupe_field",
        "must be email: legacy_v2 finds people by Email and ECID; set generation to current to choose freely",
    ),
    (
        {**LEGACY, "partition": "EMEA"},
        "partition",
        "leave it out: legacy_v2 creates people in the Default partition; set generation to current to choose",
    ),
    (
        {**LEGACY, "sync_type": "audience_only", "partition": "EMEA"},
        "partition",
        "leave it out: with audience_only new people go to the Default partition",
    ),
    (
        {**LEGACY, **mapping(DEDUPE, FIRST, LAST)},
        "mapping[0].target",
        "must be Email or ECID: legacy_v2 has no DedupeField",
    ),
    (
        {**LEGACY, **mapping(FIRST, LAST)},
        "mapping",
        "map the source of the e-mail address to Email, that of the ECID to ECID, or both",
    ),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, LAST)},
        "mapping",
        "map a source to firstName: Marketo people are created with firstName and lastName only",
    ),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, FIRST)},
        "mapping",
        "map a source to lastName: Marketo people are created with firstName and lastName only",
    ),
    (
        {**LEGACY, **mapping(LEGACY_ECID, FIRST, LAST)},
        "ecid_field",
        "must be given, as ECID is mapped: the searchable lead field that holds the ECID",
    ),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, LEGACY_ECID, FIRST, LAST)},
        "ecid_field",
        "must be given, as ECID is mapped: the searchable lead field that holds the ECID",
    ),
    ({**LEGACY, "ecid_field": "visitorKey"}, "ecid_field", "leave it out, or map a source to ECID"),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, LEGACY_ECID, FIRST, LAST), "ecid_field": "ecids"},
        "ecid_field",
        "ecids is not searchable; keep ECIDs in a searchable text field of your own",
    ),
    (
        {**LEGACY, **mapping(LEGACY_ECID, FIRST, LAST), "ecid_field": "id"},
        "ecid_field",
        "id is not searchable; keep ECIDs in a searchable text field of your own",
    ),
    (
        {**LEGACY, **mapping({**LEGACY_EMAIL, "when_missing": "clear"}, FIRST, LAST)},
        "mapping[0].when_missing",
        "must be ignore: an identity cannot be cleared",
    ),
    (
        {
            **LEGACY,
            **mapping(LEGACY_EMAIL, {**LEGACY_ECID, "when_empty": "send"}, FIRST, LAST),
            "ecid_field": "visitorKey",
        },
        "mapping[1].when_empty",
        "must be ignore: an empty value identifies nobody",
    ),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, LEGACY_EMAIL, FIRST, LAST)},
        "mapping[1].target",
        "Email is filled by mapping[0]; keep one row",
    ),
]


@pytest.mark.parametrize(
    "change",
    [
        {"name": "وبینار می\u200cشود"},
        {"name": "Family 👩\u200d👩\u200d👧"},
        {"name": "  Webinar  "},
        {"description": "two lines\r\n\tand a tab"},
        mapping(DEDUPE, FIRST, LAST, {"source": "tags[*].name", "target": "company", "join": "; "}),
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "company", "join": ";", "source_type": "array"}),
        {"consent": {"source": "c[?kind=='email'].v", "allowed": ["y"]}},
    ],
)
def test_what_is_written_in_any_language_and_with_any_path_is_taken(change: Mapping[str, Any]) -> None:
    answer = call("POST", "/connections", changed(CREATE, change))
    assert answer.status == 201
    for name, value in change.items():
        shown = answer.json[name]
        assert shown == (value.strip() if isinstance(value, str) else shown)
    if "mapping" in change:
        assert answer.json["mapping"][3]["join"] == change["mapping"][3]["join"]


@pytest.mark.parametrize(("change", "path", "message"), CONNECTIONS)
def test_a_connection_that_breaks_a_rule_is_not_created(change: Mapping[str, Any], path: str, message: str) -> None:
    before = items()
    answer = call("POST", "/connections", changed(CREATE, change))
    assert (answer.status, answer.json["type"]) == (422, "urn:marketo-destination:problem:invalid")
    assert answer.json["errors"] == [{"path": path, "message": message}]
    assert items() == before


AUDIENCES: list[Case] = [
    ({"id": DROP}, "id", "must be given"),
    ({"id": ""}, "id", "must not be empty"),
    ({"id": "a "}, "id", "must not begin or end with space, which no id of a source does; leave it out"),
    ({"id": "a\u202eb"}, "id", unseen("U+202E", 2)),
    ({"id": "x" * 257}, "id", "must have at most 256 characters"),
    ({"id": 7}, "id", "must be a string"),
    ({"namespace": "a#b"}, "namespace", "must match ^[A-Za-z0-9_.:-]+$"),
    ({"name": DROP}, "name", "must be given"),
    ({"name": ""}, "name", "must not be empty"),
    ({"name": "Webinar\u2066"}, "name", unseen("U+2066", 8)),
    ({"origin": "CSV\n"}, "origin", unseen("U+000A", 4)),
    ({"members": []}, "members", "is not a known property; leave it out"),
    (
        {"data_type": "account"},
        "data_type",
        "Account audiences hold companies, and leads are people; activate a people audience",
    ),
    (
        {"data_type": "prospect"},
        "data_type",
        (
            "Prospect audiences hold people who are not your customers' profiles, and leads are people; "
            "activate a people audience"
        ),
    ),
    (
        {"data_type": "dataset"},
        "data_type",
        "Dataset exports hold tables, and leads are people; activate a people audience",
    ),
    (
        {"data_type": "devices"},
        "data_type",
        "Other audiences hold no people, and leads are people; activate a people audience",
    ),
    ({"start": "tomorrow"}, "start", "must be an ISO 8601 date and time such as 2026-11-21T10:00:00Z"),
    ({"start": 1790000000}, "start", "must be an ISO 8601 date and time such as 2026-11-21T10:00:00Z"),
    ({"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "end", "must be later than start"),
    ({"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "end", "must be later than start"),
    ({"list": 1001}, "list", "must be an object"),
    ({"list": {"id": "1001"}}, "list.id", "must be a whole number"),
    ({"list": {"id": 0}}, "list.id", "must be at least 1"),
    (
        {"list": {"id": 4711}},
        "list.id",
        "Marketo has no list 4711 that this API user can see; leave it out to have one made",
    ),
    ({"labels": ["C 4"]}, "labels[0]", "must match ^[A-Za-z0-9_-]{1,64}$"),
    ({"when_list_missing": "ignore"}, "when_list_missing", "must be 'block' or 'create'"),
    ({"origin": ""}, "origin", "must not be empty"),
]


@pytest.mark.parametrize(("change", "path", "message"), AUDIENCES)
def test_an_audience_that_breaks_a_rule_is_not_activated(
    activating: str, change: Mapping[str, Any], path: str, message: str
) -> None:
    answer = call("POST", f"/connections/{activating}/audiences", changed(AUDIENCE, change))
    assert (answer.status, answer.json["type"]) == (422, "urn:marketo-destination:problem:invalid")
    assert answer.json["errors"] == [{"path": path, "message": message}]
    assert call("GET", f"/connections/{activating}/audiences").json == {"audiences": []}


INSTANCE: list[Case] = [
    (
        {"workspace": "Eurpoe"},
        "workspace",
        (
            "Marketo has no workspace Eurpoe that the API user can see (did you mean Europe?); see the call "
            "marketo/workspaces, or extend the API user's role"
        ),
    ),
    (
        {"workspace": "Nowhere"},
        "workspace",
        (
            "Marketo has no workspace Nowhere that the API user can see; see the call marketo/workspaces, or "
            "extend the API user's role"
        ),
    ),
    (
        {"partition": "EMAE"},
        "partition",
        (
            "Marketo has no partition EMAE that the API user can see (did you mean EMEA?); see the call "
            "marketo/partitions, or extend the API user's role"
        ),
    ),
    (
        {"partition": "APAC"},
        "partition",
        (
            "Marketo has no partition APAC that the API user can see; see the call marketo/partitions, or "
            "extend the API user's role"
        ),
    ),
    (
        {"dedupe_field": "phone", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        "phone is not searchable; choose one of the call marketo/dedupe-fields",
    ),
    (
        {"dedupe_field": "nothing", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        "Marketo has no lead field nothing; choose one of the call marketo/dedupe-fields",
    ),
    (
        {"dedupe_field": "customer_key", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        (
            "Marketo has no lead field customer_key (did you mean customerKey?); choose one of the call "
            "marketo/dedupe-fields"
        ),
    ),
    (
        {"dedupe_field": "sfdcLeadId", **mapping(DEDUPE, FIRST, LAST, EMAIL)},
        "dedupe_field",
        "sfdcLeadId is read-only, so nobody can be created with it; choose another, or update_existing_only",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScroe"}),
        "mapping[3].target",
        "Marketo has no lead field leadScroe (did you mean leadScore?); see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "Company Name"}),
        "mapping[3].target",
        "Marketo has no lead field Company Name (did you mean company?); see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "firstname_"}),
        "mapping[3].target",
        "Marketo has no lead field firstname_ (did you mean firstName?); see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "zzz"}),
        "mapping[3].target",
        "Marketo has no lead field zzz; see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "createdAt"}),
        "mapping[3].target",
        "createdAt is read-only in Marketo; choose a field that can be written, or leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "mktoName"}),
        "mapping[3].target",
        "mktoName is read-only in Marketo; choose a field that can be written, or leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "fullAddress"}),
        "mapping[3].target",
        "fullAddress is read-only in Marketo; choose a field that can be written, or leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "contactCompany"}),
        "mapping[3].target",
        "contactCompany is read-only in Marketo; choose a field that can be written, or leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadPerson"}),
        "mapping[3].target",
        "Marketo has no lead field leadPerson; see the call marketo/fields",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScore", "join": ";", "source_type": "array"}),
        "mapping[3].join",
        (
            "joined values are text, which leadScore of Marketo's type integer does not take; map them to a field of "
            "type phone, string, text, textarea or url, or choose one of the values in the path"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScore", "source_type": "string"}),
        "mapping[3].source_type",
        (
            "leadScore is of Marketo's type integer, which does not take an XDM string; map it to a field of "
            "type email, phone, string, text, textarea or url, or leave source_type out if its values fit "
            "all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScore", "source_type": "boolean"}),
        "mapping[3].source_type",
        (
            "leadScore is of Marketo's type integer, which does not take an XDM boolean; map it to a field "
            "of type boolean, phone, string, text, textarea or url, or leave source_type out if its values "
            "fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadScore", "source_type": "double"}),
        "mapping[3].source_type",
        (
            "leadScore is of Marketo's type integer, which does not take an XDM double; map it to a field of "
            "type currency, float, percent, phone, string, text, textarea or url, or leave source_type out "
            "if its values fit all the same"
        ),
    ),
    (
        mapping(
            DEDUPE, FIRST, LAST, {"source": "x", "target": "unsubscribed", "opt_in": "keep", "source_type": "string"}
        ),
        "mapping[3].source_type",
        (
            "unsubscribed is of Marketo's type boolean, which does not take an XDM string; map it to a field "
            "of type email, phone, string, text, textarea or url, or leave source_type out if its values fit "
            "all the same"
        ),
    ),
    (
        mapping(
            DEDUPE, FIRST, LAST, {"source": "x", "target": "unsubscribed", "opt_in": "keep", "source_type": "integer"}
        ),
        "mapping[3].source_type",
        (
            "unsubscribed is of Marketo's type boolean, which does not take an XDM integer; map it to a "
            "field of type currency, float, integer, percent, phone, score, string, text, textarea or url, "
            "or leave source_type out if its values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "dateOfBirth", "source_type": "string"}),
        "mapping[3].source_type",
        (
            "dateOfBirth is of Marketo's type date, which does not take an XDM string; map it to a field of "
            "type email, phone, string, text, textarea or url, or leave source_type out if its values fit "
            "all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "dateOfBirth", "source_type": "integer"}),
        "mapping[3].source_type",
        (
            "dateOfBirth is of Marketo's type date, which does not take an XDM integer; map it to a field of "
            "type currency, float, integer, percent, phone, score, string, text, textarea or url, or leave "
            "source_type out if its values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "acquisitionDate", "source_type": "string"}),
        "mapping[3].source_type",
        (
            "acquisitionDate is of Marketo's type datetime, which does not take an XDM string; map it to a "
            "field of type email, phone, string, text, textarea or url, or leave source_type out if its "
            "values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "annualRevenue", "source_type": "boolean"}),
        "mapping[3].source_type",
        (
            "annualRevenue is of Marketo's type currency, which does not take an XDM boolean; map it to a "
            "field of type boolean, phone, string, text, textarea or url, or leave source_type out if its "
            "values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "website", "source_type": "enum"}),
        "mapping[3].source_type",
        (
            "website is of Marketo's type url, which does not take an XDM enum; map it to a field of type "
            "string, text or textarea, or leave source_type out if its values fit all the same"
        ),
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "annualRevenue", "source_type": "date"}),
        "mapping[3].source_type",
        (
            "annualRevenue is of Marketo's type currency, which does not take an XDM date; map it to a field "
            "of type date, datetime, phone, string, text, textarea or url, or leave source_type out if its "
            "values fit all the same"
        ),
    ),
    (
        mapping({**DEDUPE, "source_type": "integer"}, FIRST, LAST),
        "mapping[0].source_type",
        (
            "email is of Marketo's type email, which does not take an XDM integer; map it to a field of type "
            "currency, float, integer, percent, phone, score, string, text, textarea or url, or leave "
            "source_type out if its values fit all the same"
        ),
    ),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, LEGACY_ECID, FIRST, LAST), "ecid_field": "phone"},
        "ecid_field",
        "phone is not searchable; choose one of the call marketo/dedupe-fields",
    ),
    (
        {**LEGACY, **mapping(LEGACY_EMAIL, LEGACY_ECID, FIRST, LAST), "ecid_field": "visitorKye"},
        "ecid_field",
        (
            "Marketo has no lead field visitorKye (did you mean visitorKey?); choose one of the call "
            "marketo/dedupe-fields"
        ),
    ),
]


@pytest.mark.parametrize(("change", "path", "message"), INSTANCE)
def test_a_connection_that_does_not_fit_its_instance_is_not_enabled(
    complete: str, change: Mapping[str, Any], path: str, message: str
) -> None:
    defaults = {"partition": None, "generation": None, "ecid_field": None}
    good = {name: value for name, value in CREATE.items() if name != "credentials"}
    assert call("PATCH", f"/connections/{complete}", {**defaults, **good, **change}).status == 200
    answer = call("POST", f"/connections/{complete}/enable")
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:checks-failed")
    assert answer.json["errors"] == [{"path": path, "message": message}]
    assert stored(complete).status == "draft"
