"""The audit log through the control plane's handler: every change leaves a record, and no record holds a secret."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.domain.audit import AuditAction, AuditRecord
from destination.store.audit import Audit
from testing.control_plane import (
    AUD_1,
    CREATE,
    OPERATOR,
    activated,
    audience_path,
    call,
    created,
    dynamodb,
    items,
)

pytestmark = pytest.mark.usefixtures("marketo")

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


def records(**query: str) -> list[dict[str, Any]]:
    answer = call("GET", "/audit", query=query)
    assert answer.status == 200, answer.text
    return list(answer.json["records"])


def recorded(connection_id: str) -> list[tuple[str, dict[str, tuple[Any, Any]]]]:
    """Action and changes of a connection's records, oldest first."""
    return [
        (one["action"], {change["path"]: (change["before"], change["after"]) for change in one["changes"]})
        for one in reversed(records(connection_id=connection_id))
    ]


def test_every_change_leaves_a_record() -> None:
    connection_id = created()
    path = f"/connections/{connection_id}"
    secret = {"client_id": "client", "client_secret": "secret"}
    activated(connection_id)
    call("PATCH", path, {"name": "Renamed", "credentials": {"client_id": "other", "client_secret": "hush-hush"}})
    call("PATCH", path, {"credentials": secret})
    call("PUT", f"{path}/mapping", [*CREATE["mapping"], {"source": "x", "target": "company"}])
    call("POST", f"{path}/enable")
    call("PATCH", audience_path(connection_id, "aud-1"), {"name": "Autumn"})
    activated(connection_id, name="Winter")
    call("POST", f"{path}/disable")
    call("POST", f"{path}/ingest-token")
    call("DELETE", audience_path(connection_id, "aud-1"))
    call("DELETE", path)
    call("DELETE", path, query={"discard": "true"})

    told = recorded(connection_id)
    assert [action for action, _ in told] == [
        "create_connection",
        "activate_audience",
        "change_connection",
        "change_connection",
        "set_mapping",
        "enable_connection",
        "change_audience",
        "activate_audience",
        "disable_connection",
        "rotate_ingest_token",
        "deactivate_audience",
        "delete_connection",
        "remove_connection",
    ]
    changes = [change for _, change in told]
    assert changes[0]["name"] == (None, "Webinar leads")
    assert changes[2] == {
        "name": ("Webinar leads", "Renamed"),
        "credentials.client_id": ("client", "other"),
        "credentials.client_secret": (None, "changed"),
    }
    assert list(changes[4]) == ["mapping.company"]
    assert changes[5] == {"status": ("draft", "enabled")}
    assert changes[6] == {"name": ("Webinar, spring", "Autumn")}
    assert changes[11] == {"status": ("disabled", "deleting")}


def test_a_record_tells_who_when_and_what() -> None:
    before = datetime.now(UTC)
    connection_id = created()
    activated(connection_id)
    activation, creation = records(connection_id=connection_id)
    assert creation["actor"] == OPERATOR
    assert (creation["connection_id"], creation["audience"]) == (connection_id, None)
    assert activation["audience"] == {"id": "aud-1", "namespace": None}
    assert before <= datetime.fromisoformat(creation["at"]) <= datetime.fromisoformat(activation["at"])


def test_on_the_local_stack_nobody_signs() -> None:
    answer = call("POST", "/connections", CREATE, caller=None)
    assert records(connection_id=answer.json["id"])[0]["actor"] == "local"


def test_what_changes_nothing_and_what_is_refused_leaves_no_record() -> None:
    connection_id = created()
    activated(connection_id)
    path = f"/connections/{connection_id}"
    known = records()
    for method, below, body, headers in (
        ("PATCH", "", {"name": "Webinar leads"}, {}),
        ("PATCH", "", {"name": "Mine"}, {"If-Match": '"9"'}),
        ("PATCH", "", {"munchkin_id": "999-ZZZ-999"}, {}),
        ("POST", "/disable", None, {}),
        ("POST", "/ingest-token", None, {"If-Match": '"9"'}),
        ("POST", "/audiences", {"id": "aud-1", "name": "Webinar, spring"}, {}),
        ("PATCH", f"/audiences/{AUD_1}", {"name": "Webinar, spring"}, {}),
        ("DELETE", f"/audiences/{AUD_1}", None, {"If-Match": '"9"'}),
        ("DELETE", "", None, {"If-Match": '"9"'}),
    ):
        call(method, path + below, body, headers=headers)
    assert records() == known


