"""What a connection makes of Marketo, stated a second time: slowly, one person after the other, and without our code.

Source: Adobe, "Marketo Engage destination": sync type and person action table, important considerations, mapping
requirements; "(Legacy) (V2) Marketo Engage", identities; "Consent policies"; of our own rules those of order (the
newest wins) and of accounting. Nothing of the domain is called: from it come only the values of a configuration, and
the form of an event.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from destination.domain.connection import Connection
from destination.domain.event import ProfileEvent

#                                                         matched lead          unmatched profile
#                                                         fields   lists        created   in the chosen partition
TABLE = {
    ("profile_only", "update_existing_and_create_new"): (True, False, True, True),
    ("profile_only", "update_existing_only"): (True, False, False, True),
    ("audience_only", "update_existing_and_create_new"): (False, True, True, False),
    ("audience_only", "update_existing_only"): (False, True, False, False),
    ("audience_and_profile", "update_existing_and_create_new"): (True, True, True, True),
    ("audience_and_profile", "update_existing_only"): (True, True, False, True),
}
TEXTS = {"firstName": "firstName", "lastName": "lastName", "company": "company", "email": "email"}
LISTS = ("a", "b")
ECID_FIELD = "customerNumber"
BAD = object()
"""A value that Marketo cannot take: it is not sent, and neither is the older one that it replaces."""


@dataclass(eq=False)
class OracleLead:
    """A lead; one that was seeded has an id."""

    fields: dict[str, object]
    partition: str
    updated: datetime
    id: int = 0
    lists: set[str] = field(default_factory=set)

    def write(self, values: Mapping[str, object], now: datetime) -> None:
        before = dict(self.fields)
        for name, value in values.items():
            if value is None:
                self.fields.pop(name, None)
            else:
                self.fields[name] = value
        if self.fields != before:
            self.updated = now.replace(microsecond=0)


@dataclass
class Memory:
    """What was delivered of one person."""

    audiences: dict[str, tuple[bool, datetime]] = field(default_factory=dict)
    holders: dict[str, OracleLead] = field(default_factory=dict)
    attributes_at: datetime | None = None
    told: dict[str, object] | None = None
    told_at: datetime | None = None
    yes_at: datetime | None = None
    no_at: datetime | None = None


@dataclass
class Said:
    """One event, read for a connection: what it says of one person. `consents`: None where nobody is asked."""

    at: datetime
    key: tuple[str, str]
    email: str | None
    ecid: str | None
    attributes: dict[str, object]
    audiences: dict[str, tuple[bool, datetime]]
    bad: set[str]
    consents: bool | None


@dataclass
class Oracle:
    """The leads, their lists, and how many events ended how."""

    connection: Connection
    clears_company: bool
    leads: list[OracleLead] = field(default_factory=list)
    memories: dict[tuple[str, str], Memory] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    asked: dict[tuple[str, str], tuple[datetime | None, datetime | None]] = field(default_factory=dict)
    leaving: list[tuple[str, OracleLead]] = field(default_factory=list)
    joining: list[tuple[str, OracleLead]] = field(default_factory=list)

    def deliver(self, events: Sequence[ProfileEvent], now: datetime) -> None:
        """Take a batch of events that were not delivered before, in their order of arrival."""
        persons: dict[tuple[str, str], list[Said]] = {}
        for event in events:
            said = self._read(event)
            if said is not None:
                persons.setdefault(said.key, []).append(said)
        counting = {key: self._consenting(key, all_said) for key, all_said in persons.items()}
        leads = {key: self._match(key, all_said) for key, all_said in counting.items() if all_said}
        for key, lead in leads.items():
            self._person(key, counting[key], lead, now)
        # Two persons may be one lead: whoever leaves a list does so before others join it.
        for name, lead in self.leaving:
            lead.lists.discard(name)
        for name, lead in self.joining:
            lead.lists.add(name)
        self.leaving, self.joining = [], []

    # Reading an event

    def _read(self, event: ProfileEvent) -> Said | None:
        audiences = {one.audience.id: (one.status == "realized", one.at) for one in event.memberships}
        audiences = {name: one for name, one in audiences.items() if name in LISTS}
        concerns = bool(audiences) or self.connection.scope == "all_profiles"
        consents = self._consents(event.profile)
        if not concerns and consents is not False:
            self.counts["ignored"] += 1
            return None
        key, email, ecid = self._identity(event.profile)
        if key is None:
            self.counts["excluded" if concerns else "ignored"] += 1
            return None
        if consents is False:
            return Said(event.at, key, email, ecid, {}, audiences, set(), consents)
        attributes, bad = self._attributes(event.profile)
        if bad and self._bad_fails and self._rule[0]:
            self.counts["failed"] += 1
            return None
        return Said(event.at, key, email, ecid, attributes, audiences, bad, consents)

    def _consents(self, profile: Mapping[str, object]) -> bool | None:
        if self.connection.consent is None:
            return None
        given = profile.get("consent")
        return given in ("y", True) or (isinstance(given, list) and "y" in given)

    def _identity(self, profile: Mapping[str, object]) -> tuple[tuple[str, str] | None, str | None, str | None]:
        """The person's key, its value for the dedupe field, and its ECID."""
        email, customer = (str(profile.get(name) or "").strip() for name in ("email", "customer"))
        if not self._by_email:
            return (("customer", customer), customer, None) if customer else (None, None, None)
        ecid = (customer if self._is_legacy else "") or None
        if "@" in email:
            return ("email", email.lower()), email, ecid
        return (("ecid", ecid), None, ecid) if ecid else (None, None, None)

    @property
    def _by_email(self) -> bool:
        return self.connection.dedupe_field == "email"

    @property
    def _is_legacy(self) -> bool:
        return self.connection.generation == "legacy_v2"

    @property
    def _bad_fails(self) -> bool:
        return self.connection.on_invalid == "fail"

    def _attributes(self, profile: Mapping[str, object]) -> tuple[dict[str, object], set[str]]:
        attributes: dict[str, object] = {}
        bad: set[str] = set()
        updates, _, creates, _ = self._rule
        if not (updates or creates):
            return {}, set()
        for name, target in TEXTS.items():
            value = profile.get(name)
            if name == "email" and self._by_email:
                continue
            if value is None and name == "company" and self.clears_company:
                attributes[target] = None
            if value in (None, ""):
                continue
            if len(str(value)) > 255 or (name == "email" and "@" not in str(value)):
                bad.add(target)
            else:
                attributes[target] = value
        score = profile.get("score")
        if score is not None:
            if str(score).isdecimal():
                attributes["leadScore"] = int(str(score))
            else:
                bad.add("leadScore")
        return attributes, bad

    # One person

    def _consenting(self, key: tuple[str, str], all_said: Sequence[Said]) -> list[Said]:
        """What is left to be done: nothing for who has no consent, once it is off its lists."""
        if self.connection.consent is None:
            return list(all_said)
        known = self.memories.get(key)
        asked = bool(known) or self.connection.scope == "all_profiles" or any(said.audiences for said in all_said)
        if not asked:
            self.counts["ignored"] += len(all_said)
            return []
        memory = known or Memory()
        no = [(said.at, number) for number, said in enumerate(all_said) if not said.consents]
        self.counts["excluded"] += len(no)
        last_no = max([one for one in no if memory.yes_at is None or one[0] >= memory.yes_at], default=None)
        yes = [(said.at, number) for number, said in enumerate(all_said) if said.consents]
        valid = [one for one in yes if memory.no_at is None or one[0] >= memory.no_at]
        after = [one for one in valid if last_no is None or one > last_no]
        self.counts["unchanged"] += len(yes) - len(after)
        no_at = max(filter(None, (memory.no_at, last_no and last_no[0])), default=None)
        yes_at = max(filter(None, (memory.yes_at, *(at for at, _ in valid))), default=None)
        self.asked[key] = yes_at, no_at
        if not after and last_no is not None:
            self.memories[key] = memory
            memory.yes_at, memory.no_at = yes_at, no_at
            for name in [name for name, (is_in, _) in memory.audiences.items() if is_in]:
                del memory.audiences[name]
                if name in memory.holders:
                    self.leaving.append((name, memory.holders.pop(name)))
        return [all_said[number] for _, number in sorted(after, key=lambda one: one[1])]

    def _match(self, key: tuple[str, str], all_said: Sequence[Said]) -> OracleLead | None:
        of, value = key
        found = [lead for lead in self.leads if of != "ecid" and self._key(lead) == value]
        if self._is_legacy and not found and (ecid := _newest_ecid(all_said)):
            found = [lead for lead in self.leads if lead.fields.get(ECID_FIELD) == ecid]
        return max(found, key=lambda one: (one.updated, one.id), default=None)

    def _person(self, key: tuple[str, str], all_said: Sequence[Said], lead: OracleLead | None, now: datetime) -> None:
        memory = self.memories.get(key) or Memory()
        attributes, at, audiences, helpful = _newest(all_said, memory)
        if lead is not None:
            ending = self._matched(lead, memory, attributes, at, audiences, now)
        else:
            ending = self._unmatched(all_said, memory, attributes, at, audiences, now)
        if ending in ("activated", "unchanged"):
            self.memories[key] = memory
            memory.audiences.update(audiences)
            memory.yes_at, memory.no_at = self.asked.pop(key, (None, None))
        for number, said in enumerate(all_said):
            overtaken = (said.attributes or said.audiences) and number not in helpful
            self.counts["unchanged" if overtaken else ending] += 1

    def _key(self, lead: OracleLead) -> str:
        value = str(lead.fields.get(self.connection.dedupe_field, ""))
        return value.lower() if self._by_email else value

    @property
    def _rule(self) -> tuple[bool, bool, bool, bool]:
        return TABLE[self.connection.sync_type.value, self.connection.person_action.value]

    def _matched(
        self,
        lead: OracleLead,
        memory: Memory,
        attributes: dict[str, object],
        at: datetime | None,
        audiences: dict[str, tuple[bool, datetime]],
        now: datetime,
    ) -> str:
        updates, keeps_lists, _, _ = self._rule
        something = False
        if updates and attributes:
            memory.attributes_at = at
            is_old = memory.told_at is None or now - memory.told_at >= timedelta(hours=24)
            if attributes != memory.told or is_old:
                lead.write(attributes, now)
                memory.told, memory.told_at = attributes, now
                something = True
        for name, (is_in, _) in audiences.items() if keeps_lists else ():
            was_in = memory.audiences.get(name, (None,))[0]
            if is_in and not was_in:
                self.joining.append((name, lead))
                memory.holders[name] = lead
                something = True
            if not is_in and was_in is not False:
                for one in {lead, memory.holders.pop(name, lead)}:
                    something = something or name in one.lists
                    self.leaving.append((name, one))
        return "activated" if something else "unchanged"

    def _unmatched(
        self,
        all_said: Sequence[Said],
        memory: Memory,
        attributes: dict[str, object],
        at: datetime | None,
        audiences: dict[str, tuple[bool, datetime]],
        now: datetime,
    ) -> str:
        _, keeps_lists, creates, chosen_partition = self._rule
        named = {name for said in all_said for name in said.audiences}
        realized = {name for name, (is_in, _) in (memory.audiences | audiences).items() if is_in and name in named}
        if named and not realized:
            return "unchanged"
        fields = {name: value for name, value in attributes.items() if value is not None}
        fields[self.connection.dedupe_field] = all_said[-1].email
        if ecid := _newest_ecid(all_said):
            fields[ECID_FIELD] = ecid
        if not (creates and realized):
            return "excluded"
        if self._bad_fails and any(said.bad for said in all_said):
            return "failed"
        if not all(fields.get(name) for name in ("firstName", "lastName", "email")):
            return "excluded"
        partition = self.connection.partition if chosen_partition else None
        lead = OracleLead(fields, partition or "Default", now.replace(microsecond=0))
        self.leads.append(lead)
        if keeps_lists:
            lead.lists |= realized
            memory.holders |= dict.fromkeys(realized, lead)
        memory.attributes_at, memory.told, memory.told_at = at, attributes, now
        return "activated"


