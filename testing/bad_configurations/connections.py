"""Connections that break a rule which can be known without Marketo."""

from collections.abc import Mapping
from typing import Any

from destination.domain.path import EXAMPLES
from destination.ingest.sources import SOURCES
from testing.bad_configurations import (
    DEDUPE,
    DROP,
    EMAIL,
    FIRST,
    LAST,
    LEGACY,
    LEGACY_ECID,
    LEGACY_EMAIL,
    Case,
    mapping,
    unseen,
)


def _bytes(row: Mapping[str, Any]) -> int:
    return sum(len(text.encode()) for text in (row["source"], row["target"], *row.get("labels", [])))


A_PATH = f"write a path such as {EXAMPLES}"


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

NO_ACTION = (
    "must be a marketing action of Adobe's, such as emailTargeting or Email Targeting, or the name of one of your own: "
    "a letter, then letters, digits, - and _, at most 64 in all"
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
    ({"marketing_actions": ["crm\n"]}, "marketing_actions[0]", NO_ACTION),
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
    ({"source": {"format": "csv"}}, "source.format", f"must be a source of this stack: {', '.join(sorted(SOURCES))}"),
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
    ({"limits": {"daily_calls": 10000001}}, "limits.daily_calls", "must be from 1 to 10000000"),
    (
        {"limits": {"lead_updates_per_hour": 0}},
        "limits.lead_updates_per_hour",
        "must be from 1 to 10000000, or left out",
    ),
    ({"limits": {"lead_updates_per_hour": 1.5}}, "limits.lead_updates_per_hour", "must be a whole number"),
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
        "id is not written: Marketo gives leads their ids; leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "ecids"}),
        "mapping[3].target",
        "ecids is not written: Marketo fills ECIDs itself; leave the row out",
    ),
    (
        mapping(DEDUPE, FIRST, LAST, {"source": "x", "target": "leadPartitionId"}),
        "mapping[3].target",
        (
            "leadPartitionId is not written: new people go to the connection's partition, others stay in "
            "theirs; leave the row out"
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
    (mapping({**DEDUPE, "labels": ["C/2"]}, FIRST, LAST), "mapping[0].labels[0]", "must match ^[A-Za-z0-9_-]{1,64}$"),
    (mapping({**DEDUPE, "labels": "C2"}, FIRST, LAST), "mapping[0].labels", "must be a list"),
    (mapping({**DEDUPE, "labels": ["C2"] * 31}, FIRST, LAST), "mapping[0].labels", "must have a length of at most 30"),
    (
        mapping({**DEDUPE, "labels": ["x" * 65]}, FIRST, LAST),
        "mapping[0].labels[0]",
        "must match ^[A-Za-z0-9_-]{1,64}$",
    ),
    ({"marketing_actions": "emailTargeting"}, "marketing_actions", "must be a list"),
    ({"marketing_actions": ["partner events"]}, "marketing_actions[0]", NO_ACTION),
    ({"marketing_actions": ["1st"]}, "marketing_actions[0]", NO_ACTION),
    (
        {"marketing_actions": ["emailTargetting"]},
        "marketing_actions[0]",
        (
            "emailTargetting is no marketing action of Adobe's; write emailTargeting (Email Targeting) if that is "
            "meant, or call one of your own otherwise"
        ),
    ),
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
