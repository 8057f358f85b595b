"""Whatever waits, comes late, comes twice, is parked, fails or is redriven: who was erased does not come back by it.

The oracle is the rule alone: of each person what was received since their last erasure counts, and nothing else; of
people who were not erased, everything does.
"""

import json
from datetime import timedelta

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from destination.domain.connection import Limits, Status
from destination.domain.erasure import Erasure, ErasureStatus
from destination.domain.event import Membership, MembershipStatus
from destination.domain.shard import name_of as row_of
from destination.queue import Message
from destination.store.results import line_of
from marketo_simulator import Fault
from testing.counts import assert_balanced
from testing.crashes import CrashError, mortal
from testing.world import World, audience, connection, event, name_of

PEOPLE = tuple(f"p{number}@example.org" for number in range(3))
TROUBLE = {
    "refused people": Fault("skip", "1006", path="^/rest/v1/leads.json$", method="POST", times=1),
    "quota": Fault(code="607", path="leads.json", times=1),
    "refused list": Fault(code="1077", path="/lists/1001/leads", times=1),
}
MINUTE = timedelta(minutes=1)
DEAD_FOR = timedelta(minutes=36)


class Erased(RuleBasedStateMachine):
    """One connection with one audience, whose people come, leave, and are erased."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(connection(limits=Limits(concurrency=1)))
        self.life = mortal(self.world)
        self.said: dict[str, list[tuple[int, MembershipStatus]]] = {one: [] for one in PEOPLE}
        self.marked: dict[str, int] = {}
        self.asked: list[Erasure] = []
        self.done: dict[str, Message] = {}
        self.number = 0

    def _tick(self) -> int:
        self.world.now += MINUTE
        self.number += 1
        return self.number

    @rule(who=st.sampled_from(PEOPLE), status=st.sampled_from(MembershipStatus))
    def post(self, who: str, status: MembershipStatus) -> None:
        number = self._tick()
        entered = Membership(audience("a"), status, self.world.now)
        said = event(who, at=self.world.now)
        self.world.post(said.__class__(said.at, said.profile, {}, (entered,), said.received_at))
        self.said[who].append((number, status))

    @rule(who=st.sampled_from(PEOPLE))
    def erase(self, who: str) -> None:
        self.marked[who] = self._tick()
        self.asked.append(self.world.erase(who))

    @rule(who=st.sampled_from(PEOPLE))
    def come_back(self, who: str) -> None:
        """What comes after an erasure is delivered before it."""
        self.erase(who)
        self.post(who, MembershipStatus.REALIZED)
        self.deliver("newest", again=False, moments=None)

    @rule(
        chosen=st.sampled_from(["all", "newest", "oldest"]),
        again=st.booleans(),
        moments=st.none() | st.integers(0, 60),
    )
    def deliver(self, chosen: str, *, again: bool, moments: int | None) -> None:
        self._tick()
        waiting = list(self.world.queue.waiting.values())
        batch = {"all": waiting, "newest": waiting[-1:], "oldest": waiting[:1]}[chosen]
        if again:
            batch += self.done.values()
        self.life.moments = moments
        try:
            report = self.world.sync(batch, timedelta(minutes=5))
        except CrashError:
            self.world.now += DEAD_FOR
        else:
            done = [one for one in batch if one.id not in report.requeued]
            self.done |= {one.id: one for one in done}
            self.world.queue.delete([one.id for one in done])
        finally:
            self.life.moments = None

    @rule(status=st.sampled_from([Status.ENABLED, Status.DISABLED]))
    def switch(self, status: Status) -> None:
        self.world.reconfigure(status=status)

    @rule(what=st.sampled_from(sorted(TROUBLE)))
    def trouble(self, what: str) -> None:
        self.world.simulator.script(TROUBLE[what])

    @rule()
    def redrive(self) -> None:
        self._tick()
        self.world.redrive()

    @rule()
    def monitor(self) -> None:
        self._tick()
        self.world.monitor()

    @invariant()
    def runs_add_up(self) -> None:
        assert_balanced(self.world)

    def teardown(self) -> None:
        """In the end, with what failed redriven, the list is what was said since the erasures, and no trace is left."""
        self.world.simulator.clear_faults()
        self.world.reconfigure(status=Status.ENABLED)
        self.world.queue.waiting |= self.done  # All of it comes once more, late.
        for _ in range(3):
            self.world.now += timedelta(hours=2)
            self.world.redrive()
            self.world.run(self.world.now + timedelta(hours=2))
        emails = {lead["id"]: lead["email"] for lead in self.world.leads_now().values()}
        assert sorted(emails[one] for one in self.world.members("a")) == sorted(filter(self._is_in, PEOPLE))
        for one in self.asked:
            assert self.world.erasure(one).status(self.world.now) is ErasureStatus.COMPLETED
        for who in self.marked:
            if not self._since(who):
                self._assert_forgotten(who)

    def _since(self, who: str) -> list[MembershipStatus]:
        return [status for number, status in self.said[who] if number > self.marked.get(who, 0)]

    def _is_in(self, who: str) -> bool:
        said = self._since(who)
        return bool(said) and said[-1] is MembershipStatus.REALIZED

    def _assert_forgotten(self, who: str) -> None:
        world = self.world
        lines = [line_of(one) for own in world.results.stored.values() for one in own]
        kept = f"{world.ledger.people} {world.ledger.runs.parts} {world.waiting} {world.letters.bodies} {lines}"
        for trace in (json.dumps(who), name_of(who), row_of(who)):
            assert trace not in kept


TestErased = Erased.TestCase
TestErased.settings = settings(max_examples=200)