def test_records_of_a_deleted_connection_stay_and_hold_no_secret() -> None:
    made = call("POST", "/connections", {**CREATE, "credentials": {"client_id": "c", "client_secret": "hush-hush"}})
    rotated = call("POST", f"/connections/{made.json['id']}/ingest-token")
    assert call("DELETE", f"/connections/{made.json['id']}").status == 204
    kept = records(connection_id=made.json["id"])
    assert [one["action"] for one in kept][:2] == ["remove_connection", "delete_connection"]
    for hush in ("hush-hush", made.json["ingest"]["token"], rotated.json["token"]):
        assert hush not in str(items())
    assert all("expires_at" in item for item in items())


def put(number: int, at: datetime, connection_id: str | None = "c-1") -> None:
    record = AuditRecord(f"{number:04}", at, OPERATOR, AuditAction.ENABLE_CONNECTION, connection_id)
    dynamodb().transact_write_items(TransactItems=[Audit(dynamodb(), "ConnectionsTable").put(record)])


@pytest.mark.parametrize("query", [{}, {"connection_id": "c-1"}])
def test_the_log_is_paged_through_newest_first(query: Mapping[str, str]) -> None:
    for number in range(5):
        put(number, NOON + timedelta(microseconds=number // 2))
    put(9, NOON, "c-2")
    seen, cursor = [], None
    for _ in range(10):
        page = call("GET", "/audit", query={**query, "limit": "2", **({"cursor": cursor} if cursor else {})}).json
        seen += [one["id"] for one in page["records"]]
        if (cursor := page["cursor"]) is None:
            break
    assert seen == ["0004", "0003", "0002", *([] if query else ["0009"]), "0001", "0000"]


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ({}, ["0002", "0001", "0000"]),
        ({"from": "2026-11-21T12:00:01Z"}, ["0002", "0001"]),
        ({"to": "2026-11-21T12:00:01Z"}, ["0000"]),
        ({"from": "2026-11-21T14:00:01 02:00", "to": "2026-11-21T12:00:02Z"}, ["0001"]),
        ({"from": "2026-11-21T12:00:01Z", "to": "2026-11-21T12:00:01Z"}, []),
        ({"connection_id": "nobody"}, []),
        ({"connection_id": "c-1", "from": "2026-11-21T12:00:02Z"}, ["0002"]),
    ],
)
def test_the_log_is_read_from_one_time_on_and_before_another(query: dict[str, str], ids: list[str]) -> None:
    for number in range(3):
        put(number, NOON + timedelta(seconds=number))
    assert [one["id"] for one in records(**query)] == ids


@pytest.mark.parametrize(
    "query",
    [
        {"from": "2026-11-22T00:00:00Z", "to": "2026-11-21T00:00:00Z"},
        {"cursor": "made-up"},
        {"limit": "101"},
        {"to": "yesterday"},
    ],
)
def test_a_reading_of_the_log_is_checked(query: Mapping[str, str]) -> None:
    assert call("GET", "/audit", query=query).status == 422


def test_a_cursor_of_another_reading_is_refused() -> None:
    for number in range(3):
        put(number, NOON + timedelta(seconds=number))
    cursor = call("GET", "/audit", query={"connection_id": "c-1", "limit": "1"}).json["cursor"]
    for query in ({"connection_id": "c-2"}, {"connection_id": "c-1", "to": "2026-11-21T12:00:01Z"}):
        assert call("GET", "/audit", query={**query, "cursor": cursor}).status == 422
