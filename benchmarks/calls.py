"""Calls to Marketo, counted by the simulator at its default limits, in simulated time."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Final

from benchmarks.row import BenchmarkRow, Say
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.lead_extract import bytes_of
from destination.domain.person import LedgerRow
from destination.domain.shard import name_of
from destination.domain.verification import AudienceCheck, ListSize, Repair, Verification
from destination.marketo.lead_extracts import PIECE
from destination.queue import verification_message
from testing.persons import in_audience, on, out_of_audience
from testing.world import START, World, audience, connection, event

CHUNK: Final = 300
MILLION: Final = 1_000_000
_NAMES: Final = {
    "GET /rest/v1/leads.json": "lookup",
    "POST /rest/v1/leads.json": "write",
    "POST /rest/v1/lists/{id}/leads.json": "list",
    "GET /rest/v1/lists/{id}/leads.json": "members",
    "DELETE /rest/v1/lists/{id}/leads.json": "removals",
    "GET /rest/v1/leads/describe2.json": "describe",
    "GET /rest/v1/stats/usage.json": "usage",
}
_EXTRACT: Final = "/bulk/v1/leads/export/"
_IMPORT: Final = "/bulk/v1/leads"
_LONG: Final = 100_000
_LEAVING: Final = 5_000
_MARKETO: Final = {"export_queue_seconds": 60, "export_seconds": 540}
"""A job of ten minutes."""

_PER_INSTANCE: Final = ("describe", "usage")
"""Once a day and once in 250 calls or an hour, however many persons there are."""


@dataclass(slots=True)
class _CountedWorld:
    """A world, and the calls made in it since it was asked last; those not made for persons are left out."""

    world: World
    seen: int = field(default=0, init=False)

    def deliver(self, events: Sequence[ProfileEvent]) -> Counter[str]:
        report = self.world.deliver(*events)
        assert not report.requeued, report.halts
        assert not report.parked, report.halts
        return self._fresh()

    def verify(self) -> Counter[str]:
        """The list of the audience, from a request to the end."""
        world, name = self.world, "20261121T100000000000Z-00000000"
        check = AudienceCheck(audience("a"), "a", 1001, "a")
        requested = Verification(name, world.connection.id, frozenset(Repair), world.now, 1, is_whole=True)
        world.verifications.create(requested, [check])
        world.queue.send(world.connection.id, [verification_message(world.connection.id, name, world.now)])
        while world.queue.waiting:
            world.deliver()
            world.sleep(min((world.queue.invisible_for.get(one, 0) for one in world.queue.waiting), default=0))
        assert world.verifications.found[name, 0].out_of_sync == 0
        return self._fresh()

    def _fresh(self) -> Counter[str]:
        calls = self.world.calls()
        fresh = calls_of(calls[self.seen :])
        self.seen = len(calls)
        return fresh


def calls_of(endpoints: Iterable[str]) -> Counter[str]:
    """Calls by what they are for, less those that are not made for persons."""
    found = Counter(_name(endpoint) for endpoint in endpoints)
    for name in _PER_INSTANCE:
        del found[name]
    return found


def of_a_million(calls: Counter[str], people: int) -> float:
    """What these calls for so many people come to for a million; a list is read once, by an extract if it is long."""
    of_list = calls["members"] + calls["extract"]
    longer = pieces(MILLION) - pieces(people) if calls["extract"] else 0
    return (calls.total() - of_list) * MILLION / people + of_list + longer


def run(say: Say) -> list[BenchmarkRow]:
    """New, changed, unchanged and many profiles of an `audience_and_profile` connection with one audience."""
    say("calls for 1,000 profiles: new, the same again, changed")
    world = _CountedWorld(World(connection(lead_cache=timedelta(hours=24))))
    created = world.deliver(_events(1000))
    again = world.deliver(_events(1000))
    changed = world.deliver(_events(1000, revision=1))
    distrustful = _CountedWorld(World())
    distrustful.deliver(_events(1000))
    changed_looked_up = distrustful.deliver(_events(1000, revision=1))
    say("calls for 10,000 profiles")
    crowd = _CountedWorld(World(extract_from=20_000))
    many = crowd.deliver(_events(10_000))
    say("calls to verify their list")
    verified = crowd.verify()
    say(f"calls to verify a list of {_LONG:,}")
    long_list = _CountedWorld(_in_audience(_LONG, _LEAVING))
    extracted = long_list.verify()
    assert len(long_list.world.members("a")) == _LONG - _LEAVING
    return [
        BenchmarkRow("calls per 1,000 new profiles", created.total(), 12, "calls", _how(created, _floor(1000, 3))),
        BenchmarkRow(
            "calls per 1,000 changed profiles, lead ids to be looked up",
            changed_looked_up.total(),
            8,
            "calls",
            _how(changed_looked_up, _floor(1000, 2)),
        ),
        BenchmarkRow(
            "calls per 1,000 changed profiles, lead ids known",
            changed.total(),
            4,
            "calls",
            _how(changed, _floor(1000, 1)),
        ),
        BenchmarkRow("calls for the same 1,000 profiles again", again.total(), 0, "calls", "floor 0"),
        BenchmarkRow(
            "calls per 1,000 of 10,000 new profiles", many.total() / 10, 12, "calls", _how(many, _floor(10_000, 3))
        ),
        BenchmarkRow(
            "calls per 1,000 members verified", verified.total() / 10, 4, "calls", _how(verified, _floor(10_000, 1))
        ),
        BenchmarkRow(
            f"calls to verify a list of {_LONG:,} by an extract, without those who left it",
            extracted.total() - extracted["removals"],
            20,
            "calls",
            f"{_how(extracted, _removals(_LEAVING))}; of 1,000,000 its file takes {pieces(10 * _LONG) - 1} calls more",
        ),
        BenchmarkRow(
            f"calls per 300 of {_LEAVING:,} people who left it",
            extracted["removals"] / ceil(_LEAVING / CHUNK),
            1,
            "calls",
            "taken off by one call that tells who was on the list, and whose leads they are by the extract",
        ),
    ]


def _in_audience(people: int, leaving: int) -> World:
    """So many people on a list of which it is known how long it is, and who of them have left since."""
    leads = [{"id": one, "email": f"ada.{one}@example.org"} for one in range(1, people + 1)]
    world = World(leads=leads, settings=_MARKETO)
    for one in range(1, people + 1):
        desired = {audience("a"): out_of_audience() if one <= leaving else in_audience()}
        row = LedgerRow(desired, on("a", one), None, None, one, START)
        world.ledger.people[world.connection.id, name_of(f"ada.{one}@example.org")] = row
    world.ledger.page_rows = people  # In memory each page goes through all rows.
    world.simulator.state.lists[1001].members.update(range(1, people + 1))
    activation = world.target.activations[audience("a")]
    world.verifications.sizes[world.connection.id] = {activation.id: ListSize(1001, people, START)}
    return world


def _name(endpoint: str) -> str:
    if _EXTRACT in endpoint:
        return "extract"
    return "import" if _IMPORT in endpoint else _NAMES.get(endpoint, endpoint)


def pieces(members: int) -> int:
    """How many calls the file of so many members takes, at 46 bytes each."""
    return ceil(bytes_of(members, ("id", "email")) / PIECE)


def _removals(people: int) -> str:
    return f"floor of removals ceil({people:,} / {CHUNK}) = {ceil(people / CHUNK)}"


def _events(number: int, revision: int = 0) -> list[ProfileEvent]:
    at = START + timedelta(minutes=revision)
    return [
        event(
            f"ada.{each}@example.org",
            ("a", MembershipStatus.REALIZED),
            at=at,
            company="Analytical Engines",
            score=each + revision,
        )
        for each in range(number)
    ]


def _floor(profiles: int, stages: int) -> str:
    each = ceil(profiles / CHUNK)
    return f"floor {stages} * ceil({profiles:,} / {CHUNK}) = {stages * each}"


def _how(calls: Counter[str], floor: str) -> str:
    return f"{how(calls)}; {floor}"


def how(calls: Counter[str]) -> str:
    return ", ".join(f"{name} {count}" for name, count in calls.items())
