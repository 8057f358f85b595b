"""Whatever comes in between: no lead twice, the newest membership wins, every event counts once, no limit is exceeded.

Events of any time, with and without consent, messages in any order and more than once, faults of Marketo, leads merged
and lists changed by hand, workers that die between any two effects, dead letters redriven days later.
"""

from collections import Counter
from dataclasses import replace
from datetime import datetime, timedelta
from random import Random

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from destination.delivery.batch import MessageEnd
from destination.domain.connection import Consent, Limits
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.loss import LOSSES, Loss
from destination.queue import Message, decode
from marketo_simulator import Fault
from testing.counts import assert_balanced, counted
from testing.crashes import CrashError, mortal
from testing.results import assert_listed
from testing.world import START, World, audience, connection, event

CALLS_PER_WINDOW = 6
SEEDED = {"ada@example.org": (7,), "bob@example.org": (8, 9)}
NEW = ("carl@example.org", "dora@example.org")
LEADS, LISTS = "^/rest/v1/leads.json", "^/rest/v1/lists/"

FAULTS = (
    *(Fault(code=code) for code in ("601", "602", "603", "604", "606", "607", "610", "615", "713", "1003", "9999")),
    *(Fault(code=code, executes=True) for code in ("502", "604")),
    *(Fault("http", status=status, executes=executes) for status in (200, 502) for executes in (True, False)),
    *(Fault("drop", executes=executes) for executes in (True, False)),
    *(Fault("skip", code, records=(0,), path=LEADS) for code in ("1003", "1004", "1005", "713")),
    *(Fault("skip", code, records=(0,), path=LISTS) for code in ("1003", "713")),
)


