"""What holds a connection up is told the same wherever somebody looks: since when, why, until when, what to do."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from destination.domain.alert import Alert, AlertState, AlertStatus
from destination.domain.alert_message import AlertMessage
from destination.domain.parking import RETRY_BLOCKED, hold_of
from destination.domain.pause import Pause
from destination.domain.remedy import Remedy
from destination.domain.situation import Situation, Surroundings, evidence_of
from destination.domain.times import format_time
from destination.store.leases import Leases
from testing import control_plane as plane
from testing.client import Stack, stack
from testing.control_plane import call, stored

MUNCHKIN = "123-ABC-456"
NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Cause:
    """Why, with the code and the name of what it is about; what to do; for how long it is waited at most."""

    code: str | None
    why: str
    remedies: tuple[Remedy, ...]
    wait: timedelta | None = RETRY_BLOCKED


BLOCKS = {
    "permission": Cause("603", "603: access denied: the API user's role", (Remedy.GRANT_PERMISSION, Remedy.TRY_AGAIN)),
    "partition": Cause("1008", "1008: denied: partition EMEA", (Remedy.CHOOSE_PARTITION, Remedy.TRY_AGAIN)),
    "list": Cause("1013", "1013: Marketo has no list 'Spring' (7)", (Remedy.ACTIVATE_AGAIN, Remedy.TRY_AGAIN)),
    "host": Cause("302", f"302: not found: Munchkin ID {MUNCHKIN}", (Remedy.CHECK_HOST, Remedy.TRY_AGAIN)),
    "field": Cause("1011", "1011: not searchable: field key", (Remedy.MAKE_SEARCHABLE, Remedy.TRY_AGAIN)),
    "secret": Cause("NO_CREDENTIALS", "NO_CREDENTIALS: there are none", (Remedy.GIVE_CREDENTIALS, Remedy.TRY_AGAIN)),
    "unlisted": Cause("1999", "1999: an undocumented code", (Remedy.MEND_CAUSE, Remedy.TRY_AGAIN)),
}
PAUSES = {
    "quota": Cause("607", "look up: 607, the quota is used up", (Remedy.RAISE_QUOTA, Remedy.RESUME), HOUR),
    "outage": Cause("503", "look up: 503, Marketo is not available", (Remedy.RESUME,), HOUR),
}
DISABLED = {"disabled": Cause(None, "the connection is disabled", (Remedy.ENABLE,), None)}
CAUSES = BLOCKS | PAUSES | DISABLED


@dataclass(frozen=True)
class Held:
    """A connection that is held up by a cause."""

    console: Stack
    id: str
    cause: Cause

    def alert(self) -> str:
        """What people and programs are told by an alert, together."""
        pause = Leases(plane.dynamodb(), "ConnectionsTable").pause(MUNCHKIN)
        around = Surroundings(hold_of(stored(self.id), pause, NOW))
        evidence = evidence_of(Alert.DELIVERY_DELAY, Situation(delivers=True), around, NOW, str)
        state = AlertState(Alert.DELIVERY_DELAY, AlertStatus.TRIGGERED, NOW, 901.0, 900.0, 1, evidence)
        told = AlertMessage.of(stored(self.id), state)
        assert all(one in told.text for one in (self.cause.why, told.detail["remedy"]))
        return json.dumps(told.detail, ensure_ascii=False)

    def look_up(self) -> str:
        return call("POST", f"/connections/{self.id}/people/lookups", {"value": "ada@example.org"}).text


SURFACES: dict[str, Callable[[Held], str]] = {
    "GET /overview": lambda _: call("GET", "/overview").text,
    "GET /connections": lambda _: call("GET", "/connections").text,
    "GET /connections/{id}": lambda held: call("GET", f"/connections/{held.id}").text,
    "GET /connections/{id}/parking": lambda held: call("GET", f"/connections/{held.id}/parking").text,
    "POST /connections/{id}/people/lookups": Held.look_up,
    "an alert": Held.alert,
    "destination overview": lambda held: held.console.done("overview"),
    "destination status": lambda held: held.console.done("status"),
    "destination parking": lambda held: held.console.done("parking", held.id),
    "destination show": lambda held: held.console.done("show", held.id),
}


@pytest.fixture(scope="module", params=CAUSES)
def held(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Held]:
    cause = CAUSES[request.param]
    with plane.control_plane() as marketo, stack(marketo, tmp_path_factory.mktemp("folder")) as console:
        console.apply()
        connection_id = str(console.connection()["id"])
        if request.param in BLOCKS:
            plane.delivering().block(connection_id, cause.why, NOW)
        elif cause.wait is not None and cause.code is not None:
            leases = Leases(plane.dynamodb(), "ConnectionsTable")
            lease = leases.acquire(MUNCHKIN, NOW + HOUR, NOW + 2 * HOUR)
            assert lease is not None
            leases.release(lease, lease.pace, Pause(NOW + cause.wait, cause.code, cause.why, 1, NOW))
        else:
            console.done("disable", connection_id)
        yield Held(console, connection_id, cause)


@pytest.mark.parametrize("surface", SURFACES)
def test_it_is_told_since_when_why_until_when_and_what_to_do(held: Held, surface: str) -> None:
    since = stored(held.id).held_since or NOW
    told, cause = SURFACES[surface](held), held.cause
    assert cause.why in told
    assert format_time(since)[:19] in told
    assert cause.wait is None or format_time(NOW + cause.wait) in told
    assert " ".join(one.says for one in cause.remedies) in told


def test_codes_are_told_apart_from_sentences(held: Held) -> None:
    assert call("GET", f"/connections/{held.id}").json["hold"]["code"] == held.cause.code
