"""Incidents of one person and of one source on the deployed stack, ended by what docs/operations.md prints for them.

Those that hold a connection up are in test_held_up.py; all nine are in tests/integration/test_incidents.py.
"""

import json

import pytest

from testing.runbook import Terminal
from tests.e2e.system import DELIVERY_SECONDS, System, profile, wait_for

AUDIENCE = "Incidents"
ADA, BOB = "ada@incidents.example", "bob@incidents.example"


@pytest.mark.remedy("person", "correct-values", "letters-and-redrive")
def test_one_person_whom_marketo_refuses_is_explained_and_delivered_by_a_redrive(
    system: System, terminal: Terminal
) -> None:
    instance = system.instance()
    destination = system.connect(instance, AUDIENCE)
    instance.script({"effect": "skip", "code": "1003", "path": "^/rest/v1/leads.json$", "times": 2, "records": [0]})
    destination.post([profile(ADA, AUDIENCE)])
    wait_for(lambda: system.letters(destination.id) or None, DELIVERY_SECONDS, "there is a letter")

    run = destination.runs()[0]["id"]
    known = {"ID": destination.id, "RUN": run}
    told = terminal.ends("person", terminal.run('destination letters "$ID"', known), known)
    assert "MARKETO_1003" in told
    assert destination.made_good()["created"] == 1
    assert instance.members(AUDIENCE) == [ADA]
    assert system.letters(destination.id) == {}


@pytest.mark.remedy("silence", "look-at-source")
def test_the_webhook_is_tried_with_an_event_and_a_token_of_ones_own(system: System, terminal: Terminal) -> None:
    destination = system.connect(system.instance(), AUDIENCE)
    (terminal.folder / "event.json").write_text(json.dumps(profile(BOB, AUDIENCE)))
    known = {"ID": destination.id}
    seen = terminal.run('destination alerts "$ID" --set no_events', known)
    assert "accepted 1, rejected 0" in terminal.ends("silence", seen, known)
    given = (terminal.folder / "token").read_text().strip()
    system.secrets.add(given)
    assert destination.accounted(1)["created"] == 1
    for token in (given, destination.token):
        assert system.send(destination.id, token, profile(BOB, AUDIENCE)).status_code == 202
