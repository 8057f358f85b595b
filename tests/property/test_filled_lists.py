"""Lists that are filled are the audiences, without another event: whatever operators did, through the control plane.

Its use cases find and make the lists and say when they are due; fills are requested by them or by the monitor, and
carried out by the delivery. Each person is one lead, which is known from the start, so that nobody has to wait.
"""

from contextlib import ExitStack
from datetime import timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, rule

from destination.domain.audience import Activation, activation_id
from destination.domain.connection import Consent, SyncType
from destination.domain.event import MembershipStatus
from testing.filling import WANTED, said, whole
from testing.persons import audience

PEOPLE = tuple(f"{name}@example.org" for name in ("ada", "ben", "cam"))
AUDIENCES = ("a", "b")
KNOWN = "z"
"""An audience that everybody is in, so that every lead is known."""
PERSON, NAME = st.sampled_from(PEOPLE), st.sampled_from(AUDIENCES)


class FilledLists(RuleBasedStateMachine):
    """`members`: by person and audience whether it is in, as the source said last; what was forgotten is missing.

    `agrees`: by person whether it consents. `list_names`: how often each audience got a list of a new name.
    """

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.world = self.stack.enter_context(whole())
        self.world.people(*PEOPLE)
        self.world.make(WANTED, *(Activation(audience(name), name) for name in (*AUDIENCES, KNOWN)))
        self.members: dict[tuple[str, str], bool] = {}
        self.forgotten: set[tuple[str, str]] = set()
        self.agrees = dict.fromkeys(PEOPLE, True)
        self.list_names = dict.fromkeys(AUDIENCES, 0)
        for one in PEOPLE:
            self.say(one, KNOWN, MembershipStatus.REALIZED)

    def teardown(self) -> None:
        try:
            if self.world.connection.sync_type is SyncType.PROFILE_ONLY:
                self.change_type(SyncType.AUDIENCE_ONLY)
            for name in AUDIENCES:
                if name not in self._active():
                    self.switch(name, is_renamed=False)
                self.world.reschedule(audience(name), start=None, end=None)
            self.at_rest()
        finally:
            self.stack.close()

    @rule(person=PERSON, name=NAME, status=st.sampled_from(MembershipStatus))
    def say(self, person: str, name: str, status: MembershipStatus) -> None:
        is_in = status is MembershipStatus.REALIZED
        self._tell(person, joined=name if is_in else "", left="" if is_in else name)
        self.members[person, name] = is_in
        self.forgotten.discard((person, name))

    @rule(person=PERSON)
    def change_mind(self, person: str) -> None:
        self.agrees[person] = not self.agrees[person]
        self._tell(person)

    @rule(name=NAME, is_renamed=st.booleans())
    def switch(self, name: str, is_renamed: bool) -> None:
        """Off, or on again: on the list of its name, which it had, or on one of a new name."""
        if name in self._active():
            self.world.plane.audiences.deactivate(self.world.id, activation_id(audience(name)))
        else:
            self.list_names[name] += is_renamed
            named = f"{name}{self.list_names[name]}"
            self.world.plane.audiences.activate(self.world.id, Activation(audience(name), named))

    @rule(name=NAME, is_renamed=st.booleans(), left=st.frozensets(PERSON))
    def come_back_late(self, name: str, is_renamed: bool, left: frozenset[str]) -> None:
        """It was off for so long that it is forgotten, and nobody knows who `left` meanwhile."""
        if name in self._active():
            self.switch(name, is_renamed=False)
        self.world.clock.sleep(timedelta(days=91).total_seconds())
        self.world.expire()
        for one in sorted(left):
            self._tell(one, left=name)
        for one in PEOPLE:
            self.members.pop((one, name), None)
            self.forgotten.add((one, name))
        self.switch(name, is_renamed=is_renamed)

    @rule(name=NAME)
    def lose_list(self, name: str) -> None:
        """Somebody deletes the list in Marketo, and an operator activates the audience again."""
        if name in self._active() and self._active()[name].list_id is not None:
            self.world.lose_list(audience(name))
            for _ in range(2):
                self.switch(name, is_renamed=False)

    @rule(sync_type=st.sampled_from(SyncType))
    def change_type(self, sync_type: SyncType) -> None:
        self.world.change(sync_type=sync_type)

    @rule(allowed=st.sampled_from([("y",), ("y", "n"), None]))
    def change_consent_rule(self, allowed: tuple[str, ...] | None) -> None:
        """Each person's next event decides by it."""
        self.world.change(consent=None if allowed is None else Consent("consent", allowed))
        for one in PEOPLE:
            self._tell(one)

    @rule(name=NAME, start=st.none() | st.sampled_from([-2, 2, 60]), end=st.none() | st.sampled_from([90, 120]))
    def reschedule(self, name: str, start: int | None, end: int | None) -> None:
        if name in self._active():
            starts = None if start is None else self.world.clock.now + timedelta(minutes=start)
            ends = None if end is None else self.world.clock.now + timedelta(minutes=end)
            self.world.reschedule(audience(name), start=starts, end=ends)

    @rule()
    def at_rest(self) -> None:
        """Half an hour of the monitor: what is due was done."""
        for _ in range(6):
            self.world.clock.sleep(300)
            self.world.monitor()
        if self.world.connection.sync_type is SyncType.PROFILE_ONLY:
            return
        for name, activation in self._active().items():
            if activation.is_scheduled(self.world.clock.now):
                assert activation.fill_at is None
                assert activation.list_id is not None
                on = self._members(activation.list_id)
                wanted = {one for one in PEOPLE if self.members.get((one, name)) and self._may_be_exported(one)}
                unsure = {one for one in PEOPLE if (one, name) in self.forgotten}
                assert on - unsure == wanted, f"{activation.name}: {sorted(on)}"

    def _tell(self, person: str, *, joined: str = "", left: str = "") -> None:
        self.world.clock.sleep(1)
        consent = "y" if self.agrees[person] else "n"
        self.world.deliver(said(person, self.world.clock.now, joined=joined, left=left, consent=consent))

    def _may_be_exported(self, person: str) -> bool:
        rule = self.world.connection.consent
        return rule is None or ("y" if self.agrees[person] else "n") in rule.allowed

    def _active(self) -> dict[str, Activation]:
        active = self.world.plane.audiences.list(self.world.id)
        return {one.audience.id: one for one in active if one.audience.id in AUDIENCES}

    def _members(self, list_id: int) -> set[str]:
        state = self.world.plane.marketo.state
        return {str(state.leads[one].values["email"]) for one in state.lists[list_id].members}


TestFilledLists = pytest.mark.timeout(900)(FilledLists.TestCase)
TestFilledLists.settings = settings(max_examples=settings().max_examples // 50, stateful_step_count=8)
