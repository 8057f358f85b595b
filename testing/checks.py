"""The checks of a connection, asked for by the interface, and what their report says."""

from collections.abc import Mapping
from typing import Any

from marketo_simulator import Simulator
from testing.control_plane import CREATE, call, created

NAMES = [
    "credentials",
    "read_leads",
    "write_leads",
    "assets",
    "workspace",
    "partition",
    "dedupe_field",
    "mapping",
    "quota",
]
MARKETO: Mapping[str, Any] = {
    "partitions": [{"name": "EMEA", "id": 2}],
    "workspaces": [{"name": "Europe", "partitions": ["EMEA"]}],
    "fields": [{"name": "customerKey", "data_type": "string"}],
    "leads": [{"id": 7, "email": "ada@example.org", "firstName": "Ada"}],
    "lists": [{"id": 1001, "name": "Webinar; spring", "members": [7]}],
}
ROWS = CREATE["mapping"]
DEDUPE, FIRST, LAST = ROWS
EVERYTHING = ("Read-Write Lead", "Read-Write Assets")


def checked(connection_id: str, sample: object = None) -> Any:
    body = None if sample is None else {"sample": sample}
    answer = call("POST", f"/connections/{connection_id}/checks", body)
    assert answer.status == 200, answer.text
    assert [one["name"] for one in answer.json["checks"]] == NAMES
    return answer.json


def verdicts(report: Any) -> dict[str, bool | None]:
    """The checks that did not go well."""
    return {one["name"]: one["ok"] for one in report["checks"] if one["ok"] is not True}


def check(report: Any, name: str) -> Any:
    return next(one for one in report["checks"] if one["name"] == name)


def errors(report: Any, name: str) -> dict[str, str]:
    return {one["path"]: one["message"] for one in check(report, name)["errors"]}


def of_role(marketo: Simulator, *permissions: str, partitions: list[str] | None = None, **changes: object) -> str:
    """A connection whose API user has these permissions alone."""
    client = {"client_id": "narrow", "client_secret": "secret", "permissions": list(permissions)}
    marketo.seed({"clients": [client | {"partitions": partitions}]})
    return created(credentials={"client_id": "narrow", "client_secret": "secret"}, **changes)
