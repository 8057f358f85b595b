"""Connections through the control plane's handler: what the answers say, and what is stored."""

import hashlib
import json
from collections.abc import Mapping

import pytest

from destination.domain.credentials import ClientCredentials
from testing.control_plane import (
    CREATE,
    activated,
    call,
    created,
    credentials,
    ingresses,
    items,
    secret_names,
    stored,
)

pytestmark = pytest.mark.usefixtures("marketo")


def test_creating_answers_where_to_post_events_and_the_token_once() -> None:
    answer = call("POST", "/connections", CREATE)
    connection_id, ingest = answer.json["id"], answer.json["ingest"]
    assert answer.status == 201
    assert answer.headers["ETag"] == '"1"'
    assert (answer.json["status"], answer.json["version"], answer.json["warnings"]) == ("draft", 1, [])
    assert (
        ingest["url"] == f"https://abc123.execute-api.eu-west-1.amazonaws.com/prod/connections/{connection_id}/events"
    )
    ingress = ingresses().get(connection_id)
    assert ingress is not None
    assert ingress.token_hash == hashlib.sha256(ingest["token"].encode()).hexdigest()
    assert len(ingest["token"]) >= 43
    assert ingest["token"] not in json.dumps(items())


def test_a_connection_shows_what_was_given_except_secrets() -> None:
    connection_id = created(partition="EMEA", lead_cache="PT1H", limits={"concurrency": 2})
    shown = call("GET", f"/connections/{connection_id}")
    source = {
        "format": "aep",
        "admission": {"proof": "token", "header": None, "query_parameter": None},
        "on_rejected": "accept",
        "on_delete_person": "reject",
        "calls": None,
        "rows": None,
    }
    given = {**CREATE, "partition": "EMEA", "lead_cache": "PT1H", "source": source}
    assert shown.status == 200
    assert {name: shown.json[name] for name in given if name not in {"credentials", "mapping"}} == {
        name: value for name, value in given.items() if name not in {"credentials", "mapping"}
    }
    assert shown.json["limits"] == {
        "calls_per_20s": 80,
        "concurrency": 2,
        "daily_calls": 40000,
        "lead_updates_per_hour": None,
    }
    assert {"credentials", "ingest"}.isdisjoint(shown.json)


def test_credentials_are_kept_as_a_secret_only() -> None:
    connection_id = created(credentials={"client_id": "client", "client_secret": "hush-hush"})
    assert credentials(connection_id) == ClientCredentials("client", "hush-hush")
    assert "hush-hush" not in json.dumps(items())


def test_two_connections_have_ids_and_tokens_of_their_own() -> None:
    first, second = (call("POST", "/connections", CREATE).json for _ in range(2))
    assert first["id"] != second["id"]
    assert first["ingest"]["token"] != second["ingest"]["token"]


def test_a_draft_may_lack_mapping_and_credentials() -> None:
    connection_id = created(mapping=[], credentials=None)
    assert stored(connection_id).mapping == ()
    assert secret_names() == []


def test_what_is_refused_leaves_nothing_behind() -> None:
    answer = call("POST", "/connections", {**CREATE, "dedupe_field": "id", "munchkin_id": "x"})
    assert answer.status == 422
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json["type"] == "urn:marketo-destination:problem:invalid"
    assert {"munchkin_id", "dedupe_field"} <= answer.errors.keys()
    assert (items(), secret_names()) == ([], [])


def test_the_problems_of_a_malformed_body_name_its_members() -> None:
    answer = call("POST", "/connections", {**CREATE, "name": None, "mapping": [{"source": "email"}], "secret": "hush"})
    assert answer.status == 422
    assert answer.errors.keys() == {"name", "mapping[0].target", "secret"}
    assert "hush" not in answer.text


def test_warnings_come_with_the_connection() -> None:
    connection_id = created(mapping=[*CREATE["mapping"], {"source": "e", "target": "email"}])
    warnings = call("GET", f"/connections/{connection_id}").json["warnings"]
    assert [warning["path"] for warning in warnings] == ["mapping[3]"]


def test_whoever_creates_nobody_is_not_warned_of_what_creating_takes() -> None:
    connection_id = created(person_action="update_existing_only", mapping=[{"source": "e", "target": "DedupeField"}])
    assert call("GET", f"/connections/{connection_id}").json["warnings"] == []


def test_the_listing_pages_to_its_end() -> None:
    ids = {created() for _ in range(5)}
    activated(next(iter(ids)))
    listed: list[str] = []
    query = {"limit": "2"}
    for _ in range(3):
        page = call("GET", "/connections", query=query).json
        listed += [connection["id"] for connection in page["connections"]]
        query = {"limit": "2", "cursor": page["cursor"]}
    assert page["cursor"] is None
    assert sorted(listed) == sorted(ids)


