"""The source of a connection: its format, the ways in, the ingest token, and the form of rows."""

import hashlib
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from destination.domain.connection import Admission, OnRejected
from destination.domain.row_form import EXITED, REALIZED, RowForm
from destination.ingest.sources import SOURCES
from testing.control_plane import (
    CREATE,
    call,
    created,
    ingresses,
    stored,
)
from testing.sources import installed

pytestmark = pytest.mark.usefixtures("marketo")


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


def test_a_source_that_the_stack_does_not_have_is_refused_with_those_that_it_has() -> None:
    answer = call("POST", "/connections", {**CREATE, "source": {"format": "carrier-pigeon"}})
    assert (answer.status, answer.errors) == (
        422,
        {"source.format": f"must be a source of this stack: {', '.join(sorted(SOURCES))}"},
    )


def test_places_of_the_token_are_configured_like_all_else_and_a_query_parameter_is_warned_of() -> None:
    connection_id = created()
    places = {"proof": "token", "header": "X-Api-Key", "query_parameter": "token"}
    changed = call("PATCH", f"/connections/{connection_id}", {"source": {"admission": places, "on_rejected": "refuse"}})
    assert (changed.status, changed.json["source"]) == (
        200,
        {
            "format": "aep",
            "admission": places,
            "on_rejected": "refuse",
            "on_delete_person": "reject",
            "calls": None,
            "rows": None,
        },
    )
    assert [one["path"] for one in changed.json["warnings"]] == ["source.admission.query_parameter"]
    ingress = ingresses().get(connection_id)
    assert ingress is not None
    assert (ingress.admission, ingress.on_rejected) == (Admission("X-Api-Key", "token"), OnRejected.REFUSE)
    changes = call("GET", "/audit", query={"connection_id": connection_id}).json["records"][0]["changes"]
    assert {one["path"]: one["after"] for one in changes} == {
        "admission.header": "X-Api-Key",
        "admission.query_parameter": "token",
        "on_rejected": "refuse",
    }


def test_the_form_of_rows_is_configured_like_all_else_and_reaches_the_webhook() -> None:
    form = {"records": "users", "value": "user_id", "audience": "$.cohort_id", "status": "$.in_cohort"}
    connection_id = created(source={"format": "rows", "rows": form})
    shown = call("GET", f"/connections/{connection_id}").json["source"]["rows"]
    assert shown == form | {
        "namespace": "ups", "time": None, "realized": list(REALIZED), "exited": list(EXITED),
    }  # fmt: skip
    changed = call("PATCH", f"/connections/{connection_id}", {"source": {"rows": {"exited": ["gone"]}}})
    assert (changed.status, changed.json["source"]["rows"]) == (200, shown | {"exited": ["gone"]})
    ingress = ingresses().get(connection_id)
    assert ingress is not None
    assert ingress.rows == RowForm("users", "user_id", "$.cohort_id", status="$.in_cohort", exited=("gone",))


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ({"rows": {}}, "source.rows"),
        ({"format": "rows", "rows": {"value": "a["}}, "source.rows.value"),
        ({"format": "rows", "rows": {"realized": []}}, "source.rows.realized"),
        ({"format": "rows", "rows": {"exited": ["true"]}}, "source.rows.exited"),
        ({"admission": {"proof": "signature"}}, "source.admission.proof"),
        ({"admission": {"proof": "promise"}}, "source.admission.proof"),
        ({"admission": {"header": "X Api Key"}}, "source.admission.header"),
        ({"admission": {"header": "authorization"}}, "source.admission.header"),
        ({"admission": {"header": "Content-Type"}}, "source.admission.header"),
        ({"admission": {"query_parameter": "a&b"}}, "source.admission.query_parameter"),
        ({"on_rejected": "shrug"}, "source.on_rejected"),
        ({"on_delete_person": "erase"}, "source.on_delete_person"),
        ({"format": "No Name"}, "source.format"),
    ],
)
def test_what_is_no_way_in_is_refused(source: dict[str, object], path: str) -> None:
    answer = call("POST", "/connections", {**CREATE, "source": {"format": "aep", **source}})
    assert (answer.status, list(answer.errors)) == (422, [path])


def test_a_connection_whose_source_was_taken_away_says_so_and_all_else_of_it_can_be_changed(tmp_path: Path) -> None:
    code = "from destination.ingest.source import Source\nSOURCE = Source('pigeon', 'Pigeon post', lambda *_: None)"
    with installed(tmp_path, "pigeon", code):
        path = f"/connections/{created(source={'format': 'pigeon'})}"
    missing = {"source.format": f"must be a source of this stack: {', '.join(sorted(SOURCES))}"}
    for answer in (call("POST", f"{path}/checks", {"sample": {}}), call("POST", f"{path}/previews", {})):
        assert (answer.status, answer.errors) == (422, missing)
    assert call("PATCH", path, {"name": "Pigeons"}).status == 200
    refused = call("PATCH", path, {"source": {"format": "owl"}})
    assert (refused.status, refused.errors) == (422, missing)
