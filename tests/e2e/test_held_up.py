"""What holds events up for long: they leave the queue, it is told why they wait, and mended they arrive at once.

All stories go on side by side, up to what each of them tells while its events wait; then each is mended by itself, by
the commands that docs/operations.md prints in the section about what the command shows, and nothing else. What is
mended in Marketo the test mends.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from contextlib import chdir
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from typer.testing import CliRunner

from destination.domain.parking import MAX_IN_QUEUE
from destination.domain.pause import Pause
from destination.domain.times import format_time, parse_time
from destination.marketo.budget import wait_for_reset
from destination.store.leases import Leases
from destination_client.context import wall_clock
from destination_client.main import app
from local import places
from testing.runbook import Terminal
from tests.e2e.system import CLIENT_ID, DELIVERY_SECONDS, Destination, System, profile, wait_for

AUDIENCE = "Webinar"
KNOWN, NEW = ["before@example.org"], ["ada@example.org", "bob@example.org", "carl@example.org"]
MINUTE = timedelta(minutes=1)
NOT_AGAIN_BY_ITSELF, WITHIN_MINUTES = None, (10 * MINUTE, 17 * MINUTE)
AT_THE_RESET = (5 * MINUTE, timedelta(hours=6, minutes=1))
BUSY_SECONDS = 4.0
OUTAGE = {"effect": "http", "status": 503, "body": "{}", "path": "^/rest/", "every": 1}


@dataclass(frozen=True, slots=True)
class Held:
    """A connection whose events wait: what its page tells, and its row in the overview of all connections.

    `known`: who was delivered before; `since`: the time before its cause came.
    """

    destination: Destination
    told: Mapping[str, Any]
    row: Mapping[str, Any]
    known: Sequence[str]
    since: datetime

    def waits_for(self, what: str, cause: str, until: tuple[timedelta, timedelta] | None) -> None:
        """What it tells is exact: all that was sent since, and nothing else, waits for this alone."""
        told, hold = self.told, self.told["hold"]
        assert (hold["waits_for"], told["events"]) == (what, len(NEW))
        assert cause in hold["cause"]
        assert self.since <= parse_time(hold["since"]) <= datetime.now(UTC)
        if until is None:
            assert hold["until"] is None
        else:
            earliest, latest = until
            assert earliest <= parse_time(hold["until"]) - self.since <= latest
        [parked] = told["parked"]
        assert (parked["waits_for"], parked["events"], parked["oldest_at"]) == (what, len(NEW), told["oldest_at"])
        assert self.since.replace(microsecond=0) <= parse_time(told["oldest_at"]) <= datetime.now(UTC)
        assert told["queued_since"] is None
        assert self.row["parking"]["hold"] == hold
        assert self.row["parking"]["events"] == len(NEW)

    def mend(self, terminal: Terminal, incident: str, **known: str) -> None:
        """Do what the section about what the command shows of the connection prints."""
        meant = {"ID": self.destination.id, **known}
        terminal.ends(incident, terminal.run('destination parking "$ID"', meant), meant)

    def arrives(self, *, is_filled: bool = False) -> None:
        """At once everybody is on the list, once, and counted once, and nothing waits any more.

        `is_filled`: whoever a fill put on the list first is unchanged by the event.
        """
        system, path = self.destination.system, f"/connections/{self.destination.id}"
        instance, everybody = self.destination.instance, sorted([*self.known, *NEW])

        def nothing_waits() -> dict[str, Any] | None:
            told: dict[str, Any] = system.call("GET", f"{path}/parking")
            return None if told["events"] or told["hold"] else told

        total = self.destination.accounted(len(everybody))
        assert total["received"] == total["created"] == len(everybody)
        by_fill = total.get("unchanged", 0)
        assert total["persons"] == total["added"] == len(everybody) - by_fill
        assert total.get("reasons", {}) == ({"ALREADY_DELIVERED": by_fill} if by_fill else {})
        assert not {"excluded", "failed", "ignored"} & total.keys()
        assert is_filled or not by_fill
        wait_for(lambda: instance.members(AUDIENCE) == everybody or None, DELIVERY_SECONDS, "all are on the list")
        assert instance.emails() == everybody
        told = wait_for(nothing_waits, DELIVERY_SECONDS, "nothing waits any more")
        assert told == {"hold": None, "events": 0, "oldest_at": None, "parked": [], "queued_since": None}
        assert system.call("GET", path)["status"] == "enabled"
        assert system.letters(self.destination.id) == {}


def patch(destination: Destination, changes: object) -> None:
    path = f"/connections/{destination.id}"
    etag = destination.system.request("GET", path).headers["ETag"]
    destination.system.call("PATCH", path, changes, If_Match=etag)


def pause(destination: Destination, code: str, failures: int, seconds: float) -> None:
    """What a turn leaves of the instance that was held up by a code, the so-manieth in a row."""
    leases = Leases(destination.system.aws("dynamodb"), destination.system.stack.tables["connections"])
    now = datetime.now(UTC)
    lease = leases.acquire(destination.instance.munchkin_id, now, now + MINUTE)
    assert lease is not None
    until = now + timedelta(seconds=seconds)
    leases.release(lease, lease.pace, Pause(until, code, f"{code}, as it was scripted", failures, now))


def out_of_order(destination: Destination) -> None:
    """Marketo is out of order, for some minutes by now: three pauses, each longer than the one before, are over.

    Nothing was delivered before: its first call describes Marketo's fields, which is of no kind that could fail alone.
    """
    destination.instance.script(OUTAGE)
    pause(destination, "503", failures=3, seconds=0)


def busy(destination: Destination) -> None:
    """Marketo has too many calls under way for now, so that what comes is still on its way a moment later."""
    pause(destination, "615", failures=1, seconds=BUSY_SECONDS)


def revoked(destination: Destination) -> None:
    """The service of the API user was made anew: its secret is another, and tokens of the old one are taken no more."""
    instance = destination.instance
    instance.seed(clients=[{"client_id": CLIENT_ID, "client_secret": renewed(destination), "user": "e2e@example.com"}])
    instance.script({"code": "601", "path": "^/rest/", "every": 1})


def renewed(destination: Destination) -> str:
    """The secret that the API user has by now."""
    secret = f"{destination.instance.client_secret}-renewed"
    destination.system.secrets.add(secret)
    return secret


def used_up(destination: Destination) -> None:
    """The share of the day's calls that the connection may use is used up: enabling it took as many.

    Within minutes of Marketo's reset nothing is parked for that, so that it is then as an hour before.
    """
    patch(destination, {"limits": {"daily_calls": 1}})
    if wait_for_reset(datetime.now(UTC)) <= MAX_IN_QUEUE + MINUTE:
        pause(destination, "BUDGET_REACHED", failures=1, seconds=3600)


def without_list(destination: Destination) -> None:
    """Somebody deletes the list in Marketo."""
    instance = destination.instance
    [list_id] = [one["id"] for one in instance.control("GET", "dump")["lists"] if one["name"] == AUDIENCE]
    instance.rest("POST", f"asset/v1/staticList/{list_id}/delete.json")


CAUSES: dict[str, Callable[[Destination], None]] = {
    "outage": out_of_order,
    "credentials": revoked,
    "quota": used_up,
    "list": without_list,
    "disabled": busy,
}


@pytest.fixture(scope="module")
def held(system: System) -> dict[str, Held]:
    """By its cause a connection that delivered, and whose later events are parked."""
    made = {cause: system.connect(system.instance(), AUDIENCE, name=cause) for cause in CAUSES}
    known = {cause: [] if cause == "outage" else KNOWN for cause in made}
    since = {}
    for cause, destination in made.items():
        if known[cause]:
            destination.post([profile(email, AUDIENCE) for email in known[cause]])
    for cause, destination in made.items():
        destination.accounted(len(known[cause]))
        since[cause] = datetime.now(UTC)
        CAUSES[cause](destination)
        destination.post([profile(email, AUDIENCE) for email in NEW])
    system.call("POST", f"/connections/{made['disabled'].id}/disable")

    def parked(destination: Destination) -> Callable[[], dict[str, Any] | None]:
        def told() -> dict[str, Any] | None:
            answer: dict[str, Any] = system.call("GET", f"/connections/{destination.id}/parking")
            return answer if answer["events"] and answer["hold"] and not answer["queued_since"] else None

        return told

    told = {cause: wait_for(parked(one), DELIVERY_SECONDS, f"parked: {cause}") for cause, one in made.items()}
    with chdir(places.ROOT):
        status = CliRunner().invoke(app, ["--local", "status", "--json"], obj=wall_clock)
    assert status.exit_code == 0, status.output
    rows = {one["id"]: one for one in json.loads(status.stdout)["connections"]}
    return {cause: Held(one, told[cause], rows[one.id], known[cause], since[cause]) for cause, one in made.items()}


@pytest.mark.remedy("outage", "resume", "events-wait-too-long")
def test_an_outage_is_tried_at_once_by_a_resume(held: dict[str, Held], terminal: Terminal) -> None:
    outage = held["outage"]
    outage.waits_for("paused", "503", (6 * MINUTE, 10 * MINUTE))
    outage.destination.instance.control("DELETE", "faults")
    outage.mend(terminal, "outage")
    outage.arrives()


@pytest.mark.remedy("credentials", "give-credentials")
def test_new_credentials_end_the_wait_for_them(held: dict[str, Held], terminal: Terminal) -> None:
    credentials = held["credentials"]
    credentials.waits_for("blocked", "401", WITHIN_MINUTES)
    assert "Marketo does not accept the credentials" in credentials.told["hold"]["cause"]
    # Whoever has the new secret gets a token that is taken.
    credentials.destination.instance.control("DELETE", "faults")
    secret = renewed(credentials.destination)
    credentials.mend(terminal, "credentials", MARKETO_CLIENT_ID=CLIENT_ID, MARKETO_CLIENT_SECRET=secret)
    credentials.arrives()


@pytest.mark.remedy("quota", "raise-quota", "the-calls-of-a-day-run-out")
def test_a_higher_limit_ends_the_wait_for_the_quota(held: dict[str, Held], terminal: Terminal) -> None:
    quota = held["quota"]
    quota.waits_for("paused", "BUDGET_REACHED", AT_THE_RESET)
    quota.mend(terminal, "quota", DAILY_CALLS="40000")
    quota.arrives()


@pytest.mark.remedy("list", "activate-again")
def test_an_audience_that_is_activated_again_ends_the_wait_for_its_list(
    held: dict[str, Held], terminal: Terminal
) -> None:
    gone = held["list"]
    gone.waits_for("blocked", "1013", WITHIN_MINUTES)
    assert AUDIENCE in gone.told["hold"]["cause"]
    assert "Activate the audience again" in gone.told["hold"]["remedy"]
    gone.mend(terminal, "list", AUDIENCE=AUDIENCE, NAME=AUDIENCE)
    system, instance = gone.destination.system, gone.destination.instance
    wait_for(lambda: instance.lists().get(AUDIENCE) or None, DELIVERY_SECONDS, "there is a list with those who waited")
    run = {
        "FunctionName": system.stack.functions["monitor"],
        "Payload": json.dumps({"time": format_time(wall_clock())}),
    }
    assert "FunctionError" not in system.aws("lambda").invoke(**run)  # it fills the list, and nobody waits for it here
    gone.arrives(is_filled=True)


def test_a_connection_that_is_enabled_again_ends_the_wait(held: dict[str, Held]) -> None:
    paused = held["disabled"]
    paused.waits_for("disabled", "disabled", NOT_AGAIN_BY_ITSELF)
    paused.destination.system.call("POST", f"/connections/{paused.destination.id}/enable")
    paused.arrives()
