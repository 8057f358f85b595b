"""One connection over a simulator, with the oracle of its lists beside it: how the machines send, deliver and look."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine

from destination.delivery.batch import MessageEnd
from destination.domain.audience import Activation
from destination.domain.connection import Limits, SyncType
from destination.domain.event import Membership, MembershipStatus, ProfileEvent
from destination.domain.verification import AudienceCheck, Repair, Verification
from destination.queue import Message, verification_message
from testing.crashes import CrashError, mortal
from testing.world import START, World, audience, connection
from tests.property import lists_oracle
from tests.property.lists_oracle import ListsOracle, Word

PROBE = "z"
"""An audience that everybody enters or leaves to have them looked up."""
SEEDED = (
    {"id": 7, "email": "ada@example.org"},
    {"id": 8, "email": "bob@example.org"},
    {"id": 9, "email": "Bob@example.org"},
)
POOL = ("spare",)


class ListsWorld(RuleBasedStateMachine):
    """One connection over a simulator, and all that is noted of what is said and done."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(connection(limits=Limits(concurrency=1)), SEEDED)
        extra = [{"name": name, "workspace": "Default"} for name in (PROBE, *POOL)]
        self.world.simulator.seed({"lists": extra})
        self.state = self.world.simulator.state
        self.life = mortal(self.world)
        self.oracle = ListsOracle()
        for lead in SEEDED:
            self.oracle.has(int(str(lead["id"])), str(lead["email"]).lower())
        self.numbers = count()
        self.epoch = START
        self.last_lists: dict[str, int | None] = {name: self._list_named(name) for name in "ab"}
        self.asks = False
        self.was_active = set("ab")
        self.posted: list[ProfileEvent] = []
        self.first_receipts: dict[str, datetime] = {}
        self.settled_ids: set[str] = set()
        self.units: set[tuple[str, int]] = set()
        self.done: dict[str, Message] = {}
        self.created = 0
        self.is_exact = True
        self.is_probe_untold = False
        self._activate(PROBE, self._list_named(PROBE))

    # How it is done

    def _event(
        self,
        key: str,
        at: datetime,
        consent: str,
        how: str,
        changes: dict[str, tuple[MembershipStatus, datetime]],
        *,
        keeps: bool = True,
    ) -> ProfileEvent:
        number = next(self.numbers)
        profile: dict[str, object] = {
            "email": key.upper() if how == "upper" else key,
            "company": f"Company {number} of {key}",
            "consent": consent,
        }
        if how != "nameless":
            profile |= {"firstName": "Ada", "lastName": "Lovelace"}
        memberships = tuple(Membership(audience(name), status, said) for name, (status, said) in changes.items())
        said = ProfileEvent(at, profile, {}, memberships, at, f"event-{number}" if how == "named" else None)
        if keeps:
            self.posted.append(said)
        return said

    def _send(self, events: Sequence[ProfileEvent]) -> None:
        for number, said in enumerate(events):
            self._note(said, self.world.now + timedelta(microseconds=number))
        before = set(self.world.queue.waiting)
        self.world.post(*events)
        for message_id in self.world.queue.waiting.keys() - before:
            self._note_message(message_id)

    def _send_body(self, body: str) -> None:
        before = set(self.world.queue.waiting)
        self.world.queue.send(self.world.connection.id, [body])
        for message_id in self.world.queue.waiting.keys() - before:
            self._note_message(message_id)

    def _note_message(self, message_id: str) -> None:
        message = json.loads(self.world.queue.waiting[message_id].body)
        self.units |= {(message["id"], message["first"] + number) for number in range(len(message["events"]))}

    def _note(self, said: ProfileEvent, received_at: datetime) -> None:
        if said.id is not None:
            received_at = self.first_receipts.setdefault(said.id, received_at)
        key = str(said.profile["email"]).lower()
        if self.asks:
            self.oracle.consents(key, Word(min(said.at, received_at), received_at, said.profile["consent"] == "y"))
        for one in said.memberships:
            is_sure = one.audience.id in self.was_active
            holds = one.status is MembershipStatus.REALIZED
            self.oracle.says(key, one.audience.id, Word(min(one.at, received_at), received_at, holds, is_sure))

    def _deliver(self, batch: list[Message], moments: int | None = None) -> None:
        before, owners, fields = self._lists(), self._owners(), self._companies()
        next_lead = self._next_lead()
        repairs_foreign = any(
            Repair.FOREIGN in one.repair and not one.is_finished for one in self.world.verifications.stored.values()
        )
        self.life.moments = moments
        try:
            report = self.world.sync(batch, timedelta(minutes=5))
        except CrashError:
            self.is_exact = False
            # Its messages and its lease are held until their time is over.
            self.world.now += timedelta(minutes=30)
        else:
            acknowledged = {one.id: one for one in batch if one.id not in report.requeued}
            self.world.queue.delete(list(acknowledged))
            parked = {one.message_id for one in report.messages if one.end is MessageEnd.PARKED}
            self.done |= acknowledged
            self._settle(one for name, one in acknowledged.items() if name not in parked)
            self._tick(seconds=1)
        finally:
            self.life.moments = None
        self.created += self._next_lead() - next_lead
        for lead_id in range(next_lead, self._next_lead()):
            self.oracle.has(lead_id, key_of(self.state.leads[lead_id]))
        self.oracle.delivered(before, self._lists(), owners | self._owners(), repairs_foreign=repairs_foreign)
        for lead_id, company in self._companies().items():
            if company != fields.get(lead_id):
                assert company is not None
                assert company.endswith(f"of {key_of(self.state.leads[lead_id])}"), (
                    "somebody else's values were written"
                )

    def _settle(self, messages: Any) -> None:
        for message in messages:
            self.settled_ids |= {one["id"] for one in json.loads(message.body)["events"]}

    def _request(self, repair: frozenset[Repair]) -> Verification | None:
        """As the control plane does: one at a time, of all audiences that have lists."""
        stored = self.world.verifications.stored
        lists = {name: one.list_id for name, one in sorted(self._active().items()) if one.list_id is not None}
        if any(not one.is_finished for one in stored.values()) or not self._keeps_lists() or not lists:
            return None
        now = self._tick()
        made = Verification(
            f"20261121T{next(self.numbers):012}Z-0a1b2c3d", self.world.connection.id, repair, now, len(lists), True
        )
        checks = [AudienceCheck(audience(name), name, list_id, name) for name, list_id in lists.items()]
        self.world.verifications.create(made, checks)
        self._send_body(verification_message(self.world.connection.id, made.id, now))
        return made

    def _activate(self, name: str, list_id: int | None) -> None:
        stored = self._stored()
        if list_id is None and (stored.connection.sync_type is not SyncType.PROFILE_ONLY):
            list_id = self._new_list()
        for other in self._lists().keys() - {list_id}:
            self.oracle.moved(name, other)
        self.last_lists[name] = list_id
        if list_id is not None:
            self.oracle.keeps(list_id)
        begun_at = stored.dormant.get(audience(name), self.world.now)
        made = Activation(audience(name), name, list_id=list_id, list_name=self._list_name(list_id), begun_at=begun_at)
        activations = {**stored.activations, made.audience: made}
        dormant = {one: at for one, at in stored.dormant.items() if one != made.audience}
        self.world.connections.stored[stored.connection.id] = replace(stored, activations=activations, dormant=dormant)
        self.was_active.add(name)

    def _configure(self, **changes: Any) -> None:
        stored, kept_lists = self._stored(), self._keeps_lists()
        changed = replace(stored, connection=replace(stored.connection, **changes))
        self.world.connections.stored[stored.connection.id] = changed
        if self._keeps_lists():
            for name, activation in self._active().items():
                list_id = activation.list_id
                if list_id is None:
                    list_id = self._new_list()
                    self._change_audience(name, list_id=list_id, list_name=self._list_name(list_id))
                if not kept_lists:
                    self.oracle.keeps(list_id)

    def _change_audience(self, name: str, **changes: Any) -> None:
        stored = self._stored()
        changed = {audience(name): replace(stored.activations[audience(name)], **changes)}
        activations = {**stored.activations, **changed}
        self.world.connections.stored[stored.connection.id] = replace(stored, activations=activations)

    def _change_list(self, member: lists_oracle.Membership, *, is_put: bool) -> None:
        members = self.state.lists[member.list_id].members
        if is_put and member.lead_id not in members:
            members.add(member.lead_id)
            self.oracle.put_on(member, self._owners().get(member.list_id))
        elif not is_put and member.lead_id in members:
            members.remove(member.lead_id)
            self.oracle.taken_off(member)

    # What there is

    def _tick(self, seconds: float = 0.001) -> datetime:
        self.world.sleep(seconds)
        return self.world.now

    def _minute(self) -> datetime:
        """The time to the minute, so that times are equal again and again."""
        return self.world.now.replace(second=0, microsecond=0)

    def _stored(self) -> Any:
        return self.world.connections.stored[self.world.connection.id]

    def _activations(self) -> dict[Any, Activation]:
        return dict(self._stored().activations)

    def _active(self) -> dict[str, Activation]:
        return {key.id: one for key, one in self._activations().items()}

    def _keeps_lists(self) -> bool:
        return self._stored().connection.sync_type is not SyncType.PROFILE_ONLY

    def _is_open(self, name: str) -> bool:
        return self._active()[name].is_scheduled(self.world.now)

    def _bound(self) -> dict[str, int]:
        """The lists of the audiences whose list is to be right now."""
        if not self._keeps_lists():
            return {}
        bound = {name: one.list_id for name, one in self._active().items() if self._is_open(name)}
        return {name: list_id for name, list_id in bound.items() if list_id is not None and list_id in self.state.lists}

    def _owners(self) -> dict[int, str]:
        return {one.list_id: name for name, one in self._active().items() if one.list_id is not None}

    def _lists(self) -> dict[int, set[int]]:
        return {one.id: set(one.members) for one in self.state.lists.values()}

    def _list_named(self, name: str) -> int:
        return next(one.id for one in self.state.lists.values() if one.name == name)

    def _list_name(self, list_id: int | None) -> str | None:
        return None if list_id is None or list_id not in self.state.lists else self.state.lists[list_id].name

    def _new_list(self) -> int:
        name = f"made {next(self.numbers)}"
        return self.state.add_list(name, self.state.group_lists("Default"), self.world.now).id

    def _companies(self) -> dict[int, str | None]:
        return {one.id: one.values.get("company") for one in self.state.leads.values()}  # type: ignore[misc]

    def _next_lead(self) -> int:
        return self.state._next_lead

    def _any_lead(self, data: st.DataObject) -> int:
        return data.draw(st.sampled_from(sorted(self.state.leads)))


def key_of(lead: Any) -> str:
    return str(lead.values["email"]).lower()