class Delivery(RuleBasedStateMachine):
    """One connection that updates and creates, over a simulator whose limits are ours."""

    def __init__(self) -> None:
        super().__init__()
        # One call at a time, so that the same history takes the same course.
        limits = Limits(calls_per_20s=CALLS_PER_WINDOW, concurrency=1)
        seeded = [
            {"id": lead_id, "email": email, "partition": "EMEA" if lead_id == 9 else "Default"}
            for email, ids in SEEDED.items()
            for lead_id in ids
        ]
        self.world = World(
            connection(limits=limits), seeded, settings={"calls_per_window": CALLS_PER_WINDOW, "concurrency": 1}
        )
        self.life = mortal(self.world)
        self.posted: list[ProfileEvent] = []
        self.lost: Counter[Loss] = Counter()
        self.asks = False
        self.done: dict[str, Message] = {}

    @initialize(cache=st.sampled_from([timedelta(0), timedelta(hours=24)]), asks=st.booleans())
    def choose(self, cache: timedelta, asks: bool) -> None:
        [(name, target)] = self.world.connections.stored.items()
        self.asks = asks
        chosen = replace(target.connection, lead_cache=cache, consent=Consent("consent", ("y",)) if asks else None)
        self.world.connections.stored[name] = replace(target, connection=chosen)

    # What happens

    @rule(
        people=st.lists(st.sampled_from([*SEEDED, *NEW]), min_size=1, max_size=4),
        minutes=st.integers(0, 600),
        changes=st.dictionaries(st.sampled_from("ab"), st.sampled_from(MembershipStatus)),
        consent=st.sampled_from(["y", "y", "n"]),
        losses=st.just({}) | st.dictionaries(st.sampled_from(sorted(LOSSES)), st.integers(1, 9), max_size=3),
    )
    def post(
        self,
        people: list[str],
        minutes: int,
        changes: dict[str, MembershipStatus],
        consent: str,
        losses: dict[Loss, int],
    ) -> None:
        events = []
        for email in people:
            number = len(self.posted)
            at = START + timedelta(minutes=minutes, microseconds=number)
            said = event(email, at=at, company=f"Company {number}", consent=consent)
            memberships = tuple(Membership(audience(name), status, at) for name, status in changes.items())
            events.append(replace(said, memberships=memberships))
            self.posted.append(events[-1])
        self._send(events, losses)

    @rule(losses=st.dictionaries(st.sampled_from(sorted(LOSSES)), st.integers(1, 9), min_size=1, max_size=3))
    def lose(self, losses: dict[Loss, int]) -> None:
        """A body comes in of which nothing can be taken."""
        self._send([], losses)

    @rule(
        order=st.builds(Random, st.integers(0, 2**32 - 1)),
        share=st.sampled_from([0.4, 1.0]),
        again=st.booleans(),
        seconds=st.sampled_from([100, 125, 160, 300]),
        moments=st.none() | st.integers(0, 40),
    )
    def deliver(self, order: Random, share: float, again: bool, seconds: int, moments: int | None) -> None:
        self.world.monitor()
        batch = [one for one in self.world.queue.waiting.values() if order.random() < share]
        if again:
            batch += [one for one in self.done.values() if order.random() < share]
        order.shuffle(batch)
        self._deliver(batch, timedelta(seconds=seconds), moments)

    @rule(fault=st.sampled_from(FAULTS), nth=st.integers(1, 5))
    def disturb(self, fault: Fault, nth: int) -> None:
        self.world.simulator.script(replace(fault, path=fault.path or "^/rest", nth=nth))

    @rule(hours=st.sampled_from([0.01, 1, 25, 24 * 7]))
    def wait(self, hours: float) -> None:
        self.world.now += timedelta(hours=hours)

    @rule(email=st.sampled_from([*SEEDED, *NEW]))
    def merge(self, email: str) -> None:
        """In Marketo somebody merges a lead into a new one, which takes over fields and lists."""
        state = self.world.simulator.state
        found = [one for one in state.leads.values() if one.values["email"] == email]
        if not found:
            return
        old = max(found, key=lambda one: (one.updated_at, one.id))
        on = [one for one in state.lists.values() if old.id in one.members]
        values = {name: one for name, one in old.values.items() if name not in {"id", "createdAt", "updatedAt"}}
        state.delete_lead(old)
        new = state.create_lead(values, old.partition_id, self.world.now)
        for each in on:
            each.members.add(new.id)

    @rule(email=st.sampled_from([*SEEDED, *NEW]), name=st.sampled_from("ab"))
    def drop(self, email: str, name: str) -> None:
        """In Marketo somebody takes who has no consent off a list, before we do."""
        members = next(one for one in self.world.simulator.state.lists.values() if one.name == name).members
        newest = max((one for one in self.posted if one.profile["email"] == email), key=_said_at, default=None)
        if newest is not None and self._lacks_consent(newest):
            members.difference_update(one["id"] for one in self.world.leads_by_email(email))

    @rule()
    def redrive(self) -> None:
        self.world.redrive()

    # How it happens

    def _send(self, events: list[ProfileEvent], losses: dict[Loss, int]) -> None:
        before = len(self.world.queue.waiting)
        self.world.post(*events, losses=losses)
        self.lost.update(losses)
        assert len(self.world.queue.waiting) == before + 1

    def _deliver(self, batch: list[Message], time_left: timedelta, moments: int | None = None) -> None:
        self.life.moments = moments
        try:
            report = self.world.sync(batch, time_left)
        except CrashError:
            # Its messages and its lease are held until their time is over.
            self.world.now += timedelta(minutes=30)
        else:
            acknowledged = {one.id: one for one in batch if one.id not in report.requeued}
            self.world.queue.delete(list(acknowledged))
            parked = {one.message_id for one in report.messages if one.end is MessageEnd.PARKED}
            self.done |= {name: one for name, one in acknowledged.items() if name not in parked}
            self.world.now += timedelta(seconds=1)
        finally:
            self.life.moments = None

    # What must hold at any time

    @invariant()
    def nobody_is_there_twice(self) -> None:
        for email in NEW:
            assert len(self.world.leads_by_email(email)) <= 1
        for email, ids in SEEDED.items():
            assert len(self.world.leads_by_email(email)) == len(ids)

    @invariant()
    def no_limit_was_exceeded(self) -> None:
        assert self.world.simulator.stats()["by_limit"] == {}

    @invariant()
    def nothing_was_told_of_who_has_no_consent(self) -> None:
        if self.asks and self.posted:
            told = {one.get("company") for one in self.world.leads_now().values()}
            assert told.isdisjoint(one.profile["company"] for one in self.posted if self._lacks_consent(one))

    @invariant()
    def the_accounts_are_balanced(self) -> None:
        assert_balanced(self.world)
        assert_listed(self.world)

    @invariant()
    def what_is_acknowledged_is_in_the_ledger(self) -> None:
        for message_id in self.done:
            envelope = decode(self.done[message_id].body)
            numbers = range(envelope.first, envelope.first + len(envelope.events))
            assert {str(number) for number in numbers} <= counted(self.world, envelope.id)

    @invariant()
    def what_was_lost_at_the_door_counts_once(self) -> None:
        """No more than was lost, and all of it whose message is acknowledged."""
        losses = Counter(self.world.ledger.total(self.world.connection.id).losses)
        assert losses <= self.lost
        told = {envelope.id: envelope.losses for one in self.done.values() if (envelope := decode(one.body))}
        assert sum((Counter(one) for one in told.values()), Counter[Loss]()) <= losses

    # What must hold when all has come to rest

    def teardown(self) -> None:
        self.world.simulator.clear_faults()
        while self.world.waiting or self.world.letters.bodies:
            self.redrive()
            self.world.resume()
            self._deliver(list(self.world.queue.waiting.values()), timedelta(minutes=5))
            self.world.now += timedelta(minutes=10)
        total = self.world.ledger.total(self.world.connection.id).counts
        assert total["received"] + total["ignored"] == len(self.posted)
        assert total["failed"] == 0
        assert self.world.ledger.total(self.world.connection.id).losses == self.lost
        self.nobody_is_there_twice()
        self.no_limit_was_exceeded()
        for email in (*SEEDED, *NEW):
            for name in "ab":
                self._assert_newest_membership(email, name)
        self._assert_newest_attributes("ada@example.org")

    def _assert_newest_membership(self, email: str, name: str) -> None:
        leads = self.world.leads_by_email(email)
        if not leads and self._was_withdrawn(email):
            return  # Of whom all was said without consent, or before its withdrawal, no lead can be made.
        on_list = {one["id"] for one in leads} & set(self.world.members(name))
        assert len(on_list) == int(self._is_to_be_on(email, name))

    def _is_to_be_on(self, email: str, name: str) -> bool:
        """Whoever is realized by the newest membership and consents by the newest word, in any order of arrival."""
        said = sorted((one for one in self.posted if one.profile["email"] == email), key=_said_at)
        newest = _newest(said, name)
        is_realized = newest is not None and newest.status is MembershipStatus.REALIZED
        return is_realized and not self._lacks_consent(said[-1])

    def _assert_newest_attributes(self, email: str) -> None:
        """The lead has the newest ones; those that come without a membership count if they find a member."""
        allowed: list[object] = []
        said = (one for one in self.posted if one.profile["email"] == email)
        for one in sorted(said, key=_said_at, reverse=True):
            if self._lacks_consent(one):
                return
            allowed.append(one.profile["company"])
            if one.memberships:
                [lead] = self.world.leads_by_email(email)
                assert lead["company"] in allowed
                return

    def _was_withdrawn(self, email: str) -> bool:
        return any(self._lacks_consent(one) for one in self.posted if one.profile["email"] == email)

    def _lacks_consent(self, said: ProfileEvent) -> bool:
        return self.asks and said.profile["consent"] == "n"


def _said_at(said: ProfileEvent) -> datetime:
    return said.at


def _newest(said: list[ProfileEvent], name: str) -> Membership | None:
    found = [one for each in said for one in each.memberships if one.audience == audience(name)]
    return max(found, key=lambda one: one.at, default=None)


TestDelivery = pytest.mark.timeout(900)(Delivery.TestCase)
