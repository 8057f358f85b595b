"""The checks that enabling makes, and each change of what is enabled."""

from collections.abc import Mapping
from datetime import UTC, datetime

import pytest

from marketo_simulator import Fault, Simulator
from testing.checks import ROWS, of_role
from testing.control_plane import (
    ApiAnswer,
    activated,
    call,
    created,
    credentials,
    delivering,
    stored,
)


def enabled(connection_id: str) -> ApiAnswer:
    return call("POST", f"/connections/{connection_id}/enable")


@pytest.mark.parametrize(
    ("changes", "path"),
    [
        ({"mapping": [*ROWS, {"source": "x", "target": "leadScroe"}]}, "mapping[3].target"),
        ({"mapping": [*ROWS, {"source": "x", "target": "createdAt"}]}, "mapping[3].target"),
        (
            {"mapping": [*ROWS, {"source": "x", "target": "leadScore", "source_type": "boolean"}]},
            "mapping[3].source_type",
        ),
        ({"dedupe_field": "title", "mapping": [*ROWS, {"source": "e", "target": "email"}]}, "dedupe_field"),
        ({"partition": "APAC"}, "partition"),
    ],
)
def test_a_connection_that_does_not_fit_is_not_enabled(changes: Mapping[str, object], path: str) -> None:
    connection_id = created(**changes)
    activated(connection_id)
    answer = enabled(connection_id)
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:checks-failed")
    assert answer.errors.keys() == {path}
    assert stored(connection_id).status == "draft"


def test_a_missing_permission_keeps_a_connection_from_being_enabled(marketo: Simulator) -> None:
    connection_id = of_role(marketo, "Read-Only Lead", "Read-Write Assets")
    activated(connection_id)
    answer = enabled(connection_id)
    assert answer.status == 409
    assert answer.errors.keys() == {"checks.write_leads"}
    assert "Edit Person" in answer.errors["checks.write_leads"]


def test_a_used_up_quota_does_not_keep_a_connection_from_taking_events() -> None:
    connection_id = created(limits={"daily_calls": 1})
    activated(connection_id)
    assert enabled(connection_id).json["status"] == "enabled"


def test_a_marketo_that_does_not_answer_is_to_be_tried_again(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    marketo.script(Fault(code="608", path="^/rest", every=1))
    answer = enabled(connection_id)
    assert (answer.status, answer.json["type"]) == (503, "urn:marketo-destination:problem:marketo-unavailable")
    assert "Retry-After" in answer.headers
    assert stored(connection_id).status == "draft"


def test_an_enabled_connection_is_not_checked_again(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    enabled(connection_id)
    calls = len(marketo.log())
    assert enabled(connection_id).status == 200
    assert len(marketo.log()) == calls


CHANGES: list[tuple[Mapping[str, object], str]] = [
    ({"mapping": [*ROWS, {"source": "x", "target": "leadScroe"}]}, "mapping[3].target"),
    ({"dedupe_field": "phone", "mapping": [*ROWS, {"source": "e", "target": "email"}]}, "dedupe_field"),
    ({"partition": "APAC"}, "partition"),
    ({"workspace": "Nowhere"}, "workspace"),
]


@pytest.mark.parametrize("status", ["enabled", "blocked"])
@pytest.mark.parametrize(("patch", "path"), CHANGES)
def test_an_enabled_connection_keeps_fitting_marketo(status: str, patch: Mapping[str, object], path: str) -> None:
    connection_id = created(scope="all_profiles")
    enabled(connection_id)
    if status == "blocked":
        delivering().block(connection_id, "603: access denied", datetime.now(UTC))
    before = stored(connection_id)
    answer = call("PATCH", f"/connections/{connection_id}", patch)
    assert (answer.status, answer.json["type"]) == (409, "urn:marketo-destination:problem:checks-failed")
    assert answer.errors.keys() == {path}
    assert stored(connection_id) == before


@pytest.mark.parametrize(("patch", "path"), CHANGES)
def test_a_disabled_connection_is_free(marketo: Simulator, patch: Mapping[str, object], path: str) -> None:
    connection_id = created(scope="all_profiles")
    enabled(connection_id)
    call("POST", f"/connections/{connection_id}/disable")
    calls = len(marketo.log())
    assert call("PATCH", f"/connections/{connection_id}", patch).status == 200
    assert len(marketo.log()) == calls
    assert enabled(connection_id).errors.keys() == {path}


def test_a_change_that_marketo_has_no_part_in_asks_nothing(marketo: Simulator) -> None:
    connection_id = created()
    activated(connection_id)
    enabled(connection_id)
    calls = len(marketo.log())
    assert call("PATCH", f"/connections/{connection_id}", {"name": "Renamed"}).status == 200
    assert len(marketo.log()) == calls


def test_credentials_that_marketo_does_not_accept_do_not_replace_those_of_an_enabled_connection() -> None:
    connection_id = created()
    activated(connection_id)
    enabled(connection_id)
    before = credentials(connection_id)
    wrong = {"client_id": "client", "client_secret": "wrong"}
    answer = call("PATCH", f"/connections/{connection_id}", {"credentials": wrong})
    assert (answer.status, set(answer.errors)) == (409, {"checks.credentials"})
    assert credentials(connection_id) == before


def test_a_good_change_of_an_enabled_connection_is_stored() -> None:
    connection_id = created()
    activated(connection_id)
    enabled(connection_id)
    rows = [*ROWS, {"source": "company.name", "target": "company", "source_type": "string"}]
    assert call("PUT", f"/connections/{connection_id}/mapping", rows).status == 200
    assert stored(connection_id).mapping[3].source_type == "string"