@pytest.mark.parametrize(
    ("query", "path"), [({"limit": "0"}, "limit"), ({"limit": "101"}, "limit"), ({"limit": "all"}, "limit")]
)
def test_a_limit_is_from_1_to_100(query: Mapping[str, str], path: str) -> None:
    answer = call("GET", "/connections", query=query)
    assert answer.status == 422
    assert answer.errors.keys() == {path}


def test_a_made_up_cursor_is_refused() -> None:
    answer = call("GET", "/connections", query={"cursor": "made-up"})
    assert answer.status == 422
    assert "cursor" in answer.json["detail"]


def test_a_merge_patch_changes_only_what_it_names() -> None:
    connection_id = created(description="Old", limits={"calls_per_20s": 50, "concurrency": 2})
    answer = call("PATCH", f"/connections/{connection_id}", {"description": None, "limits": {"concurrency": 3}})
    assert answer.status == 200
    assert answer.headers["ETag"] == '"2"'
    assert (answer.json["version"], answer.json["description"], answer.json["name"]) == (2, None, "Webinar leads")
    assert answer.json["limits"] == {
        "calls_per_20s": 50,
        "concurrency": 3,
        "daily_calls": 40000,
        "lead_updates_per_hour": None,
    }
    assert stored(connection_id).limits.concurrency == 3


def test_a_patch_that_changes_nothing_makes_no_version() -> None:
    connection_id = created()
    assert call("PATCH", f"/connections/{connection_id}", {"name": "Webinar leads"}).json["version"] == 1


@pytest.mark.parametrize(
    ("patch", "path"),
    [
        ({"name": None}, "name"),
        ({"munchkin_id": "999-ZZZ-999"}, "munchkin_id"),
        ({"sync_type": "audience_only", "scope": "all_profiles"}, "scope"),
        ({"mapping": []}, ""),
        ({"limits": {"concurrency": 11}}, "limits.concurrency"),
        ({"status": "enabled"}, "status"),
        ({"credentials": {"client_secret": "new"}}, "credentials.client_id"),
    ],
)
def test_a_patch_is_checked_as_a_whole(patch: Mapping[str, object], path: str) -> None:
    connection_id = created()
    before = stored(connection_id)
    answer = call("PATCH", f"/connections/{connection_id}", patch)
    if path:
        assert answer.status == 422
        assert answer.errors.keys() == {path}
        assert stored(connection_id) == before
    else:
        assert answer.status == 200


def test_new_credentials_make_a_version_and_replace_the_secret() -> None:
    connection_id = created()
    patch = {"credentials": {"client_id": "client", "client_secret": "renewed"}}
    assert call("PATCH", f"/connections/{connection_id}", patch).json["version"] == 2
    assert credentials(connection_id) == ClientCredentials("client", "renewed")


@pytest.mark.parametrize("if_match", ['"1"', "1", " 1 ", "*", None])
def test_a_change_of_the_current_version_is_made(if_match: str | None) -> None:
    connection_id = created()
    headers = {"If-Match": if_match} if if_match else {}
    assert call("PATCH", f"/connections/{connection_id}", {"name": "New"}, headers=headers).status == 200


@pytest.mark.parametrize("if_match", ['"1"', "x"])
@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("PATCH", "", {"name": "Mine"}),
        ("PUT", "/mapping", CREATE["mapping"]),
        ("POST", "/enable", None),
        ("POST", "/disable", None),
        ("DELETE", "", None),
    ],
)
def test_a_stale_change_is_refused(method: str, below: str, body: object, if_match: str) -> None:
    connection_id = created()
    call("PATCH", f"/connections/{connection_id}", {"name": "Theirs"})
    before = stored(connection_id)
    answer = call(method, f"/connections/{connection_id}{below}", body, headers={"If-Match": if_match})
    assert answer.status == 412
    assert answer.json["type"] == "urn:marketo-destination:problem:stale"
    assert stored(connection_id) == before


def test_the_mapping_is_replaced_as_a_whole() -> None:
    connection_id = created()
    rows = [
        {"source": "identityMap.email", "target": "DedupeField"},
        {"source": "first", "target": "firstName", "when_missing": "clear"},
        {"source": "last", "target": "lastName"},
    ]
    answer = call("PUT", f"/connections/{connection_id}/mapping", rows)
    assert (answer.status, answer.headers["ETag"]) == (200, '"2"')
    assert [row["source"] for row in answer.json] == ["identityMap.email", "first", "last"]
    assert answer.json[1]["when_missing"] == "clear"
    assert call("GET", f"/connections/{connection_id}/mapping").json == answer.json


@pytest.mark.parametrize(
    ("rows", "path"),
    [
        ([{"source": "first", "target": "firstName"}], "mapping"),
        ([*CREATE["mapping"], {"source": "x", "target": "firstName"}], "mapping[3].target"),
        ([*CREATE["mapping"], {"source": "x"}], "mapping[3].target"),
        ([*CREATE["mapping"], 7], "mapping[3]"),
        ({"source": "first", "target": "firstName"}, ""),
    ],
)
def test_a_mapping_that_breaks_a_rule_changes_nothing(rows: object, path: str) -> None:
    connection_id = created()
    answer = call("PUT", f"/connections/{connection_id}/mapping", rows)
    assert answer.status == 422
    assert path in answer.errors
    assert stored(connection_id).version == 1


