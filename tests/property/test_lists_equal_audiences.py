"""Lists equal audiences, always: whatever was said in whatever order, whatever somebody did in Marketo or configured.

Events of any times, again and in any order, letters redriven after months; audiences, sync types and schedules that
change; leads and lists deleted, made, merged and edited by hand; consent given and withdrawn; verifications; workers
that die between any two effects, and a Marketo that refuses. When all has come to rest, the lists are what the oracle
says, and the accounts are exact.
"""

import json
from dataclasses import replace
from datetime import timedelta
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, precondition, rule

from destination.domain.audience import WhenListMissing
from destination.domain.connection import Consent, PersonAction, Status, SyncType
from destination.domain.event import MembershipStatus
from destination.domain.verification import Repair, VerificationStatus
from marketo_simulator import Fault
from testing.counts import assert_balanced
from testing.world import START, audience
from tests.property import lists_oracle
from tests.property.lists_oracle import Instance, SeenLead
from tests.property.lists_world import PROBE, ListsWorld, key_of

PEOPLE = tuple(f"{name}@example.org" for name in ("ada", "bob"))
OTHER_KEYS = (*PEOPLE, "nobody@example.org")
AUDIENCES = ("a", "b", "c")
DORMANT = "c"
"""The one that is not activated at the start."""
LEADS, LISTS = "^/rest/v1/leads.json", "^/rest/v1/lists/"
REPAIRED = frozenset({Repair.MISSING, Repair.LEAVERS})
MAX_TIME = timedelta(days=88)
"""So long nothing expires: neither rows nor marks, nor what is remembered of a dormant audience."""

FAULTS = (
    *(Fault(code=code, every=1, times=times) for code in ("608", "713", "602") for times in (1, 3)),
    *(Fault(code=code, path=path) for code in ("611", "604") for path in (LEADS, LISTS)),
    *(Fault(code="604", executes=True, path=path) for path in (LEADS, LISTS)),
    *(Fault("http", status=502, executes=executes, path=path) for executes in (True, False) for path in (LEADS, LISTS)),
    *(Fault("skip", code, records=(0,), path=path) for code in ("1003", "713") for path in (LEADS, LISTS)),
)

STATUSES = st.sampled_from(MembershipStatus)
MINUTES_AGO = st.sampled_from([0, 0, 1, 2, 3, 60])


