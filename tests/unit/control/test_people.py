"""Look-ups of people at the use case: how far what waits is looked through, and how values are known again there."""

import itertools
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from destination.control import waiting_events
from destination.control.people import AskedFor
from destination.control.waiting_events import TIME
from destination.domain.audit import AuditAction
from destination.domain.connection import MappingRow, Status
from destination.domain.parking import Bundle, WaitsFor
from destination.domain.person_lookup import PersonLookup
from destination.marketo.pace import Pace
from marketo_simulator import Fault
from testing.people import MemoryRecords, look_up, people
from testing.persons import name_of
from testing.stages import ADA, BOB, LEADS, REALIZED
from testing.world import START, World, connection, event


def parked(*who: str, world: World | None = None) -> World:
    """An event of each, parked one after the other, as the connection is disabled."""
    world = world or World()
    stored = world.connections.stored
    stored[world.connection.id] = replace(
        stored[world.connection.id], connection=replace(world.connection, status=Status.DISABLED)
    )
    for one in who:
        world.deliver_beside(event(one, ("a", REALIZED)))
        world.now += timedelta(minutes=1)
    return world


def seen(shown: PersonLookup) -> tuple[int, int, int]:
    """How many events were found, looked through, and there."""
    return len(shown.waiting.found), shown.waiting.read, shown.waiting.events


def test_the_newest_are_looked_through_as_far_as_the_bytes_allow(monkeypatch: pytest.MonkeyPatch) -> None:
    world = parked(ADA, BOB, ADA)
    assert seen(look_up(world, ADA)) == (2, 3, 3)
    sizes = [bundle.size for bundle in world.parking.of(world.connection.id)]
    monkeypatch.setattr(waiting_events, "MAX_BYTES", sum(sizes) - 1)
    assert seen(look_up(world, ADA)) == (1, 2, 3), "the oldest is not read"