def _newest_ecid(all_said: Sequence[Said]) -> str | None:
    ecids = [said.ecid for said in sorted(all_said, key=lambda one: one.at) if said.ecid]
    return ecids[-1] if ecids else None


def _newest(
    all_said: Sequence[Said], memory: Memory
) -> tuple[dict[str, object], datetime | None, dict[str, tuple[bool, datetime]], set[int]]:
    """Attributes with their time, audiences, and the places of the events that had a part in them."""
    attributes: dict[str, tuple[datetime, int, object]] = {}
    audiences: dict[str, tuple[datetime, int, bool]] = {}
    times: list[datetime] = []
    for number, said in enumerate(all_said):
        if memory.attributes_at is None or said.at > memory.attributes_at:
            times.append(said.at)
            for name, value in (said.attributes | dict.fromkeys(said.bad, BAD)).items():
                if name not in attributes or (said.at, number) > attributes[name][:2]:
                    attributes[name] = (said.at, number, value)
        for audience, (is_in, at) in said.audiences.items():
            if audience in memory.audiences and at <= memory.audiences[audience][1]:
                continue
            if audience not in audiences or (at, number) > audiences[audience][:2]:
                audiences[audience] = (at, number, is_in)
    attributes = {name: one for name, one in attributes.items() if one[2] is not BAD}
    helpful = {number for _, number, _ in attributes.values()} | {number for _, number, _ in audiences.values()}
    return (
        {name: value for name, (_, _, value) in attributes.items()},
        max(times, default=None),
        {name: (is_in, at) for name, (at, _, is_in) in audiences.items()},
        helpful,
    )
