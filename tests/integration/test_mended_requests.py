"""Whoever is refused by the control plane, and does what is said, is answered: each rule of its calls.

The rules of configurations by themselves are in tests/unit/test_mended_configurations.py. Here is what the calls
refuse beside them, over HTTP, so that what the domain says and what the interface takes cannot disagree.
"""

from collections.abc import Mapping
from typing import Any

import pytest

from destination.api import problems
from destination.control import audit, choices, files, labels, people, recipients, runs, verifications
from destination.domain import file_form, governance, policy, recipient
from destination.domain.migration import draft, export
from marketo_simulator import Simulator
from testing.bad_configurations import changed
from testing.bad_configurations.asking import Asked, Asker
from testing.bad_configurations.governing import GOVERNED, VIOLATED
from testing.bad_configurations.requests import CONFIGURED, REFUSED
from testing.bad_configurations.rules import untried
from testing.bad_configurations.unread import UNREAD
from testing.control_plane import fresh
from testing.template import ROOT

MODULES = (
    *(policy, recipient, file_form, governance, draft, export),
    *(audit, choices, files, labels, people, recipients, runs, verifications),
)
"""Those with the rules of calls."""

DONE_ELSEWHERE: Mapping[str, tuple[str, str]] = {
    "ManageFiles.approve": ("integration/test_files.py", "it is completed, and waits for nobody's yes"),
}
"""Rules that nothing is to be done about, or not by a call alone: by the function, the tests, and what stands there."""

UNREACHED = {"tuple_type", "recursion_loop", "model_type"}
"""Of values that no request in JSON can have: they are asked of what is given by other code."""

RULES = [(asked, *case) for asked, cases in (*REFUSED, *GOVERNED) for case in cases]
EXAMPLES = [*RULES, *((asked, *case) for asked, cases in (*CONFIGURED, *UNREAD) for case in cases)]


@pytest.mark.parametrize(("asked", "change", "path", "message"), EXAMPLES)
def test_whoever_does_what_is_said_is_answered(
    marketo: Simulator, asked: Asked, change: Mapping[str, Any], path: str, message: str
) -> None:
    caller = Asker(asked, asked.prepared(marketo))
    first, *_, last = caller.answers(changed(asked.good, change))
    assert (list(first), list(last)) == ([(path, message)], [])


@pytest.mark.parametrize(("asked", "change", "errors"), VIOLATED)
def test_a_violation_is_mended_at_each_place_and_in_each_way_that_is_named(
    control_plane_marketo: Simulator, asked: Asked, change: Mapping[str, Any], errors: Mapping[str, str]
) -> None:
    for path, way in ((path, way) for path, sentence in errors.items() for way in sentence.split("; or, ")):
        with fresh(control_plane_marketo):
            caller = Asker(asked, asked.prepared(control_plane_marketo))
            body = changed(asked.good, change)
            told = {one: sentence.replace("{connection}", caller.connection_id) for one, sentence in errors.items()}
            assert dict(caller.errors(body)) == told
            again = caller.followed(body, [(path, way)])
            assert again is None or list(caller.answers(again))[-1] == [], (path, way)


def test_every_rule_is_broken_by_an_example(control_plane_marketo: Simulator, monkeypatch: pytest.MonkeyPatch) -> None:
    broken: dict[str, tuple[Asked, list[Mapping[str, Any]]]] = {}
    cases = [(asked, change) for asked, change, *_ in RULES] + [(asked, change) for asked, change, _ in VIOLATED]
    for asked, change in cases:
        broken.setdefault(repr(asked), (asked, []))[1].append(change)

    def tried() -> None:
        for asked, changes in broken.values():
            with fresh(control_plane_marketo):
                caller = Asker(asked, asked.prepared(control_plane_marketo))
                for change in changes:
                    caller.errors(changed(asked.good, change))

    found = untried(MODULES, DONE_ELSEWHERE, tried, monkeypatch)
    assert not found, "\n".join(found)


def test_every_way_in_which_a_property_is_wrong_by_itself_is_said_of_an_example(
    control_plane_marketo: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: set[str] = set()
    message = problems._message

    def told(kind: str, context: Mapping[str, Any]) -> str:
        said.add(kind)
        return message(kind, context)

    monkeypatch.setattr(problems, "_message", told)
    for asked, cases in UNREAD:
        with fresh(control_plane_marketo):
            caller = Asker(asked, asked.prepared(control_plane_marketo))
            for change, *_ in cases:
                caller.errors(changed(asked.good, change))
    assert said >= problems._MESSAGES.keys() - UNREACHED
    assert not said & UNREACHED


@pytest.mark.parametrize(("file", "told"), DONE_ELSEWHERE.values())
def test_what_is_done_elsewhere_is_done_there(file: str, told: str) -> None:
    assert told in (ROOT / "tests" / file).read_text()
