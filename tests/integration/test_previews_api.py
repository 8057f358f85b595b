"""Previews through the control plane's handler: what is answered, and that nothing is written anywhere."""

import json
from typing import Any

import pytest

from destination.domain.loss import LOSSES, MEMBERSHIP_STATUS_UNKNOWN, RECORD_NO_OBJECT
from marketo_simulator import Simulator
from testing.control_plane import activated, call, created, dynamodb, items

pytestmark = pytest.mark.usefixtures("marketo")

ADA = {
    "personalEmail": {"address": "ada@example.org"},
    "person": {"name": {"firstName": "Ada", "lastName": "x" * 300}},
    "segmentMembership": {"ups": {"aud-1": {"status": "realized"}, "aud-2": {"status": "unknown"}}},
}


def rows() -> list[dict[str, Any]]:
    tables = ("ConnectionsTable", "LedgerTable", "RunsTable")
    return [item for table in tables for item in dynamodb().scan(TableName=table)["Items"]]


def test_a_preview_tells_what_a_draft_would_do_and_writes_nothing(marketo: Simulator) -> None:
    marketo.seed({"leads": [{"id": 7, "email": "Ada@example.org"}]})
    connection_id = created(person_action="update_existing_only")
    list_id = activated(connection_id).json["list"]["id"]
    before = rows(), marketo.dump()

    answer = call("POST", f"/connections/{connection_id}/previews", [ADA, "no record", {"segmentMembership": {}}])

    assert answer.status == 200
    shown = answer.json
    assert [one["index"] for one in shown["rejected"]] == [1]
    assert [one["errors"][0]["path"] for one in shown["warnings"]] == ["segmentMembership.ups.aud-2.status"]
    assert shown["ignored"] == [2]
    assert (shown["warning_count"], shown["summary"].pop("losses")) == (
        1,
        [
            {"code": loss.code, "class": kind, "count": 1, "message": LOSSES[loss]}
            for loss, kind in ((MEMBERSHIP_STATUS_UNKNOWN, "left_out"), (RECORD_NO_OBJECT, "rejected"))
        ],
    )
    assert shown["summary"] == {
        "received": 1,
        "activated": {"persons": 1, "created": 0, "updated": 1, "added": 1, "removed": 0},
        **{"unchanged": 0, "excluded": 0, "failed": 0, "warnings": 1, "ignored": 1, "rejected": 1, "left_out": 1},
    }
    assert shown["persons"] == [
        {
            "index": 0,
            "person": 1,
            "outcome": "activated",
            "reason": None,
            "lead_id": 7,
            "created": False,
            "updated": True,
            "partition": None,
            "fields": ["firstName"],
            "dropped": [{"field": "lastName", "code": "TOO_LONG", "message": "longer than 255 characters."}],
            "warned": [],
            "audiences": [
                {
                    "id": "aud-1",
                    "namespace": None,
                    "name": "Webinar, spring",
                    "outcome": "activated",
                    "reason": None,
                    "change": "added",
                    "list": {"id": list_id, "name": "Webinar; spring"},
                }
            ],
        }
    ]
    assert shown["calls"] == {"look_up": 1, "create": 0, "update": 1, "add": 1, "remove": 0, "total": 3}
    assert (rows(), marketo.dump()) == before


def test_values_of_profiles_are_not_shown() -> None:
    connection_id = created()
    activated(connection_id)
    answer = call("POST", f"/connections/{connection_id}/previews", ADA)
    assert answer.json["persons"][0]["reason"]["code"] == "INVALID_REQUIRED_ATTRIBUTE"
    assert answer.json["persons"][0]["reason"]["message"].startswith("firstName, lastName or email")
    assert "ada@" not in answer.text.lower()
    assert "xxx" not in answer.text


def test_what_was_delivered_is_read_from_the_ledger(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    answer = call("POST", f"/connections/{connection_id}/previews", text="\n".join(json.dumps(ADA) for _ in range(3)))
    assert [one["person"] for one in answer.json["persons"]] == [1, 1, 1]


def test_an_incomplete_connection_is_told_what_is_missing() -> None:
    connection_id = created(credentials=None, mapping=[])
    answer = call("POST", f"/connections/{connection_id}/previews", [])
    assert answer.status == 409
    assert answer.errors.keys() == {"credentials", "mapping"}


@pytest.mark.parametrize(
    ("text", "status", "detail"),
    [
        ("", 400, "the body is empty; send a JSON object, an array of objects, or one object a line."),
        ("{", 400, "the body is not JSON"),
        ("[" + ",".join(["{}"] * 301) + "]", 413, "The body has more than 300 records; send fewer."),
        (" " * 1_000_001, 413, "The body is larger than 1000000 bytes; send fewer events."),
    ],
)
def test_bodies_that_are_not_taken(text: str, status: int, detail: str) -> None:
    answer = call("POST", f"/connections/{created()}/previews", text=text)
    assert answer.status == status
    assert answer.json["detail"].startswith(detail)


def test_an_answer_that_lambda_could_not_return_is_refused() -> None:
    connection_id = created(
        mapping=[
            {"source": "identityMap.email", "target": "DedupeField"},
            *({"source": f"a{n}", "target": f"unknown{n}_{'x' * 200}"} for n in range(100)),
            {"source": "a", "target": "firstName"},
            {"source": "b", "target": "lastName"},
        ]
    )
    activated(connection_id)
    profile = {**ADA, "identityMap": {"email": [{"id": f"{n}@example.org"} for n in range(100)]}}
    assert call("POST", f"/connections/{connection_id}/previews", [profile]).status == 200
    answer = call("POST", f"/connections/{connection_id}/previews", [profile] * 10)
    assert answer.status == 413


def test_marketo_that_refuses_is_told(marketo: Simulator) -> None:
    connection_id = created(
        dedupe_field="company",
        mapping=[
            {"source": "a", "target": "DedupeField"},
            {"source": "b", "target": "email"},
            {"source": "person.name.firstName", "target": "firstName"},
            {"source": "person.name.lastName", "target": "lastName"},
        ],
    )
    assert call("POST", f"/connections/{connection_id}/previews", ADA).status == 409
    assert items()
