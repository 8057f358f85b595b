"""Which configurations are refused, at which path, and with which remedy."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from destination.domain.audience import Activation, AudienceKey
from destination.domain.audience_rules import activation_change_problems, activation_problems, room_problems
from destination.domain.connection import ActiveConnection, Connection, Consent, PersonAction, SyncType
from destination.domain.connection_rules import (
    change_problems,
    connection_problems,
    connection_warnings,
    consent_warnings,
    missing_to_enable,
)
from destination.domain.problem import ConfigurationError, Problem

FULL: Mapping[str, Any] = {
    "name": "Webinar leads",
    "description": "People of the spring webinars",
    "munchkin_id": "123-ABC-456",
    "workspace": "Default",
    "sync_type": "audience_and_profile",
    "person_action": "update_existing_and_create_new",
    "partition": "EMEA",
    "dedupe_field": "email",
    "credentials": {"client_id": "id-1", "client_secret": "hush-hush"},
    "source": {"format": "aep"},
    "mapping": [
        {"source": "personalEmail.address", "target": "DedupeField"},
        {"source": "person.name.firstName", "target": "firstName"},
        {"source": "person.name.lastName", "target": "lastName", "when_missing": "clear", "when_empty": "send"},
    ],
    "limits": {"calls_per_20s": 80, "concurrency": 5, "daily_calls": 40000},
    "scope": "activated_audiences",
    "on_invalid": "drop",
    "resend_unchanged_after": "PT24H",
    "lead_cache": "PT0S",
}
AUDIENCE: Mapping[str, Any] = {
    "id": "aud-1",
    "namespace": "ups",
    "name": "Webinar, spring",
    "data_type": "people",
    "origin": "Segmentation Service",
    "start": "2026-11-01T00:00:00Z",
    "end": "2026-12-01T00:00:00+0100",
    "list": {"id": 1001},
}
DEDUPE, FIRST, LAST = FULL["mapping"]
EMAIL = {"source": "personalEmail.address", "target": "email"}
DROP = object()


def problems(configuration: Mapping[str, Any]) -> dict[str, str]:
    try:
        found = connection_problems(ConnectionIn.read(configuration).draft())
    except ConfigurationError as error:
        found = list(error.problems)
    return {problem.path: problem.message for problem in found}


def audience_problems(audience: Mapping[str, Any], **changes: Any) -> dict[str, str]:
    connection = ConnectionIn.read({**FULL, "partition": None, **changes}).draft()
    try:
        found = activation_problems(connection, AudienceIn.read(audience).activation())
    except ConfigurationError as error:
        found = list(error.problems)
    return {problem.path: problem.message for problem in found}


def changed(whole: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in {**whole, **change}.items() if value is not DROP}


def draft(**changes: Any) -> Connection:
    return replace(ConnectionIn.read(FULL).draft(), **changes)


def mapping(*rows: object) -> dict[str, Any]:
    return {"mapping": list(rows)}


def test_a_full_configuration_has_no_problem() -> None:
    assert problems(FULL) == {}
    assert connection_warnings(draft()) == []


def test_what_may_be_left_out_has_its_default() -> None:
    needed = ("name", "munchkin_id", "workspace", "sync_type", "person_action", "dedupe_field", "source")
    assert problems({name: FULL[name] for name in needed}) == {}


INVALID: list[tuple[Mapping[str, Any], str, str]] = [
    # what is not there, or not known
    ({"name": DROP}, "name", "must be given"),
    ({"munchkin_id": DROP}, "munchkin_id", "must be given"),
    ({"workspace": DROP}, "workspace", "must be given"),
    ({"sync_type": DROP}, "sync_type", "must be given"),
    ({"person_action": DROP}, "person_action", "must be given"),
    ({"dedupe_field": DROP}, "dedupe_field", "must be given"),
    ({"source": DROP}, "source", "must be given"),
    ({"source": {}}, "source.format", "must be given"),
    ({"credentials": {"client_id": "id-1"}}, "credentials.client_secret", "must be given"),
    ({"mapping": [{"source": "email"}]}, "mapping[0].target", "must be given"),
    ({"nmae": "Webinar leads"}, "nmae", "not a known property"),
    ({"limits": {"calls": 5}}, "limits.calls", "not a known property"),
    (mapping({**DEDUPE, "function": "lower"}), "mapping[0].function", "not a known property"),
    ({"credentials": {**FULL["credentials"], "token": "t"}}, "credentials.token", "not a known property"),
    # what is of another type
    ({"name": 7}, "name", "must be a string"),
    ({"name": " "}, "name", "must not be empty"),
    ({"name": "x" * 256}, "name", "at most 255 characters"),
    ({"name": None}, "name", "must be a string"),
    ({"description": "x" * 1001}, "description", "at most 1000 characters"),
    ({"sync_type": "profiles"}, "sync_type", "'profile_only', 'audience_only' or 'audience_and_profile'"),
    ({"person_action": "create"}, "person_action", "'update_existing_only'"),
    ({"source": "aep"}, "source", "must be an object"),
    ({"source": {"format": "a b"}}, "source.format", r"must match"),
    ({"credentials": "hush-hush"}, "credentials", "must be an object"),
    ({"credentials": {"client_id": "id-1", "client_secret": ""}}, "credentials.client_secret", "must not be empty"),
    ({"mapping": {"email": "DedupeField"}}, "mapping", "must be a list"),
    (mapping("email"), "mapping[0]", "must be an object"),
    (mapping(*[FIRST] * 151), "mapping", "at most 150"),
    (mapping({**DEDUPE, "when_missing": "drop"}), "mapping[0].when_missing", "'ignore' or 'clear'"),
    (mapping(DEDUPE, {**FIRST, "when_empty": True}), "mapping[1].when_empty", "'ignore' or 'send'"),
    ({"limits": {"concurrency": "5"}}, "limits.concurrency", "must be a whole number"),
    ({"limits": {"calls_per_20s": 5.5}}, "limits.calls_per_20s", "must be a whole number"),
    ({"scope": "all"}, "scope", "'all_profiles'"),
    ({"on_invalid": "stop"}, "on_invalid", "'drop' or 'fail'"),
    ({"resend_unchanged_after": 86400}, "resend_unchanged_after", "ISO 8601 duration"),
    ({"lead_cache": "24 h"}, "lead_cache", "ISO 8601 duration"),
    ({"lead_cache": "PT"}, "lead_cache", "ISO 8601 duration"),
    # what breaks a rule
    ({"munchkin_id": "123-abc-456"}, "munchkin_id", "such as 123-ABC-456"),
    ({"munchkin_id": "https://123-ABC-456.mktorest.com"}, "munchkin_id", "Admin, Integration, Munchkin"),
    ({"munchkin_id": "١٢٣-ABC-456"}, "munchkin_id", "such as 123-ABC-456"),
    ({"dedupe_field": "id", **mapping(DEDUPE, FIRST, LAST, EMAIL)}, "dedupe_field", "choose a searchable field"),
    ({"dedupe_field": "ecids", **mapping(DEDUPE, FIRST, LAST, EMAIL)}, "dedupe_field", "choose a searchable field"),
    ({"dedupe_field": "ECIDs", **mapping(DEDUPE, FIRST, LAST, EMAIL)}, "dedupe_field", "choose a searchable field"),
    ({"sync_type": "audience_only"}, "partition", "leave it out"),
    ({"sync_type": "audience_only", "partition": DROP, "scope": "all_profiles"}, "scope", "activated_audiences"),
    ({"limits": {"calls_per_20s": 0}}, "limits.calls_per_20s", "from 1 to 100"),
    ({"limits": {"calls_per_20s": 101}}, "limits.calls_per_20s", "from 1 to 100"),
    ({"limits": {"concurrency": 0}}, "limits.concurrency", "from 1 to 10"),
    ({"limits": {"concurrency": 11}}, "limits.concurrency", "from 1 to 10"),
    ({"limits": {"daily_calls": 0}}, "limits.daily_calls", "from 1 to"),
    ({"limits": {"daily_calls": 10**40}}, "limits.daily_calls", "from 1 to"),
    ({"resend_unchanged_after": "P29D"}, "resend_unchanged_after", "from PT0S to P28D"),
    ({"lead_cache": "P1Y"}, "lead_cache", "from PT0S to P28D"),
    (mapping(FIRST, LAST), "mapping", "map the source that identifies a person to DedupeField"),
    (mapping(DEDUPE, LAST), "mapping", "map a source to firstName"),
    (mapping(DEDUPE, FIRST), "mapping", "map a source to lastName"),
    ({"dedupe_field": "customerId"}, "mapping", "map a source to email"),
    (mapping(DEDUPE, FIRST, LAST, DEDUPE), "mapping[3].target", "is filled by mapping[0]"),
    (mapping(DEDUPE, FIRST, LAST, {**FIRST, "source": "nick"}), "mapping[3].target", "is filled by mapping[1]"),
    (mapping(DEDUPE, {**FIRST, "source": "person..firstName"}, LAST), "mapping[1].source", "write a path such as"),
    (mapping({**DEDUPE, "source": ".email"}, FIRST, LAST), "mapping[0].source", "write a path such as"),
    (mapping({**DEDUPE, "when_missing": "clear"}, FIRST, LAST), "mapping[0].when_missing", "must be ignore"),
    (mapping({**DEDUPE, "when_empty": "send"}, FIRST, LAST), "mapping[0].when_empty", "must be ignore"),
    *(
        (mapping(DEDUPE, FIRST, LAST, {"source": "out", "target": target, name: value}), f"mapping[3].{name}", "be no")
        for target in ("unsubscribed", "doNotCall", "marketingSuspended", "blackListed")
        for name, value in (("when_missing", "clear"), ("when_empty", "send"))
    ),
    (mapping(DEDUPE, {**FIRST, "opt_in": "keep"}, LAST), "mapping[1].opt_in", "leave it out: it is for blackListed"),
    (mapping(DEDUPE, FIRST, {**LAST, "opt_in": "yes"}), "mapping[2].opt_in", "'send' or 'keep'"),
]


@pytest.mark.parametrize(("change", "path", "remedy"), INVALID)
def test_an_invalid_configuration_names_the_member_and_the_remedy(
    change: Mapping[str, Any], path: str, remedy: str
) -> None:
    found = problems(changed(FULL, change))
    assert list(found) == [path]
    assert remedy in found[path]
    assert "hush-hush" not in str(found)


def test_every_problem_is_named_at_once() -> None:
    found = problems(changed(FULL, {"munchkin_id": "x", "dedupe_field": "id", "limits": {"concurrency": 99}}))
    assert list(found) == ["munchkin_id", "dedupe_field", "limits.concurrency", "mapping"]


INVALID_AUDIENCES: list[tuple[Mapping[str, Any], str, str]] = [
    ({"id": DROP}, "id", "must be given"),
    ({"id": "a\nb"}, "id", "characters that nobody sees"),
    ({"id": "x" * 257}, "id", "at most 256"),
    ({"namespace": "a#b"}, "namespace", "must match"),
    ({"name": DROP}, "name", "must be given"),
    ({"name": ""}, "name", "must not be empty"),
    ({"members": []}, "members", "not a known property"),
    ({"data_type": "account"}, "data_type", "Account audiences hold companies"),
    ({"data_type": "prospect"}, "data_type", "Prospect audiences"),
    ({"data_type": "dataset"}, "data_type", "Dataset exports"),
    ({"data_type": "devices"}, "data_type", "activate a people audience"),
    ({"start": "tomorrow"}, "start", "ISO 8601"),
    ({"start": 1790000000}, "start", "ISO 8601"),
    ({"start": "0001-01-01T00:00:00+05:00"}, "start", "ISO 8601"),
    ({"end": "2026-10-31T00:00:00Z"}, "end", "later than start"),
    ({"end": "2026-11-01T01:00:00+01:00"}, "end", "later than start"),
    ({"list": 1001}, "list", "must be an object"),
    ({"list": {"id": "1001"}}, "list.id", "must be a whole number"),
    ({"list": {"id": 0}}, "list.id", "at least 1"),
    ({"list": {"name": "Webinar"}}, "list.id", "must be given"),
]


@pytest.mark.parametrize(("change", "path", "remedy"), INVALID_AUDIENCES)
def test_an_invalid_audience_names_the_member_and_the_remedy(change: Mapping[str, Any], path: str, remedy: str) -> None:
    found = audience_problems(changed(AUDIENCE, change))
    assert path in found
    assert remedy in found[path]


def test_a_full_audience_has_no_problem() -> None:
    assert audience_problems(AUDIENCE) == {}


def test_an_audience_of_a_profile_only_connection_has_no_list() -> None:
    assert "keeps no lists" in audience_problems(AUDIENCE, sync_type="profile_only")["list"]
    assert audience_problems(changed(AUDIENCE, {"list": DROP}), sync_type="profile_only") == {}


@pytest.mark.parametrize("sync_type", SyncType)
def test_names_are_needed_to_create_and_not_to_update(sync_type: SyncType) -> None:
    bare = draft(sync_type=sync_type, partition=None, mapping=draft().mapping[:1])
    creates = replace(bare, person_action=PersonAction.UPDATE_EXISTING_AND_CREATE_NEW)
    updates = replace(bare, person_action=PersonAction.UPDATE_EXISTING_ONLY)
    assert [problem.path for problem in connection_problems(creates)] == ["mapping", "mapping"]
    assert connection_warnings(creates) == []
    assert connection_problems(updates) == []
    assert connection_warnings(updates) == []


def test_a_second_source_for_the_dedupe_field_is_worth_a_warning() -> None:
    doubled = ConnectionIn.read(
        {**FULL, **mapping(DEDUPE, FIRST, LAST, {"source": "email", "target": "email"})}
    ).draft()
    assert connection_problems(doubled) == []
    said = "is not used: DedupeField fills email already; leave the row out"
    assert connection_warnings(doubled) == [Problem("mapping[3]", said)]


@pytest.mark.parametrize("partition", ["EMEA", None])
@pytest.mark.parametrize("sync_type", [SyncType.PROFILE_ONLY, SyncType.AUDIENCE_AND_PROFILE])
def test_a_partition_may_be_chosen_where_profiles_are_synced(sync_type: SyncType, partition: str | None) -> None:
    assert connection_problems(draft(sync_type=sync_type, partition=partition)) == []


def test_negative_times_are_refused() -> None:
    found = connection_problems(draft(lead_cache=timedelta(seconds=-1)))
    assert [problem.path for problem in found] == ["lead_cache"]


def test_the_instance_is_chosen_once() -> None:
    assert [problem.path for problem in change_problems(draft(), draft(munchkin_id="999-ZZZ-999"))] == ["munchkin_id"]
    assert change_problems(draft(), draft(name="Renamed")) == []


def test_an_activation_keeps_its_audience_and_its_list() -> None:
    before = Activation(AudienceKey("ups", "aud-1"), "Webinar", list_id=1001)
    after = Activation(AudienceKey("csv", "aud-2"), "Renamed", list_id=1002, start=datetime(2026, 1, 1, tzinfo=UTC))
    assert [problem.path for problem in activation_change_problems(before, after)] == ["id", "namespace", "list"]
    assert activation_change_problems(before, replace(before, name="Renamed")) == []


def active(connection: Connection, *activations: Activation) -> ActiveConnection:
    return ActiveConnection(connection, {one.audience: one for one in activations})


def test_a_bare_draft_lacks_credentials_mapping_and_audiences() -> None:
    missing = missing_to_enable(active(draft(mapping=())), has_credentials=False)
    assert [problem.path for problem in missing] == ["credentials", "mapping", "audiences"]


@pytest.mark.parametrize("target", ["unsubscribed", "doNotCall", "marketingSuspended", "blackListed"])
def test_whether_opt_outs_may_be_taken_back_is_decided_before_a_connection_is_enabled(target: str) -> None:
    bound = Activation(AudienceKey("ups", "aud-1"), "Webinar", list_id=1001)
    row = {"source": "out", "target": target}
    undecided = ConnectionIn.read({**FULL, **mapping(DEDUPE, FIRST, LAST, row)}).draft()
    assert connection_problems(undecided) == []
    [missing] = missing_to_enable(active(undecided, bound), has_credentials=True)
    assert missing.path == "mapping[3].opt_in"
    assert "say keep" in missing.message
    for decided in ({"opt_in": "keep"}, {"opt_in": "send"}, {"labels": ["C12"]}):
        found = ConnectionIn.read({**FULL, **mapping(DEDUPE, FIRST, LAST, {**row, **decided})}).draft()
        assert connection_problems(found) == []
        assert missing_to_enable(active(found, bound), has_credentials=True) == []


def test_a_connection_for_all_profiles_needs_no_audience() -> None:
    everyone = ConnectionIn.read({**FULL, "scope": "all_profiles"}).draft()
    assert missing_to_enable(active(everyone), has_credentials=True) == []


def test_a_connection_whose_sender_may_make_audiences_needs_none_before() -> None:
    with_calls = ConnectionIn.read({**FULL, "source": {"format": "adobe_sdk", "calls": {}}}).draft()
    assert missing_to_enable(active(with_calls), has_credentials=True) == []
    without = ConnectionIn.read({**FULL, "source": {"format": "adobe_sdk"}}).draft()
    assert [one.path for one in missing_to_enable(active(without), has_credentials=True)] == ["audiences"]


def test_an_audience_needs_a_list_where_lists_are_kept() -> None:
    listless = Activation(AudienceKey("ups", "aud-1"), "Webinar")
    missing = missing_to_enable(active(draft(), listless), has_credentials=True)
    assert [(problem.path, "activate it again" in problem.message) for problem in missing] == [("audiences", True)]
    assert missing_to_enable(active(draft(sync_type=SyncType.PROFILE_ONLY), listless), has_credentials=True) == []
    assert missing_to_enable(active(draft(), replace(listless, list_id=1001)), has_credentials=True) == []


@pytest.mark.parametrize(
    ("sync_type", "has_rule", "others", "is_told"),
    [
        (SyncType.AUDIENCE_ONLY, True, True, True),
        (SyncType.AUDIENCE_ONLY, True, False, False),
        (SyncType.AUDIENCE_ONLY, False, True, False),
        (SyncType.PROFILE_ONLY, True, True, False),
    ],
)
def test_a_consent_rule_has_a_price_where_a_list_may_hold_people_of_others(
    sync_type: SyncType, *, has_rule: bool, others: bool, is_told: bool
) -> None:
    rule = Consent("consents.marketing.email.val", ("y",)) if has_rule else None
    activation = Activation(AudienceKey("ups", "a"), "A", list_id=1001, may_hold_others=others)
    told = consent_warnings(active(draft(sync_type=sync_type, consent=rule), activation))
    assert [one.path for one in told] == ["consent"] * is_told


def test_a_connection_has_at_most_a_thousand_audiences() -> None:
    others = [Activation(AudienceKey("ups", str(number)), "") for number in range(1000)]
    new = Activation(AudienceKey("ups", "a"), "A")
    assert room_problems(new, others[:999]) == []
    assert [problem.path for problem in room_problems(new, others)] == ["id"]


def test_the_names_of_audiences_are_bounded_together_in_bytes() -> None:
    others = [Activation(AudienceKey("n" * 64, f"{number:0128}"), "") for number in range(999)]
    for audience_id, is_told in (
        ("a" * 128, False),
        ("a" * 129, True),
        ("ä" * 64, False),
        ("東" * 64, True),
        ('"' * 65, True),
    ):
        found = room_problems(Activation(AudienceKey("n" * 64, audience_id), "A"), others)
        assert [problem.path for problem in found] == ["id"] * is_told


def test_more_than_adobe_advises_is_worth_a_warning() -> None:
    rows = [{"source": f"a.{number}", "target": f"field{number}"} for number in range(49)]
    crowded = ConnectionIn.read({**FULL, **mapping(DEDUPE, FIRST, LAST, *rows)}).draft()
    assert [warning.path for warning in connection_warnings(crowded, 251)] == ["mapping", "audiences"]
    fewer = replace(crowded, mapping=crowded.mapping[:-1])
    assert connection_warnings(fewer, 250) == []


def test_a_legacy_connection_without_email_creates_nobody() -> None:
    ecid = {"source": "identityMap.ECID", "target": "ECID"}
    legacy = {"generation": "legacy_v2", "ecid_field": "visitorKey", "partition": None}
    found = ConnectionIn.read({**FULL, **legacy, **mapping(ecid, FIRST, LAST)}).draft()
    assert connection_problems(found) == []
    assert [warning.path for warning in connection_warnings(found)] == ["person_action"]
    by_email = ConnectionIn.read(
        {**FULL, **legacy, **mapping(ecid, {**DEDUPE, "target": "Email"}, FIRST, LAST)}
    ).draft()
    assert connection_warnings(by_email) == []