def test_an_event_that_was_damaged_hides_none_beside_it() -> None:
    world = World(connection(status=Status.DISABLED))
    world.post(event(BOB, ("a", REALIZED)), event(ADA, ("a", REALIZED)))
    [(number, whole)] = world.queue.waiting.items()
    opening, bob, *rest = whole.body.split("\n")
    world.queue.waiting[number] = replace(whole, body="\n".join([opening, bob[: len(bob) // 2], *rest]))
    world.deliver()
    assert seen(look_up(world, ADA)) == (1, 2, 2)


def test_nothing_is_read_any_more_when_the_time_is_over() -> None:
    world = parked(ADA, BOB, ADA)
    asked = people(world)
    ticks = itertools.count()

    def clock() -> datetime:
        return START + TIME / 2 * next(ticks)

    slow = replace(asked, find_waiting=replace(asked.find_waiting, clock=clock))
    assert seen(slow(world.connection.id, AskedFor(ADA))) == (1, 1, 3)


def test_no_more_are_found_than_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    world = parked(*[ADA] * 4)
    monkeypatch.setattr(waiting_events, "MAX_SHOWN", 2)
    assert seen(look_up(world, ADA)) == (2, 2, 4)


@pytest.mark.parametrize(
    ("data_type", "said", "asked"),
    [
        ("string", " AB-17 ", "AB-17"),
        ("string", 'say "C:\\x"', 'say "C:\\x"'),
        ("string", "Zoë", "Zoë"),
        ("string", 417.0, "417"),
        ("string", 12345678901234567.0, "12345678901234568"),
        ("integer", "4.17e2", "417"),
        ("integer", "+0417", "417"),
        ("integer", 417, " 417.0 "),
    ],
)
def test_a_value_is_known_again_however_it_is_written(data_type: str, said: object, asked: str) -> None:
    mapping = (MappingRow("key", "DedupeField"), MappingRow("firstName", "firstName"))
    world = World(connection(dedupe_field="customerKey", mapping=mapping))
    world.simulator.seed({"fields": [{"name": "customerKey", "data_type": data_type}]})
    parked(world=world)
    world.deliver_beside(event(BOB, ("a", REALIZED), key=said), event(BOB, ("a", REALIZED), key="18"))
    assert seen(look_up(world, asked)) == (1, 2, 2)


def test_an_address_is_known_again_in_any_case() -> None:
    assert seen(look_up(parked("Ada@Example.ORG"), " ADA@example.org")) == (1, 1, 1)


def test_what_was_received_before_an_erasure_is_told_to_be_dropped() -> None:
    world = parked(ADA)
    world.erase(ADA)
    world.now += timedelta(minutes=1)
    parked(ADA, world=world)
    found = sorted(look_up(world, ADA).waiting.found, key=lambda one: one.since)
    assert [one.is_erased for one in found] == [True, False]


def test_a_letter_that_a_redrive_left_behind_is_told_once() -> None:
    world = World()
    world.simulator.script(Fault("skip", "1003", records=(0,), path=LEADS, nth=2))
    world.deliver(event(ADA, ("a", REALIZED)))
    [(letter, bodies)] = world.letters.stored.items()
    world.parking.put(letter.redriven, bodies)
    [found] = look_up(world, ADA).waiting.found
    assert (found.cause, found.is_letter) == (WaitsFor.RETRY.value, False)


def test_what_is_gone_or_cannot_be_read_stops_nothing() -> None:
    world = parked(ADA)
    [(bundle, bodies)] = world.parking.stored.items()
    world.parking.stored[bundle] = ["no message of ada@example.org", *bodies]
    asked = people(world)

    class Vanishing:
        """One bundle is removed after it was listed."""

        def of(self, connection_id: str) -> list[Bundle]:
            gone = replace(bundle, id="0" * 32, oldest_at=bundle.oldest_at + timedelta(days=1))
            return [*world.parking.of(connection_id), gone]

        def get(self, one: Bundle) -> list[str]:
            return world.parking.get(one)

    vanishing = replace(asked, find_waiting=replace(asked.find_waiting, parking=Vanishing()))
    assert len(vanishing(world.connection.id, AskedFor(ADA)).waiting.found) == 1


def test_a_record_is_written_before_anything_is_told() -> None:
    world = World()
    world.simulator.script(Fault("drop", path=LEADS, every=1))
    asked, records = people(world), MemoryRecords()
    shown = replace(asked, records=records)(world.connection.id, AskedFor(ADA), with_values=True)
    assert shown.trouble is not None
    [(action, [change])] = records.written
    assert (action, change.path, change.before, change.after) == (
        AuditAction.VIEW_PROFILE,
        "person",
        None,
        name_of(ADA),
    )
    assert ADA not in repr(AskedFor(ADA))


def test_marketo_that_takes_too_long_is_told_and_so_is_the_rest() -> None:
    world = parked(ADA)
    world.marketo.pace = Pace(80, 5, deadline=0.0, monotonic=lambda: 1.0)
    shown = replace(people(world), marketo_for=lambda *_: world.marketo)(world.connection.id, AskedFor(ADA))
    assert shown.trouble == "Marketo takes too long to answer; try again."
    assert (shown.leads, shown.next, seen(shown)) == (None, None, (1, 1, 1))


def test_no_more_leads_are_shown_than_fit_and_all_are_counted() -> None:
    world = World(leads=[{"email": ADA} for _ in range(40)])
    shown = look_up(world, ADA)
    assert shown.leads is not None
    assert (len(shown.leads), shown.lead_count, shown.leads[0].id) == (25, 40, 40)


def test_a_connection_without_lists_asks_for_none() -> None:
    world = World(leads=[{"email": ADA}])
    stored = world.connections.stored
    before = stored[world.connection.id]
    stored[world.connection.id] = replace(
        before, activations={key: replace(one, list_id=None) for key, one in before.activations.items()}
    )
    assert {one.is_on_list for one in look_up(world, ADA).audiences} == {None}
    assert not [call for call in world.simulator.log() if "listMembership" in call.path]
