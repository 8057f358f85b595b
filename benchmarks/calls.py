"""Calls to Marketo, counted by the simulator at its default limits, in simulated time."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from math import ceil
from typing import Final

from benchmarks.row import BenchmarkRow, Say
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.domain.verification import AudienceCheck, Repair, Verification
from destination.queue import verification_message
from testing.world import START, World, audience, connection, event

CHUNK: Final = 300
_NAMES: Final = {
    "GET /rest/v1/leads.json": "lookup",
    "POST /rest/v1/leads.json": "write",
    "POST /rest/v1/lists/{id}/leads.json": "list",
    "GET /rest/v1/lists/{id}/leads.json": "members",
    "GET /rest/v1/leads/describe2.json": "describe",
    "GET /rest/v1/stats/usage.json": "usage",
}
_PER_INSTANCE: Final = ("describe", "usage")
"""Once a day and once in 250 calls or an hour, however many persons there are."""


@dataclass(slots=True)
class _Counted:
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
        assert world.verifications.found[name, 0].out_of_sync == 0
        return self._fresh()

    def _fresh(self) -> Counter[str]:
        calls = self.world.calls()
        fresh = Counter(_NAMES.get(endpoint, endpoint) for endpoint in calls[self.seen :])
        self.seen = len(calls)
        for name in _PER_INSTANCE:
            del fresh[name]
        return fresh


def run(say: Say) -> list[BenchmarkRow]:
    """New, changed, unchanged and many profiles of an `audience_and_profile` connection with one audience."""
    say("calls for 1,000 profiles: new, the same again, changed")
    world = _Counted(World(connection(lead_cache=timedelta(hours=24))))
    created = world.deliver(_events(1000))
    again = world.deliver(_events(1000))
    changed = world.deliver(_events(1000, revision=1))
    distrustful = _Counted(World())
    distrustful.deliver(_events(1000))
    changed_looked_up = distrustful.deliver(_events(1000, revision=1))
    say("calls for 10,000 profiles")
    crowd = _Counted(World())
    many = crowd.deliver(_events(10_000))
    say("calls to verify their list")
    verified = crowd.verify()
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
    ]


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
    return f"{', '.join(f'{name} {count}' for name, count in calls.items())}; {floor}"
