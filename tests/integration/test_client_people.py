"""The command for one person: its page, and that the value can stay out of the shell's history."""

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.letter import Letter, LetterBundle
from destination.domain.parking import Bundle, WaitsFor
from destination.queue import encode_event, pack
from destination.store.letters import Letters
from destination.store.parking import Parking
from marketo_simulator import Fault, Simulator
from testing import control_plane as plane
from testing.client import Stack, stack

ADA = "ada@example.org"
NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def console(marketo: Simulator, tmp_path: Path) -> Iterator[Stack]:
    with stack(marketo, tmp_path) as standing:
        standing.apply()
        marketo.seed(
            {
                "partitions": [{"name": "EMEA"}],
                "leads": [
                    {
                        "id": 7,
                        "email": ADA,
                        "firstName": "Ada",
                        "partition": "EMEA",
                        "updatedAt": "2026-11-20T08:30:00Z",
                    },
                    {"id": 123456789, "email": ADA, "firstName": "Augusta", "updatedAt": "2026-11-21T08:30:00Z"},
                ],
            }
        )
        yield standing


def connection(console: Stack) -> str:
    return str(console.connection()["id"])


def message(connection_id: str) -> str:
    """An event of Ada, who entered the first audience."""
    entered = Membership(AudienceKey("ups", "aud-1"), MembershipStatus.REALIZED, NOW)
    event = ProfileEvent(NOW, {"email": ADA, "firstName": "Ada", "lastName": "Lovelace"}, {}, (entered,), NOW)
    [(_, body)] = pack(connection_id, NOW, [encode_event(event)], envelope_id=uuid.uuid4().hex)
    return body


def wait_and_fail(connection_id: str) -> None:
    """One event is parked, and one is a letter."""
    body = message(connection_id)
    parked = Bundle(connection_id, WaitsFor.REFUSED, NOW, NOW, 1, len(body), uuid.uuid4().hex)
    Parking(plane.s3(), "bucket").put(parked, [body])
    letter = Letter(message(connection_id), "MARKETO_1003", NOW, 1)
    bundle = LetterBundle.of(connection_id, [letter], NOW, uuid.uuid4().hex)
    Letters(plane.s3(), "bucket").put(bundle, [letter.body])


def test_a_page_tells_what_there_is_of_a_person(console: Stack) -> None:
    made = connection(console)
    wait_and_fail(made)
    shown = console.done("people", made, ADA)
    lines = shown.splitlines()
    assert "leads in Marketo: 2" in lines
    assert "  123456789 in Default, updated 2026-11-21T08:30:00Z, the person" in lines
    assert "  7 in EMEA, updated 2026-11-20T08:30:00Z" in lines
    assert "audience Spring (aud-1): nothing_said" in lines
    assert "  not on list" not in shown
    assert "parked (refused), received 2026-11-21T10:30:00Z, due 2026-11-21T10:30:00Z" in lines
    assert "failed 2026-11-21T10:30:00Z: MARKETO_1003, received 2026-11-21T10:30:00Z" in lines
    expires = NOW + timedelta(days=28)
    assert f"  kept until {expires:%Y-%m-%dT%H:%M:%SZ}; destination redrive delivers it again" in lines
    assert "waiting: 2 events of the person" in lines
    assert "next (what is parked)" in lines
    [list_id] = [number for number, name in plane.lists(console.marketo).items() if name == "Spring"]
    assert f"Lead 123456789 would be updated and put on Spring (list {list_id})." in " ".join(shown.split())
    assert max(map(len, lines)) <= 80
    assert ADA not in shown


def test_the_value_comes_from_standard_input_where_it_is_in_no_history(console: Stack) -> None:
    made = connection(console)
    asked = console.run("people", made, "-", "--json", answer=f"  {ADA}\nanother line\n")
    assert asked.exit_code == 0, asked.output
    assert json.loads(asked.stdout)["lead_count"] == 2
    nothing = console.run("people", made, "-", answer="")
    assert (nothing.exit_code, "Standard input is empty" in nothing.stderr) == (1, True)


def test_values_are_shown_where_they_are_asked_for(console: Stack) -> None:
    made = connection(console)
    assert "Augusta" not in console.done("people", made, ADA)
    lines = console.done("people", made, ADA, "--profile").splitlines()
    assert "    firstName: Augusta" in lines
    assert "    lastName: -" in lines


def test_a_value_is_one_line_and_writes_nothing_to_the_terminal(console: Stack) -> None:
    """Whoever fills in a form at Marketo chooses it: ESC and CSI begin what terminals obey (ECMA-48, 5.4)."""
    made = connection(console)
    typed = "Ada\x1b[2J\x9b31m\n  9 in EMEA, updated now, the person"
    console.marketo.seed({"leads": [{"id": 8, "email": "eve@example.org", "firstName": typed}]})
    shown = console.done("people", made, "eve@example.org", "--profile")
    assert not {"\x1b", "\x9b"} & set(shown)
    [line] = [one for one in shown.splitlines() if "firstName" in one]
    assert line.endswith("the person")
    as_json = console.done("people", made, "eve@example.org", "--profile", "--json")
    assert not {"\x1b", "\x9b"} & set(as_json)
    assert json.loads(as_json)["leads"][0]["values"]["firstName"] == typed


def test_json_is_the_answer_as_it_came(console: Stack) -> None:
    made = connection(console)
    shown = json.loads(console.done("people", made, ADA, "--source", "email", "--json"))
    answer = plane.call("POST", f"/connections/{made}/people/lookups", {"value": ADA})
    assert shown == answer.json


def test_a_value_that_leads_to_nobody_is_refused_with_what_to_do(console: Stack) -> None:
    said = console.refused("people", connection(console), "Ada", "--source", "surname")
    assert "source: must be one of those that the mapping reads: email, firstName, lastName" in said


def test_what_marketo_does_not_answer_is_said_and_the_rest_is_told(console: Stack) -> None:
    made = connection(console)
    wait_and_fail(made)
    console.marketo.script(Fault("error", "713", every=1))
    shown = console.done("people", made, ADA)
    assert "Marketo: describe leads: 713" in shown
    assert "leads in Marketo" not in shown
    assert "waiting: 2 events of the person" in shown
