"""Nine incidents, each ended by what docs/operations.md prints for it and nothing else: commands, in a shell.

Somebody looks at what the command shows, finds the section that is about it, and runs its commands as they stand there.
In the end everybody is delivered or explained, and nothing waits. What is mended outside, in Marketo or on the way to
it, is mended by the test. Half a day of refusals is not waited for: what becomes of whoever has them is told in
tests/unit/delivery/test_poison.py, and here their letter is decided about.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from destination.domain.pause import Pause
from destination.domain.run import run_id
from destination.domain.times import format_time
from destination.store.leases import Leases
from functions.monitor import app as monitor
from marketo_simulator import Fault, Simulator
from testing import control_plane as plane
from testing.aws import Context
from testing.client import SECRET_VARIABLE, Stack, stack
from testing.control_plane import call
from testing.runbook import Terminal, incidents, sections

MUNCHKIN = "123-ABC-456"


@dataclass
class Operator:
    """Somebody with a terminal and docs/operations.md. `known`: what the variables of its commands stand for."""

    console: Stack
    id: str
    token: str
    known: dict[str, str] = field(default_factory=dict)

    def run(self, commands: str) -> str:
        """What commands print, in a shell that ends with the first that fails."""
        return Terminal(self.console.folder).run(commands, {"ID": self.id, **self.known})

    def ends(self, incident: str, seen: str) -> str:
        """Do what the section about what was seen prints for an incident."""
        return Terminal(self.console.folder).ends(incident, seen, {"ID": self.id, **self.known})

    def post(self, *people: str) -> None:
        assert self.console.running.post((self.id, self.token), *((who, "realized") for who in people)) == 202

    def deliver(self) -> None:
        """All that waits; what a list was made anew for comes back once."""
        assert not self.console.running.deliver() or not self.console.running.deliver()

    def overview(self) -> str:
        return self.console.done("overview")

    def hold(self) -> Mapping[str, Any]:
        found: Mapping[str, Any] = call("GET", f"/connections/{self.id}/parking").json["hold"]
        return found

    def assert_explained(self, *people: str, discarded: int = 0) -> None:
        """Everybody is on the list and counted once, and nothing waits any more."""
        waiting = call("GET", f"/connections/{self.id}/parking").json
        assert (waiting["hold"], waiting["events"], waiting["queued_since"]) == (None, 0, None)
        assert call("GET", f"/connections/{self.id}/letters").json["letters"] == []
        assert call("GET", "/dead-letters").json["dead_letters"] == []
        counted = {"received": 0, "activated": 0, "unchanged": 0, "excluded": 0, "failed": 0}
        for run in call("GET", f"/connections/{self.id}/runs").json["runs"]:
            counted = {name: number + _number(run[name]) for name, number in counted.items()}
        arrived = counted["activated"] + counted["unchanged"]
        assert (counted["received"], arrived) == (len(people), len(people))
        (spring,) = (one for one, name in plane.lists(self.console.marketo).items() if name == "Spring")
        assert self.console.running.members(spring) == set(people)


def _number(counted: Any) -> int:
    return int(counted["persons"] if isinstance(counted, dict) else counted)


@pytest.fixture(scope="module")
def marketo() -> Iterator[Simulator]:
    with plane.control_plane() as simulator:
        yield simulator


@pytest.fixture
def operator(marketo: Simulator, tmp_path: Path) -> Iterator[Operator]:
    """Of a connection that has delivered Zoe."""
    with stack(marketo, tmp_path) as console:
        marketo.seed({"partitions": [{"name": "EMEA"}]})
        token = console.token()
        (tmp_path / "token").unlink()
        made = Operator(console, str(console.connection()["id"]), token)
        made.post("zoe")
        made.deliver()
        yield made


def test_every_incident_is_ended_here() -> None:
    assert incidents().keys() == {*HELD, "person", "unreadable", "unreadable-still", "silence"}


# What holds all of a connection up


@dataclass(frozen=True)
class Held:
    """An incident: how it comes, the code and what of the connection it is about, how it is mended outside."""

    happens: Callable[[Operator], object]
    code: str
    about: str
    mended: Callable[[Operator], object] = lambda operator: operator.console.marketo.clear_faults()
    known: Mapping[str, str] = field(default_factory=dict)


def out_of_order(operator: Operator) -> None:
    """For some minutes by now: three pauses, each longer than the one before, are over.

    The connection was changed meanwhile, so that the first call describes Marketo's fields, which is of no kind that
    could fail alone.
    """
    operator.console.apply(f"id: {operator.id}\ndescription: changed\n")
    leases, now = Leases(plane.dynamodb(), "ConnectionsTable"), datetime.now(UTC)
    lease = leases.acquire(MUNCHKIN, now, now + timedelta(minutes=1))
    assert lease is not None
    leases.release(lease, lease.pace, Pause(now, "503", "503, as it was before", 3, now))
    refuses(operator, Fault("http", status=503, body="{}"))


def refuses(operator: Operator, fault: Fault) -> None:
    operator.console.marketo.script(replace(fault, path=fault.path or "^/rest/", every=1))


def make_secret_anew(operator: Operator) -> None:
    clients = operator.console.marketo.identity.clients
    clients["client"] = replace(clients["client"], client_secret="renewed")
    refuses(operator, Fault(code="601"))


def delete_list(operator: Operator) -> None:
    lists = operator.console.marketo.state.lists
    (spring,) = (one for one, name in plane.lists(operator.console.marketo).items() if name == "Spring")
    del lists[spring]


def lose_partition(operator: Operator) -> None:
    operator.console.apply(f"id: {operator.id}\npartition: EMEA\n")
    clients = operator.console.marketo.identity.clients
    clients["client"] = replace(clients["client"], partitions=("Default",))


def nothing(_: Operator) -> None:
    """It is mended by the commands alone."""


HELD = {
    "outage": Held(out_of_order, "503", "Marketo is not available"),
    "quota": Held(
        lambda operator: refuses(operator, Fault(code="607")),
        "607",
        "the instance's daily quota",
        known={"DAILY_CALLS": "45000"},
    ),
    "credentials": Held(
        make_secret_anew,
        "401",
        "the credentials",
        known={"MARKETO_CLIENT_ID": "client", SECRET_VARIABLE: "renewed"},
    ),
    "host": Held(lambda operator: refuses(operator, Fault("http", status=404, path="^/")), "404", MUNCHKIN),
    "list": Held(delete_list, "1013", "'Spring'", nothing, {"AUDIENCE": "aud-1", "NAME": "Spring"}),
    "partition": Held(lose_partition, "1008", "partition EMEA", nothing, {"PARTITION": "Default"}),
}


@pytest.mark.remedy("outage", "quota", "credentials", "host", "list", "partition")
@pytest.mark.remedy("give-credentials", "raise-quota", "check-host", "activate-again", "grant-permission", "resume")
@pytest.mark.remedy("the-calls-of-a-day-run-out", "events-wait-too-long")
@pytest.mark.parametrize("name", HELD)
def test_what_holds_a_connection_up_is_ended_by_its_section(operator: Operator, name: str) -> None:
    incident = HELD[name]
    incident.happens(operator)
    operator.post("ada", "bob")
    operator.deliver()
    hold = operator.hold()
    assert (hold["code"], incident.about in hold["cause"]) == (incident.code, True), hold
    seen = operator.overview()
    incident.mended(operator)
    operator.known |= incident.known

    operator.ends(name, seen)
    operator.deliver()
    monitor.handler({"time": format_time(datetime.now(UTC))}, Context())  # fills the list, if it is new
    operator.deliver()
    operator.assert_explained("zoe", "ada", "bob")


# One person, one message, no event


@pytest.mark.remedy("person", "correct-values", "letters-and-redrive")
def test_one_person_who_fails_is_explained_and_delivered_by_a_redrive(operator: Operator) -> None:
    operator.console.fail(operator.id, operator.token, "ada")
    operator.known["RUN"] = run_id(datetime.now(UTC))
    assert "letters: 1," in operator.overview()
    told = operator.ends("person", operator.console.done("letters", operator.id))
    assert "MARKETO_1003" in told
    operator.deliver()
    operator.assert_explained("zoe", "ada")


@pytest.mark.remedy("unreadable", "unreadable-still", "dead-letters")
def test_what_cannot_be_read_is_tried_again_and_then_taken_out(operator: Operator) -> None:
    operator.console.bury("no message")
    operator.post("ada")
    operator.deliver()
    assert operator.console.done("status").endswith("dead letters: 1\n")
    section = sections()["dead-letters"]
    assert all(incidents()[name] in section for name in ("unreadable", "unreadable-still"))
    assert "UNDECODABLE_MESSAGE" in operator.run(incidents()["unreadable"])
    operator.deliver()
    operator.run(incidents()["unreadable-still"])
    operator.assert_explained("zoe", "ada")


@pytest.mark.remedy("silence", "look-at-source")
def test_a_source_that_is_silent_is_told_from_a_webhook_that_does_not_answer(operator: Operator) -> None:
    assert call("POST", f"/connections/{operator.id}/ingest-token", {"grace": "PT0S"}).status == 201
    assert operator.console.running.post((operator.id, operator.token), ("ada", "realized")) == 401
    profile = {"email": "bob@example.org", "firstName": "bob", "lastName": "Lovelace"}
    event = {"profile": profile, "audiences": [{"id": "aud-1", "status": "realized"}]}
    (operator.console.folder / "event.json").write_text(json.dumps(event))
    seen = operator.console.done("alerts", operator.id, "--set", "no_events")

    assert "accepted 1, rejected 0" in operator.ends("silence", seen)
    operator.token = (operator.console.folder / "token").read_text().strip()
    operator.post("ada")
    operator.deliver()
    operator.assert_explained("zoe", "ada", "bob")
