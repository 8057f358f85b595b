"""Configurations that are refused, each with the property that is at fault and the sentence that says how to fix it.

That each is taken once somebody does what the sentence says is shown in tests/unit/test_mended_configurations.py.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from destination.composition.connections import paces
from marketo_simulator import Simulator
from testing.bad_configurations import DEDUPE, FIRST, LAST, Case, changed, mapping
from testing.bad_configurations.audiences import AUDIENCE, AUDIENCES
from testing.bad_configurations.connections import CONNECTIONS
from testing.bad_configurations.instances import INSTANCE, MARKETO
from testing.control_plane import CREATE, call, control_plane, created, fresh, items, stored


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


TOO_LONG: Case = ({"limits": {"daily_calls": 10**4000}}, "limits.daily_calls", "must be a whole number")
"""A number that JSON can have, and that is not read as one."""


@pytest.mark.parametrize(("change", "path", "message"), [*CONNECTIONS, TOO_LONG])
def test_a_connection_that_breaks_a_rule_is_not_created(change: Mapping[str, Any], path: str, message: str) -> None:
    before = items()
    answer = call("POST", "/connections", changed(CREATE, change))
    assert (answer.status, answer.json["type"]) == (422, "urn:marketo-destination:problem:invalid")
    assert answer.json["errors"] == [{"path": path, "message": message}]
    assert items() == before


@pytest.mark.parametrize(("change", "path", "message"), AUDIENCES)
def test_an_audience_that_breaks_a_rule_is_not_activated(
    activating: str, change: Mapping[str, Any], path: str, message: str
) -> None:
    answer = call("POST", f"/connections/{activating}/audiences", changed(AUDIENCE, change))
    assert (answer.status, answer.json["type"]) == (422, "urn:marketo-destination:problem:invalid")
    assert answer.json["errors"] == [{"path": path, "message": message}]
    assert call("GET", f"/connections/{activating}/audiences").json == {"audiences": []}


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
