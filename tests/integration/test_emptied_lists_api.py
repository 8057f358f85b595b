"""A list that is emptied when its audience is deactivated: of those alone whom the connection put on it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from destination.composition import connections as composition
from destination.composition import stores
from destination.domain.audience import ANY_NAMESPACE, AudienceKey
from destination.domain.pause import Pause
from destination.domain.person import Applied, LedgerRow
from destination.domain.times import EPOCH
from destination.store.ledger import entries_of
from marketo_simulator import Fault, Simulator
from testing.control_plane import (
    AUD_1,
    ApiAnswer,
    activated,
    audience_path,
    audiences,
    call,
    created,
)
from testing.persons import in_audience

pytestmark = pytest.mark.usefixtures("marketo")


def filled(marketo: Simulator, people: int = 3) -> str:
    """A connection whose audience has list 4711, with people whom deliveries put there and two whom others did."""
    everybody = (*range(1, people + 1), 9001, 9002)
    leads = [{"id": number, "email": f"{number}@example.org"} for number in everybody]
    hand_made = {"name": "Hand-made", "id": 4711, "workspace": "Default", "members": everybody}
    marketo.seed({"leads": leads, "lists": [hand_made]})
    connection_id = created()
    activated(connection_id, list={"id": 4711})
    activated(connection_id, id="other", name="Other")
    in_both = {AudienceKey(ANY_NAMESPACE, name): in_audience() for name in ("aud-1", "other")}
    rows = {
        f"person#{number:063x}0": LedgerRow(in_both, {one: Applied(4711, (number,)) for one in in_both}, lead_id=number)
        for number in range(1, people + 1)
    }
    now = datetime.now(UTC)
    leases = stores.leases(composition.settings())
    lease = leases.acquire("123-ABC-456", now, now + timedelta(minutes=5))
    assert lease is not None
    [entry] = entries_of(rows)
    leases.enter(lease, [entry.shard])
    composition.ledger().record(connection_id, entry, lease, now)
    leases.release(lease, lease.pace, lease.pause)
    return connection_id


def members(marketo: Simulator) -> set[int]:
    dumped: Any = marketo.dump()["lists"]
    return {member for one in dumped for member in one["members"]}


def in_ledger(connection_id: str, audience_id: str) -> int:
    """How many people the ledger says were put on the audience's list and not taken off."""
    audience = AudienceKey(ANY_NAMESPACE, audience_id)
    page = composition.ledger().pages(connection_id, {audience: EPOCH})
    found = sum(bool(row.applied[audience].leads) for _, row in page.rows)
    while page.cursor is not None:
        page = composition.ledger().pages(connection_id, {audience: EPOCH}, page.cursor)
        found += sum(bool(row.applied[audience].leads) for _, row in page.rows)
    return found


def emptied(connection_id: str) -> ApiAnswer:
    return call("DELETE", audience_path(connection_id, "aud-1"), query={"list": "empty"})


def test_a_list_is_emptied_of_those_whom_deliveries_put_on_it_in_as_many_calls_as_it_takes(
    marketo: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("destination.control.emptying.CHUNK", 3)
    connection_id = filled(marketo, people=5)
    marketo.script(Fault(effect="error", code="608", method="DELETE", path=r"/rest/v1/lists/\d+/leads.json", nth=2))
    assert emptied(connection_id).status == 503
    assert len(members(marketo)) == 2 + 2
    assert (in_ledger(connection_id, "aud-1"), in_ledger(connection_id, "other")) == (2, 5)
    assert call("GET", audience_path(connection_id, "aud-1")).status == 200

    assert emptied(connection_id).status == 204
    assert members(marketo) == {9001, 9002}
    assert (in_ledger(connection_id, "aud-1"), in_ledger(connection_id, "other")) == (0, 5)
    assert [one.audience.id for one in audiences().list(connection_id)] == ["other"]


def test_a_list_is_not_emptied_while_its_instance_is_delivered_to_or_paused(
    marketo: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    connection_id = filled(marketo)
    now = datetime.now(UTC)
    leases = stores.leases(composition.settings())
    lease = leases.acquire("123-ABC-456", now, now + timedelta(minutes=5))
    assert lease is not None
    monkeypatch.setattr("destination.control.emptying.PATIENCE", timedelta(0))
    busy = emptied(connection_id)
    assert (busy.status, busy.json["type"]) == (503, "urn:marketo-destination:problem:marketo-unavailable")
    leases.release(lease, lease.pace, Pause(now + timedelta(hours=1), "607", "the quota is used up", 1))
    paused = emptied(connection_id)
    assert (paused.status, "the quota is used up" in paused.json["detail"]) == (503, True)
    assert members(marketo) == {1, 2, 3, 9001, 9002}
    assert audiences().get(connection_id, AUD_1).list_id == 4711


def test_a_list_that_is_gone_is_empty(marketo: Simulator) -> None:
    connection_id = filled(marketo)
    marketo.reset()
    assert emptied(connection_id).status == 204


def test_what_becomes_of_the_list_is_checked() -> None:
    connection_id = created()
    activated(connection_id)
    assert call("DELETE", audience_path(connection_id, "aud-1"), query={"list": "burn"}).status == 422