class Lists(ListsWorld):
    """Everybody who works on the connection, or on Marketo beside it."""

    @initialize(
        sync_type=st.sampled_from(
            [SyncType.AUDIENCE_AND_PROFILE, SyncType.AUDIENCE_AND_PROFILE, SyncType.AUDIENCE_ONLY]
        ),
        action=st.sampled_from(PersonAction),
        asks=st.booleans(),
        when_missing=st.sampled_from(WhenListMissing),
        is_slow=st.booleans(),
        at_first=st.frozensets(st.tuples(st.sampled_from(PEOPLE), st.sampled_from("ab"))),
    )
    def choose(
        self,
        sync_type: SyncType,
        action: PersonAction,
        asks: bool,
        when_missing: WhenListMissing,
        is_slow: bool,
        at_first: frozenset[tuple[str, str]],
    ) -> None:
        """`is_slow`: the lists answer so late that a verification takes several slices, between which others work."""
        if is_slow:
            self.world.simulator.configure(latency_by_path={"/lists/": 25})
            self.world.ledger.page_rows = 1
        self.asks = asks
        self._configure(sync_type=sync_type, person_action=action, consent=Consent("consent", ("y",)) if asks else None)
        for name in self._active():
            self._change_audience(name, when_list_missing=when_missing)
        for key, name in sorted(at_first):
            self.tell(key, name, MembershipStatus.REALIZED)

    # What is said

    @rule(
        said=st.lists(
            st.tuples(
                st.sampled_from(PEOPLE),
                st.dictionaries(st.sampled_from(AUDIENCES), st.tuples(STATUSES, MINUTES_AGO), max_size=3),
                MINUTES_AGO,
                st.sampled_from("yyn"),
                st.sampled_from(["complete", "complete", "upper", "nameless", "named"]),
            ),
            min_size=1,
            max_size=3,
        ),
        is_delivered=st.booleans(),
    )
    def post(
        self, said: list[tuple[str, dict[str, tuple[MembershipStatus, int]], int, str, str]], is_delivered: bool
    ) -> None:
        self._tick()
        minute = self._minute()
        self._send(
            [
                self._event(
                    key,
                    minute - timedelta(minutes=ago),
                    consent,
                    how,
                    {
                        name: (status, minute - timedelta(minutes=earlier))
                        for name, (status, earlier) in changes.items()
                    },
                )
                for key, changes, ago, consent, how in said
            ]
        )
        if is_delivered:
            self.deliver_all()

    @rule(key=st.sampled_from(PEOPLE), name=st.sampled_from(AUDIENCES), status=STATUSES)
    def tell(self, key: str, name: str, status: MembershipStatus) -> None:
        """One person enters or leaves one audience, and is delivered."""
        self._tick()
        self._send([self._event(key, self._minute(), "y", "complete", {name: (status, self._minute())})])
        self.deliver_all()

    @precondition(lambda self: self.asks)
    @rule(key=st.sampled_from(PEOPLE), of=st.sampled_from(AUDIENCES), other=st.sampled_from(AUDIENCES))
    def withdraw(self, key: str, of: str, other: str) -> None:
        """A member of an audience is put on the list of another by hand, and withdraws consent."""
        self.tell(key, of, MembershipStatus.REALIZED)
        leads = sorted(lead.id for lead in self.state.leads.values() if key_of(lead) == key)
        activation = self._active().get(other)
        if leads and activation is not None and activation.list_id in self.state.lists:
            self._change_list(lists_oracle.Membership(activation.list_id, leads[0]), is_put=True)
        self._tick()
        self._send([self._event(key, self._minute(), "n", "complete", {})])
        self.at_rest("probe")

    @precondition(lambda self: self.posted)
    @rule(data=st.data())
    def send_again(self, data: st.DataObject) -> None:
        """The sender sends the same body once more."""
        again = data.draw(st.sampled_from(self.posted[-8:]))
        self._tick()
        if again.id is None or self._may_come_again(again.id):
            self._send([again])

    @rule()
    def redrive(self) -> None:
        self._tick()
        letters = self.world.letters.take()
        for letter in letters:
            self._send_body(letter)

    # What is delivered

    @rule(
        order=st.builds(Random, st.integers(0, 2**32 - 1)),
        share=st.sampled_from([0.4, 1.0, 1.0]),
        again=st.booleans(),
        moments=st.none() | st.integers(0, 60),
    )
    def deliver(self, order: Random, share: float, again: bool, moments: int | None) -> None:
        self.world.monitor()
        batch = [one for one in self.world.queue.waiting.values() if order.random() < share]
        if again:
            batch += [one for one in self.done.values() if order.random() < share / 2]
        order.shuffle(batch)
        self._deliver(batch, moments)

    @rule()
    def deliver_all(self) -> None:
        self.world.resume()
        self._deliver(list(self.world.queue.waiting.values()))

    @rule(fault=st.sampled_from(FAULTS))
    def disturb(self, fault: Fault) -> None:
        self.is_exact = self.is_exact and not fault.executes
        self.world.simulator.script(fault)

    @rule(wait=st.sampled_from([timedelta(minutes=3), timedelta(hours=1), timedelta(hours=25), timedelta(days=80)]))
    def wait(self, wait: timedelta) -> None:
        if self.world.now + wait < self.epoch + MAX_TIME - timedelta(days=2):
            self.world.now += wait

    @precondition(lambda self: self.epoch == START)
    @rule(
        off=st.frozensets(st.sampled_from(AUDIENCES)),
        meanwhile=st.dictionaries(st.tuples(st.sampled_from(PEOPLE), st.sampled_from(AUDIENCES)), STATUSES, max_size=4),
        on=st.frozensets(st.sampled_from(AUDIENCES)),
    )
    def expire(
        self,
        off: frozenset[str],
        meanwhile: dict[tuple[str, str], MembershipStatus],
        on: frozenset[str],
    ) -> None:
        """A quarter of a year without an event: of the ledger only what lasts is left.

        `off`: audiences that were switched off before, so that they are forgotten, and so is what is said `meanwhile`;
        `on`: those that are switched on again after that, on the lists that they had.
        """
        for name in sorted(off & self._active().keys()):
            self.world.connections.deactivate(self.world.connection.id, audience(name))
        self.world.simulator.clear_faults()
        self._mend_lists(*WhenListMissing)
        self.redrive()
        self._drain()
        assert self.world.letters.bodies == []
        self.world.now = self.epoch = self.world.now + timedelta(days=91)
        self.posted.clear()
        self.done.clear()
        ledger = self.world.ledger
        for expired in [one for one, row in ledger.people.items() if not row.is_lasting]:
            del ledger.people[expired]
        for marks in (ledger.marks, ledger.failed, ledger.received):
            marks.clear()
        stored = self._stored()
        self.was_active -= {one.id for one in stored.dormant}
        self.oracle.forgets_exits()
        for gone in stored.dormant:
            self.oracle.forgets(gone.id)
        self.world.connections.stored[stored.connection.id] = replace(stored, dormant={})
        for (key, of), status in sorted(meanwhile.items()):
            self.tell(key, of, status)
        self._drain()
        for of in set(AUDIENCES) - self.was_active:
            self.oracle.forgets(of)
        for name in sorted(on - self._active().keys()):
            taken = {one.list_id for one in self._activations().values()}
            last = self.last_lists.get(name)
            self._activate(name, last if last in self.state.lists and last not in taken else None)

    # What operators do

    @rule(name=st.sampled_from(AUDIENCES), data=st.data())
    def switch(self, name: str, data: st.DataObject) -> None:
        """An audience is deactivated, or activated: on its list, on another one that is nobody's, or on a new one."""
        if name in self._active():
            self.world.connections.deactivate(self.world.connection.id, audience(name))
        else:
            free = sorted(self.state.lists.keys() - {one.list_id for one in self._activations().values()})
            before = [self.last_lists[name]] if self.last_lists.get(name) in free else []
            self._activate(name, data.draw(st.sampled_from([*before, *before, *free, None])))

    @rule(sync_type=st.sampled_from(SyncType), action=st.sampled_from(PersonAction))
    def change_connection(self, sync_type: SyncType, action: PersonAction) -> None:
        self._configure(sync_type=sync_type, person_action=action)

    @precondition(lambda self: self.asks)
    @rule(allowed=st.sampled_from([("y",), ("y", "n"), None]))
    def change_consent_rule(self, allowed: tuple[str, ...] | None) -> None:
        """It is set, or widened so that everybody has consent, or taken away: each next event decides."""
        self._configure(consent=None if allowed is None else Consent("consent", allowed))
        self.oracle.asks = allowed == ("y",)

    @rule(
        name=st.sampled_from(AUDIENCES),
        start=st.none() | st.sampled_from([-30, 30, 24 * 60]),
        end=st.none() | st.sampled_from([-10, 60, 24 * 60]),
    )
    def change_schedule(self, name: str, start: int | None, end: int | None) -> None:
        if name in self._active():
            self._change_audience(
                name,
                start=None if start is None else self.world.now + timedelta(minutes=start),
                end=None if end is None else self.world.now + timedelta(minutes=end),
            )

    @rule(repair=st.frozensets(st.sampled_from(Repair)))
    def verify(self, repair: frozenset[Repair]) -> None:
        self._request(repair)

    # What somebody does in Marketo

    @rule(key=st.sampled_from(OTHER_KEYS))
    def make_lead(self, key: str) -> None:
        made = self.state.create_lead({"email": key}, self.state.partitions["Default"].id, self._tick(seconds=1))
        self.oracle.has(made.id, key)

    @precondition(lambda self: self.state.leads)
    @rule(data=st.data())
    def edit_lead(self, data: st.DataObject) -> None:
        lead = self.state.leads[self._any_lead(data)]
        self.state.update_lead(lead, {"website": f"https://example.org/{next(self.numbers)}"}, self._tick(seconds=1))
        self.oracle.has(lead.id, key_of(lead))

    @precondition(lambda self: self.state.leads)
    @rule(data=st.data(), key=st.sampled_from(OTHER_KEYS))
    def move_key(self, data: st.DataObject, key: str) -> None:
        lead = self.state.leads[self._any_lead(data)]
        before = key_of(lead)
        self.state.update_lead(lead, {"email": key}, self._tick(seconds=1))
        self.oracle.moves(lead.id, key, self.state.lists)
        self.oracle.has(lead.id, before)

    @precondition(lambda self: self.state.leads)
    @rule(data=st.data())
    def delete_lead(self, data: st.DataObject) -> None:
        lead = self.state.leads[self._any_lead(data)]
        self._tick()
        self.state.delete_lead(lead)
        self.oracle.deleted(lead.id)

    @precondition(lambda self: len(self.state.leads) > 1)
    @rule(data=st.data())
    def merge(self, data: st.DataObject) -> None:
        """The winner keeps its values and joins the lists of the loser, which is no more."""
        winner = self.state.leads[self._any_lead(data)]
        others = sorted(self.state.leads.keys() - {winner.id})
        loser = self.state.leads[data.draw(st.sampled_from(others))]
        self.oracle.merged(winner.id, loser.id, self._lists())
        for one in self.state.lists.values():
            if loser.id in one.members:
                one.members.add(winner.id)
        self.state.delete_lead(loser)
        merged = {"website": f"https://example.org/{next(self.numbers)}"}
        self.state.update_lead(winner, merged, self._tick(seconds=1))
        self.oracle.has(winner.id, key_of(winner))

    @precondition(lambda self: self.state.leads and self.state.lists)
    @rule(data=st.data(), is_put=st.booleans())
    def change_list(self, data: st.DataObject, is_put: bool) -> None:
        """Somebody puts a lead on a list, or takes one off."""
        self._tick()
        lead_id, list_id = self._any_lead(data), data.draw(st.sampled_from(sorted(self.state.lists)))
        self._change_list(lists_oracle.Membership(list_id, lead_id), is_put=is_put)

    @rule(name=st.sampled_from(AUDIENCES))
    def delete_list(self, name: str) -> None:
        activation = self._active().get(name)
        if activation is not None and activation.list_id in self.state.lists:
            del self.state.lists[activation.list_id]
            self.oracle.list_deleted(activation.list_id)

    # At rest

    @rule(told=st.sampled_from(["company", "probe"]))
    def at_rest(self, told: str) -> None:
        self._come_to_rest(told)
        self._check()

    def teardown(self) -> None:
        """Every audience is on in the end, and on a list."""
        self._come_to_rest("probe")
        self._check()
        if not self._keeps_lists():
            self._configure(sync_type=SyncType.AUDIENCE_AND_PROFILE)
        for name in AUDIENCES:
            if name in self._active():
                self._change_audience(name, start=None, end=None)
            else:
                taken = {one.list_id for one in self._activations().values()}
                last = self.last_lists.get(name)
                self._activate(name, last if last in self.state.lists and last not in taken else None)
        self._come_to_rest("probe")
        self._check()

    def _come_to_rest(self, told: str) -> None:
        """Nothing goes wrong any more, every list is there, nothing waits, and everybody was looked up once more."""
        self.world.simulator.clear_faults()
        self._mend_lists(WhenListMissing.BLOCK)
        for _ in range(3):
            self._mend_lists(WhenListMissing.BLOCK, WhenListMissing.CREATE)
            bound = self._bound()
            for _ in range(1 + (self.is_probe_untold and self._keeps_lists())):
                self._have_everybody_looked_up(told)
                self._drain()
            self.is_probe_untold = not self._keeps_lists()
            if self._bound() == bound:
                return
        raise AssertionError("the audiences get other lists again and again")

    def _drain(self) -> None:
        for _ in range(40):
            if not self.world.waiting:
                return
            self.world.resume()
            self._deliver(list(self.world.queue.waiting.values()))
            self.world.now += timedelta(minutes=16)
        raise AssertionError(f"it does not come to rest: {self._stored().connection.blocked_cause}")

    def _mend_lists(self, *policies: WhenListMissing) -> None:
        """What an operator does about a list that is gone: the audience is activated again, on a new one."""
        for name, activation in self._active().items():
            is_gone = activation.list_id is not None and activation.list_id not in self.state.lists
            if is_gone and activation.when_list_missing in policies:
                self.world.connections.deactivate(self.world.connection.id, audience(name))
                self._activate(name, None)
        self._configure(status=Status.ENABLED, blocked_cause=None)
        self._drain()

    def _have_everybody_looked_up(self, told: str) -> None:
        """By news of an attribute where that is sent, else by the probe, which everybody enters and leaves in turn."""
        now = self._tick()
        sends_fields = self._stored().connection.sync_type is not SyncType.AUDIENCE_ONLY
        events = []
        for key in sorted(self.oracle.people() | set(PEOPLE)):
            consent = "y" if self.oracle.agrees(key) else "n"
            is_in = any(self.oracle.is_wanted(key, name) for name in self._active() if self._is_open(name))
            by_field = told == "company" and sends_fields and is_in
            was = self.oracle.words.get((key, PROBE))
            probe = MembershipStatus.EXITED if was is not None and was.holds else MembershipStatus.REALIZED
            changes = {} if by_field else {PROBE: (probe, now)}
            events.append(self._event(key, now, consent, "complete", changes, keeps=False))
        self._send(events)

    def _verify(self) -> None:
        """A verification repairs who is missing and who left, and everybody is in place."""
        made = self._request(REPAIRED)
        self._drain()
        if made is not None:
            assert self.world.verifications.stored[made.id].status is VerificationStatus.COMPLETED
            self._check(is_verified=True)

    def _check(self, *, is_verified: bool = False) -> None:
        leads = [SeenLead(one.id, key_of(one), one.updated_at) for one in self.state.leads.values()]
        shared = {one.list_id for one in self._active().values() if one.list_id is not None and one.may_hold_others}
        instance = Instance(leads, self._lists(), self._bound(), shared)
        assert self.oracle.problems(instance, is_verified=is_verified) == []
        if not is_verified:
            self._check_creations(instance)
        self._check_accounts()

    def _check_creations(self, instance: Instance) -> None:
        """Whoever is in an audience has a lead where the connection creates."""
        if self._stored().connection.person_action is PersonAction.UPDATE_EXISTING_AND_CREATE_NEW:
            for name in self._active():
                if self._is_open(name):
                    wanted = [one for one in self.oracle.people() if self.oracle.is_wanted(one, name)]
                    sure = [one for one in wanted if not self.oracle.is_unsure(one, name)]
                    assert [one for one in sure if instance.newest(one) is None] == []

    def _check_accounts(self) -> None:
        assert_balanced(self.world)
        counts = self.world.ledger.total(self.world.connection.id).counts
        assert counts["received"] + counts["ignored"] == len(self.units)
        assert min(counts.values(), default=0) >= 0
        letters = {_origin(letter) for letter in self.world.letters.bodies}
        if self.is_exact:
            assert counts["created"] == self.created
            assert counts["failed"] == len(letters)
        assert counts["created"] <= self.created
        assert counts["failed"] <= len(letters)

    def _may_come_again(self, event_id: str) -> bool:
        """Whether the event has been delivered and its id is still known."""
        is_known = self.world.now < self.first_receipts[event_id] + timedelta(days=13)
        return is_known and event_id in self.settled_ids


def _origin(body: str) -> tuple[str, int]:
    message = json.loads(body)
    return message["id"], message["first"]


_usual, _steps = settings().max_examples, settings().stateful_step_count * 2 // 5
TestLists = pytest.mark.timeout(900)(Lists.TestCase)
TestLists.settings = settings(max_examples=_usual // 4, stateful_step_count=_steps)
