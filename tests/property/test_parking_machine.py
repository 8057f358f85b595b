"""Whatever holds a connection up, and whoever dies: what waits is counted, and in the end all is delivered once.

Connections that are disabled, refused and paused, a bucket that takes nothing for a while, workers and monitors that
die between any two effects, messages that come twice, and messages of bundles that are lost.
"""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from destination.domain.connection import Limits, Status
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.queue import Message, decode
from marketo_simulator import Fault
from testing.counts import assert_balanced, counted
from testing.crashes import CrashError, Mortal, mortal
from testing.world import START, World, audience, connection, event

PEOPLE = tuple(f"p{number}@example.org" for number in range(5))
TROUBLE = {
    "quota": Fault(code="607", path="leads.json", every=1),
    "outage": Fault("http", status=503, body="{}", path="^/rest", every=1),
    "refused": Fault(code="603", path="describe2", every=1),
}
DEAD_FOR = timedelta(minutes=36)
"""Until long after what was received is received again."""


class Parked(RuleBasedStateMachine):
    """One connection, whose events are parked and come back."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(connection(limits=Limits(concurrency=1)))
        self.life = mortal(self.world)
        names = ("connections", "leases", "ledger", "losses", "queue", "letters", "dead_letters", "parking")
        used = {name: Mortal(getattr(self.world, name), self.life) for name in names}
        self.world.sync = self.world.delivery(**used)
        self.world.manage_parking = replace(
            self.world.manage_parking,
            connections=used["connections"],
            parking=used["parking"],
            instances=used["leases"],
            queue=used["queue"],
        )
        self.posted: list[tuple[str, ProfileEvent]] = []
        self.done: dict[str, Message] = {}

    # What happens

    @rule(
        people=st.lists(st.sampled_from(PEOPLE), min_size=1, max_size=4),
        status=st.sampled_from(MembershipStatus),
        minutes=st.integers(0, 100),
    )
    def post(self, people: list[str], status: MembershipStatus, minutes: int) -> None:
        events: list[ProfileEvent] = []
        for email in people:
            at = START + timedelta(minutes=minutes, microseconds=len(self.posted) + len(events))
            said = event(email, at=at)
            events.append(replace(said, memberships=(Membership(audience("a"), status, at),)))
        before = set(self.world.queue.waiting)
        self.world.post(*events)
        [message] = [one for name, one in self.world.queue.waiting.items() if name not in before]
        envelope = decode(message.body)
        self.posted += [(f"{envelope.id} {number}", one) for number, one in enumerate(events, envelope.first)]

    @rule(
        share=st.sampled_from([0.5, 1.0]),
        order=st.randoms(use_true_random=False),
        again=st.booleans(),
        moments=st.none() | st.integers(0, 60),
    )
    def deliver(self, share: float, order: object, again: bool, moments: int | None) -> None:
        assert hasattr(order, "random")
        batch = [one for one in self.world.queue.waiting.values() if order.random() < share]
        if again:
            batch += [one for one in self.done.values() if order.random() < share]
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

    @rule(minutes=st.sampled_from([1, 5, 16, 61, 25 * 60]), moments=st.none() | st.integers(0, 12))
    def monitor(self, minutes: int, moments: int | None) -> None:
        self.world.now += timedelta(minutes=minutes)
        self.life.moments = moments
        try:
            self.world.monitor()
        except CrashError:
            pass
        finally:
            self.life.moments = None

    @rule()
    def disable(self) -> None:
        marks = {"blocked_cause": None, "retry_at": None, "held_since": self.world.now}
        self.world.reconfigure(status=Status.DISABLED, **marks)

    @rule(ends_pause=st.booleans())
    def enable(self, ends_pause: bool) -> None:
        self.world.reconfigure(status=Status.ENABLED, blocked_cause=None, retry_at=None, held_since=None)
        self.world.manage_parking(self.world.connection.id, ends_pause=ends_pause)

    @rule(kind=st.sampled_from(sorted(TROUBLE)))
    def trouble(self, kind: str) -> None:
        self.world.simulator.script(TROUBLE[kind])

    @rule()
    def calm(self) -> None:
        self.world.simulator.clear_faults()

    @rule(refuses=st.booleans())
    def bucket(self, refuses: bool) -> None:
        self.world.parking.refuses = refuses

    @rule(order=st.randoms(use_true_random=False))
    def lose(self, order: object) -> None:
        """A message of a bundle is lost; its bundle is not."""
        assert hasattr(order, "random")
        pointers = [one.id for one in self.world.queue.waiting.values() if decode(one.body).bundle]
        self.world.queue.delete([one for one in pointers if order.random() < 0.5])

    # What holds all the time

    @invariant()
    def nothing_is_lost(self) -> None:
        """An event is settled, or it is in the queue or the bucket."""
        kept = [one.body for one in self.world.queue.waiting.values()]
        kept += [body for bodies in self.world.parking.stored.values() for body in bodies]
        envelopes = [decode(body) for body in kept]
        waiting = {f"{one.id} {number}" for one in envelopes for number, _ in enumerate(one.events, one.first)}
        for name, _ in self.posted:
            envelope_id, number = name.split()
            assert name in waiting or number in counted(self.world, envelope_id)

    @invariant()
    def names_tell_what_is_in_them(self) -> None:
        """As many events as are not settled, where nothing was settled of them since; never fewer."""
        for bundle, bodies in self.world.parking.stored.items():
            envelopes = [decode(body) for body in bodies]
            assert bundle.oldest_at <= min(one.received_at for one in envelopes)
            assert bundle.connection_id == self.world.connection.id
            open_events = {
                (one.id, str(number))
                for one in envelopes
                for number, _ in enumerate(one.events, one.first)
                if str(number) not in counted(self.world, one.id)
            }
            assert len(open_events) <= bundle.events <= sum(len(one.events) for one in envelopes)

    @invariant()
    def accounts_are_balanced(self) -> None:
        assert_balanced(self.world)

    @invariant()
    def nobody_is_there_twice(self) -> None:
        emails = [lead["email"] for lead in self.world.leads_now().values()]
        assert len(set(emails)) == len(emails)

    def teardown(self) -> None:
        """Everything works again: in a few days all is delivered, by the monitor alone."""
        self.life.moments = None
        self.world.simulator.clear_faults()
        self.world.parking.refuses = False
        self.world.reconfigure(status=Status.ENABLED, blocked_cause=None, retry_at=None, held_since=None)
        self.world.run(self.world.now + timedelta(days=2))
        assert list(self.world.parking.all()) == []
        assert self.world.queue.waiting == {}
        total = self.world.ledger.total(self.world.connection.id).counts
        assert total["received"] + total["ignored"] == len(self.posted)
        assert total["failed"] == len(self.world.letters.bodies) == 0
        leads = self.world.leads_now()
        on_list = {leads[one]["email"] for one in self.world.members("a")}
        assert on_list == {email for email in PEOPLE if self._newest(email) is MembershipStatus.REALIZED}
        self.accounts_are_balanced()
        self.nobody_is_there_twice()

    def _newest(self, email: str) -> MembershipStatus | None:
        said = [one for _, one in self.posted if one.profile["email"] == email]
        newest = max(said, key=lambda one: one.at, default=None)
        return None if newest is None else newest.memberships[0].status


TestParked = pytest.mark.timeout(900)(Parked.TestCase)
TestParked.settings = settings(max_examples=100)