@pytest.mark.parametrize("client_id", ["a/b", "a b", "", "é", "x" * 129])
def test_a_client_id_fits_into_the_name_of_a_secret(client_id: str) -> None:
    refused = call("POST", "/connections", {**CREATE, "credentials": {"client_id": client_id, "client_secret": "s"}})
    assert (refused.status, set(refused.errors)) == (422, {"credentials.client_id"})
    assert (items(), secret_names()) == ([], [])


def test_white_space_around_credentials_is_left_out() -> None:
    connection_id = created(credentials={"client_id": " client\n", "client_secret": "\tsecret \n"})
    assert credentials(connection_id) == ClientCredentials("client", "secret")
    refused = call("POST", "/connections", {**CREATE, "credentials": {"client_id": "client", "client_secret": " "}})
    assert refused.errors == {"credentials.client_secret": "must not be empty"}


def test_the_shared_token_of_a_client_id_that_is_replaced_is_removed() -> None:
    connection_id = created()
    activated(connection_id)
    assert "dest/tokens/123-ABC-456/client" in secret_names()
    call("PATCH", f"/connections/{connection_id}", {"credentials": {"client_id": "other", "client_secret": "s"}})
    assert secret_names() == [f"dest/credentials/{connection_id}"]


def test_a_page_of_large_connections_fits_into_an_answer() -> None:
    rows = [
        {"source": f"{'é' * 200}.{number}", "target": f"{'ü' * 200}{number}", "labels": ["C" * 64] * 20}
        for number in range(147)
    ]
    ids = {created(mapping=[*CREATE["mapping"], *rows]) for _ in range(4)}
    seen: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = call("GET", "/connections", query={"limit": "100", **cursor})
        assert len(page.text.encode()) < 6_000_000
        seen += [one["id"] for one in page.json["connections"]]
        if page.json["cursor"] is None:
            break
        cursor = {"cursor": page.json["cursor"]}
    assert len(seen) == len(ids) == len(set(seen) & ids)


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        (("Profile Only", "Update existing persons only"), ("profile_only", "update_existing_only")),
        (("audience only", "update_existing_only"), ("audience_only", "update_existing_only")),
        (
            ("Audience and Profile", "Update existing and create new persons"),
            ("audience_and_profile", "update_existing_and_create_new"),
        ),
        (
            ("Audience and Profile", "Match Existing Marketo People and Create Missing People in Marketo"),
            ("audience_and_profile", "update_existing_and_create_new"),
        ),
        (("audience_only", "Match Existing Marketo People Only"), ("audience_only", "update_existing_only")),
    ],
)
def test_what_adobe_shows_is_understood(written: tuple[str, str], ids: tuple[str, str]) -> None:
    connection_id = created(sync_type=written[0], person_action=written[1], partition=None)
    shown = call("GET", f"/connections/{connection_id}").json
    assert (shown["sync_type"], shown["person_action"]) == ids
    mapping = [{"source": "personalEmail.address", "target": "Dedupe Field"}, *CREATE["mapping"][1:]]
    assert call("PUT", f"/connections/{connection_id}/mapping", mapping).json[0]["target"] == "DedupeField"
    changed = call("PATCH", f"/connections/{connection_id}", {"sync_type": "Profile only"})
    assert changed.json["sync_type"] == "profile_only"


@pytest.mark.parametrize("field", ["Lead ID", "lead_id", "id", "ECIDs"])
def test_a_field_that_holds_no_ecid_is_refused_at_once(field: str) -> None:
    legacy = {"generation": "legacy_v2", "partition": None, "ecid_field": field}
    mapping = [{"source": "identityMap.Email", "target": "Email"}, {"source": "identityMap.ECID", "target": "ECID"}]
    body = {**CREATE, **legacy, "mapping": [*mapping, *CREATE["mapping"][1:]]}
    answer = call("POST", "/connections", body)
    assert (answer.status, list(answer.errors)) == (422, ["ecid_field"])
    assert call("POST", "/connections", body | {"ecid_field": "ECID"}).status == 201  # One of their own.


@pytest.mark.parametrize("field", ["ECID", "Lead ID", "lead_id", "Adobe Experience Cloud ID", "Id "])
def test_lead_id_and_ecid_are_refused_at_once(field: str) -> None:
    connection_id = created()
    for answer in (
        call("POST", "/connections", {**CREATE, "dedupe_field": field}),
        call("PATCH", f"/connections/{connection_id}", {"dedupe_field": field}),
    ):
        assert answer.status == 422
        assert "Lead ID and ECID cannot identify a person" in answer.errors["dedupe_field"]
