"""Connections through the control plane's handler: what the answers say, and what is stored."""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.credentials import ClientCredentials
from destination.store.errors import NotFoundError
from marketo_simulator import Simulator
from testing.control_plane import (
    AUD_1,
    CREATE,
    activated,
    audiences,
    call,
    created,
    credentials,
    delivering,
    ingresses,
    items,
    lists,
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
    given = {**CREATE, "partition": "EMEA", "lead_cache": "PT1H"}
    assert shown.status == 200
    assert {name: shown.json[name] for name in given if name not in {"credentials", "mapping"}} == {
        name: value for name, value in given.items() if name not in {"credentials", "mapping"}
    }
    assert shown.json["limits"] == {"calls_per_20s": 80, "concurrency": 2, "daily_calls": 40000}
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
    connection_id = created(person_action="update_existing_only", mapping=[{"source": "e", "target": "DedupeField"}])
    warnings = call("GET", f"/connections/{connection_id}").json["warnings"]
    assert [warning["path"] for warning in warnings] == ["mapping", "mapping"]


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
    assert answer.json["limits"] == {"calls_per_20s": 50, "concurrency": 3, "daily_calls": 40000}
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


def test_enabling_needs_a_complete_configuration() -> None:
    connection_id = created(mapping=[], credentials=None)
    answer = call("POST", f"/connections/{connection_id}/enable")
    assert answer.status == 409
    assert answer.errors.keys() == {"credentials", "mapping", "audiences"}
    assert stored(connection_id).status == "draft"


def test_a_connection_is_enabled_and_disabled() -> None:
    connection_id = created()
    activated(connection_id)
    enabled = call("POST", f"/connections/{connection_id}/enable")
    assert (enabled.status, enabled.json["status"], enabled.json["version"]) == (200, "enabled", 2)
    assert call("POST", f"/connections/{connection_id}/enable").json["version"] == 2
    disabled = call("POST", f"/connections/{connection_id}/disable")
    assert (disabled.status, disabled.json["status"], disabled.json["version"]) == (200, "disabled", 3)


def test_disabling_a_draft_leaves_it_a_draft() -> None:
    assert call("POST", f"/connections/{created()}/disable").json["status"] == "draft"


def test_enabling_ends_a_block() -> None:
    connection_id = created()
    activated(connection_id)
    call("POST", f"/connections/{connection_id}/enable")
    delivering().block(connection_id, "603: access denied", datetime.now(UTC))
    blocked = call("GET", f"/connections/{connection_id}").json
    assert (blocked["status"], blocked["blocked_cause"]) == ("blocked", "603: access denied")
    again = call("POST", f"/connections/{connection_id}/enable").json
    assert (again["status"], again["blocked_cause"]) == ("enabled", None)


@pytest.mark.parametrize("status", ["enabled", "blocked"])
def test_an_enabled_connection_stays_complete(marketo: Simulator, status: str) -> None:
    connection_id = created(sync_type="profile_only")
    activated(connection_id)
    call("POST", f"/connections/{connection_id}/enable")
    if status == "blocked":
        delivering().block(connection_id, "603: access denied", datetime.now(UTC))
    breaking: list[Mapping[str, object]] = [{"mapping": []}, {"mapping": [], "sync_type": "audience_and_profile"}]
    for patch in breaking:
        answer = call("PATCH", f"/connections/{connection_id}", patch)
        assert answer.status == 409
        assert answer.errors.keys() == {"mapping"}
    assert lists(marketo) == {}
    renamed = call("PATCH", f"/connections/{connection_id}", {"name": "Renamed"}).json
    assert (renamed["status"], renamed["name"]) == (status, "Renamed")


def test_deleting_removes_all_but_the_lists(marketo: Simulator) -> None:
    connection_id = created(sync_type="profile_only", munchkin_id="999-ZZZ-999", credentials=None)
    kept = created()
    activated(kept)
    activated(connection_id)
    assert call("DELETE", f"/connections/{kept}").status == 204
    assert {item["pk"]["S"] for item in items() if item["sk"]["S"].startswith(("connection", "activation"))} == {
        connection_id
    }
    assert secret_names() == []
    assert list(lists(marketo).values()) == ["Webinar; spring"]
    assert call("DELETE", f"/connections/{kept}").status == 404
    with pytest.raises(NotFoundError):
        credentials(kept)


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


def enabled() -> str:
    connection_id = created()
    activated(connection_id)
    assert call("POST", f"/connections/{connection_id}/enable").status == 200
    return connection_id


def test_a_draft_is_deleted_at_once() -> None:
    connection_id = created()
    assert call("DELETE", f"/connections/{connection_id}").status == 204
    assert secret_names() == []


def test_what_has_let_events_in_is_deleted_once_they_are_delivered() -> None:
    connection_id = enabled()
    path = f"/connections/{connection_id}"
    going = call("DELETE", path, headers={"If-Match": '"2"'})
    assert (going.status, going.json["status"], going.headers["ETag"]) == (202, "deleting", '"3"')
    assert going.json["deleting_since"] is not None
    assert call("DELETE", path).json == going.json == call("GET", path).json
    assert credentials(connection_id) == ClientCredentials("client", "secret")
    assert len(audiences().list(connection_id)) == 1
    ingress = ingresses().get(connection_id)
    assert ingress is not None
    assert ingress.status == "deleting"


def test_what_is_queued_can_be_discarded_at_once_or_later() -> None:
    for first in ({"discard": "true"}, {}):
        connection_id = enabled()
        call("DELETE", f"/connections/{connection_id}", query=first)
        call("DELETE", f"/connections/{connection_id}", query={"discard": "true"})
        assert call("GET", f"/connections/{connection_id}").status == 404
        assert [name for name in secret_names() if connection_id in name] == []


@pytest.mark.parametrize(
    ("method", "below", "body"),
    [
        ("PATCH", "", {"name": "Mine"}),
        ("PUT", "/mapping", CREATE["mapping"]),
        ("POST", "/enable", None),
        ("POST", "/disable", None),
        ("POST", "/ingest-token", None),
        ("POST", "/audiences", {"id": "aud-2", "name": "Another"}),
        ("PATCH", f"/audiences/{AUD_1}", {"name": "Another"}),
        ("DELETE", f"/audiences/{AUD_1}", None),
    ],
)
def test_what_is_being_deleted_takes_no_changes(method: str, below: str, body: object) -> None:
    connection_id = enabled()
    going = call("DELETE", f"/connections/{connection_id}").json
    answer = call(method, f"/connections/{connection_id}{below}", body)
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:deleting")
    assert call("GET", f"/connections/{connection_id}").json == going


def test_the_ingest_token_is_replaced_and_the_old_one_good_for_a_day() -> None:
    made = call("POST", "/connections", CREATE).json
    path = f"/connections/{made['id']}/ingest-token"
    answer = call("POST", path, headers={"If-Match": '"1"'})
    assert (answer.status, answer.headers["ETag"]) == (201, '"2"')
    assert answer.json["url"] == made["ingest"]["url"]
    left = datetime.fromisoformat(answer.json["previous_valid_until"]) - datetime.now(UTC)
    assert timedelta(hours=23) < left <= timedelta(hours=24)
    ingress = ingresses().get(made["id"])
    assert ingress is not None
    assert ingress.token_hash == hashlib.sha256(answer.json["token"].encode()).hexdigest()
    assert ingress.previous_token_hash == hashlib.sha256(made["ingest"]["token"].encode()).hexdigest()
    assert call("POST", path, headers={"If-Match": '"1"'}).status == 412


@pytest.mark.parametrize(("body", "hours"), [({}, 24), ({"grace": "PT0S"}, 0), ({"grace": "P7D"}, 168)])
def test_the_grace_of_a_token_is_chosen(body: object, hours: int) -> None:
    answer = call("POST", f"/connections/{created()}/ingest-token", body)
    left = datetime.fromisoformat(answer.json["previous_valid_until"]) - datetime.now(UTC)
    assert timedelta(hours=hours, minutes=-1) < left <= timedelta(hours=hours)


@pytest.mark.parametrize("grace", ["P8D", "-PT1S", "a day", 3600])
def test_the_grace_of_a_token_is_checked(grace: object) -> None:
    connection_id = created()
    answer = call("POST", f"/connections/{connection_id}/ingest-token", {"grace": grace})
    assert (answer.status, set(answer.errors)) == (422, {"grace"})
    assert stored(connection_id).version == 1


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
