"""What a connection makes of Marketo, stated a second time: slowly, one person after the other, and without our code.

Source: Adobe, "Marketo Engage destination": sync type and person action table, important considerations, mapping
requirements; "(Legacy) (V2) Marketo Engage", identities; "Consent policies"; of our own rules those of order (the
newest wins, of equal times the one received later), of desired and applied, and of accounting. Nothing of the domain is
called: from it come only the values of a configuration, and the form of an event.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from destination.domain.event import ProfileEvent
from tests.property.oracle_events import BAD, ECID_FIELD, LISTS, Pair, Reading, Said


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
    """What the source said last of one person, and what Marketo was told.

    `doubted`: the lists on which each of the leads may be or not. `is_looked_up`: nobody, or one lead, was found.
    """

    desired: dict[str, tuple[Pair, bool]] = field(default_factory=dict)
    applied: dict[str, list[OracleLead]] = field(default_factory=dict)
    doubted: set[str] = field(default_factory=set)
    consent: tuple[Pair, bool] | None = None
    told: dict[str, object] | None = None
    told_pair: Pair | None = None
    told_at: datetime | None = None
    told_lead: OracleLead | None = None
    lead: OracleLead | None = None
    is_looked_up: bool = False

    @property
    def realized(self) -> set[str]:
        return {name for name, (_, is_in) in self.desired.items() if is_in}

    def copy(self) -> "Memory":
        return replace(self, desired=dict(self.desired), applied=dict(self.applied), doubted=set(self.doubted))


@dataclass(eq=False)
class Wish:
    """What is to be done about one person of a batch.

    `before`: what was known (None: nothing). `counting`: its events that end as the person does, `apart` how many end
    for a reason of their own. `fields`: those that are newer than what was sent, and when they were said. `is_bad`:
    some could not be taken.
    """

    key: tuple[str, str]
    ordered: Sequence[Said]
    before: Memory | None
    memory: Memory
    received: list[Said]
    counting: list[Said]
    apart: Counter[str]
    fields: dict[str, object]
    pair: Pair | None
    exports: bool
    is_bad: bool
    lead: OracleLead | None = None
    is_found_out: bool = False
    joins: dict[str, OracleLead] = field(default_factory=dict)
    leaves: dict[str, list[OracleLead]] = field(default_factory=dict)

    @property
    def known(self) -> Memory:
        return self.before or Memory()

    @property
    def ecid(self) -> str | None:
        return next((said.ecid for said in reversed(self.ordered) if said.ecid), None)

    @property
    def named(self) -> bool:
        return any(said.audiences for said in self.received)


@dataclass
class Oracle(Reading):
    """The leads, their lists, and how many events ended how. Every list may hold people whom others put there."""

    leads: list[OracleLead] = field(default_factory=list)
    memories: dict[tuple[str, str], Memory] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)

    def deliver(self, events: Sequence[ProfileEvent], now: datetime) -> None:
        """Take a batch of events that were not delivered before."""
        persons: dict[tuple[str, str], list[Said]] = {}
        for event in events:
            said = self._read(event)
            if said is None:
                self.counts["excluded" if self._concerns(event) else "ignored"] += 1
            else:
                persons.setdefault(said.key, []).append(said)
        wishes = [self._wish(key, sorted(all_said, key=_pair)) for key, all_said in persons.items()]
        wishes = [self._found(one, now) for one in wishes if one.received]
        endings = [self._decide(one, now) for one in wishes]
        self._spare(wishes)
        changes = [bool(one.joins) or self._leaves_any(one) for one in wishes]
        # Two persons may be one lead: whoever leaves a list does so before others join it.
        for one in wishes:
            for name, leads in one.leaves.items():
                for lead in leads:
                    lead.lists.discard(name)
        for one, ending, has_changed in zip(wishes, endings, changes, strict=True):
            for name, lead in one.joins.items():
                lead.lists.add(name)
            self.counts += one.apart
            self.counts[ending or ("activated" if has_changed else "unchanged")] += len(one.counting)

    # What is wanted of one person

    def _wish(self, key: tuple[str, str], ordered: Sequence[Said]) -> Wish:
        """Remember what the events of a person want, in the order in which they were said, and tell which count."""
        before = self.memories.get(key)
        memory = (before or Memory()).copy()
        wish = self._counted(key, ordered, before, memory, self._hear(memory, ordered))
        self.counts["ignored"] += len(ordered) - len(wish.received)
        known = before or Memory()
        if wish.received or (memory.desired, memory.consent) != (known.desired, known.consent):
            self.memories[key] = memory
        return wish

    def _hear(self, memory: Memory, ordered: Sequence[Said]) -> dict[str, Said]:
        """Remember what is newest of audiences and consent; by audience the event that told it."""
        news: dict[str, Said] = {}
        for said in ordered:
            for name, (pair, is_in) in said.audiences.items():
                known = memory.desired.get(name)
                if known is None or pair > known[0] or (pair == known[0] and name in news):
                    memory.desired[name] = pair, is_in
                    news[name] = said
            if said.consents is not None and (memory.consent is None or said.pair >= memory.consent[0]):
                memory.consent = said.pair, said.consents
        return news

    def _counted(
        self,
        key: tuple[str, str],
        ordered: Sequence[Said],
        before: Memory | None,
        memory: Memory,
        news: Mapping[str, Said],
        *,
        nobody_was_told: bool = False,
    ) -> Wish:
        known = before or Memory()
        withdrawals = [said.pair for said in ordered if said.consents is False]
        if known.consent is not None and not known.consent[1]:
            withdrawals.append(known.consent[0])
        exports = self._exports(memory)
        is_wanted = bool(memory.realized) or self.connection.scope == "all_profiles"
        hears_no = before is not None or self._rule[1]
        received = [one for one in ordered if is_wanted or one.audiences or (one.consents is False and hears_no)]
        apart: Counter[str] = Counter()
        counting = []
        for said in received:
            if said.fails:
                apart["failed"] += 1
            elif said.consents is False and exports:
                apart["excluded"] += 1
            elif said.consents and any(one > said.pair for one in withdrawals):
                apart["unchanged"] += 1
            else:
                counting.append(said)
        told = None if nobody_was_told else known.told_pair
        newer = [one for one in counting if told is None or one.pair > told]
        is_bad = any(said.bad for said in counting)
        fields, helpful = _newest_fields(newer)
        helpful |= set(news.values())
        if withdrawals and memory.consent is not None:  # Consent given again brings back what is desired.
            helpful |= {one for one in counting if one.pair == memory.consent[0]}
        if exports:
            overtaken = [one for one in counting if (one.attributes or one.audiences) and one not in helpful]
            apart["unchanged"] += len(overtaken)
            counting = [one for one in counting if one not in overtaken]
        pair = newer[-1].pair if newer else None
        return Wish(key, ordered, before, memory, received, counting, apart, fields, pair, exports, is_bad)

    def _exports(self, memory: Memory) -> bool:
        return self.connection.consent is None or memory.consent is None or memory.consent[1]

    def _wanted(self, memory: Memory) -> set[str]:
        """The lists that somebody is to be on."""
        return memory.realized if self._rule[1] and self._exports(memory) else set()

    # Which lead it is

    def _found(self, wish: Wish, now: datetime) -> Wish:
        """The wish with the lead, looked up if there is anything to be told; else it is the one that is remembered."""
        if not wish.counting:
            return wish
        is_looked_up = self._has_something_to_tell(wish, now) if wish.exports else self._looks_up_withdrawn(wish)
        if not is_looked_up:
            wish.lead = wish.known.lead if wish.exports else None
            return wish
        found = self._matches(wish)
        if not found and wish.known.told_pair is not None and wish.exports:
            # Nobody has the attributes that were sent, however new they were.
            news = {name: one for one in wish.ordered for name in self._news_of(wish, one)}
            wish = self._counted(wish.key, wish.ordered, wish.before, wish.memory, news, nobody_was_told=True)
        wish.is_found_out = True
        wish.lead = max(found, key=lambda one: (one.updated, one.id), default=None)
        is_sure = len(found) == 1 and wish.exports
        wish.memory.lead = wish.lead if is_sure else None
        wish.memory.is_looked_up = is_sure or not found
        return wish

    def _news_of(self, wish: Wish, said: Said) -> list[str]:
        known = wish.known.desired
        return [
            name
            for name, (pair, _) in said.audiences.items()
            if wish.memory.desired[name][0] == pair and (name not in known or pair > known[name][0])
        ]

    def _matches(self, wish: Wish) -> list[OracleLead]:
        of, value = wish.key
        found = [lead for lead in self.leads if of != "ecid" and self._key(lead) == value]
        if self._is_legacy and not found and wish.ecid:
            found = [lead for lead in self.leads if lead.fields.get(ECID_FIELD) == wish.ecid]
        return found

    def _has_something_to_tell(self, wish: Wish, now: datetime) -> bool:
        known = wish.known
        if wish.before is None:
            return True
        if known.lead is None and (known.is_looked_up or (known.told_pair is None and not known.applied)):
            return True
        return self._writes(wish, known.lead, now) or any(self._differs(wish, name) for name in self._lists(wish))

    def _differs(self, wish: Wish, name: str) -> bool:
        on = wish.known.applied.get(name)
        if on is None or name in wish.known.doubted:
            return True
        if name in wish.memory.realized:
            return len(on) != 1 or wish.known.lead not in {None, *on}
        return bool(on)

    def _writes(self, wish: Wish, lead: OracleLead | None, now: datetime) -> bool:
        known = wish.known
        if not (self._rule[0] and wish.fields):
            return False
        if known.told_at is None or known.told != wish.fields or lead not in {None, known.told_lead}:
            return True
        return now - known.told_at >= timedelta(hours=24)

    def _lists(self, wish: Wish) -> list[str]:
        return list(wish.memory.desired) if self._rule[1] else []

    def _key(self, lead: OracleLead) -> str:
        value = str(lead.fields.get(self.connection.dedupe_field, ""))
        return value.lower() if self._by_email else value

    # A withdrawal

    def _withdrawn_lists(self, known: Memory) -> list[str]:
        """The lists that somebody without consent may be on, and was not taken off."""
        if not self._rule[1]:
            return []
        return [name for name in LISTS if known.applied.get(name) or name in known.doubted or name not in known.applied]

    def _looks_up_withdrawn(self, wish: Wish) -> bool:
        known = wish.known
        is_first = known.consent is None or known.consent[1]
        lists = self._withdrawn_lists(known)
        return any(name in known.doubted or (name not in known.applied and is_first) for name in lists)

    # What is done

    def _decide(self, wish: Wish, now: datetime) -> str:
        """Write the lead, and say who joins and leaves which list. How it ends; empty: that depends on the lists."""
        known = wish.known
        if not wish.counting:
            return ""
        if not wish.exports:
            for name in self._withdrawn_lists(known):
                leads = dict.fromkeys([*known.applied.get(name, []), *([wish.lead] if wish.lead else [])])
                wish.leaves |= {name: list(leads)} if leads else {}
            return "excluded"
        if wish.fields and wish.fields == known.told:  # Said again.
            wish.memory.told_pair = wish.pair
        if wish.lead is not None:
            return self._matched(wish, wish.lead, now)
        return self._unmatched(wish, now) if wish.is_found_out else ""

    def _matched(self, wish: Wish, lead: OracleLead, now: datetime) -> str:
        writes = self._writes(wish, lead, now)
        if writes:
            lead.write(wish.fields, now)
            self._note_told(wish, lead, now)
        for name in self._lists(wish):
            on = wish.known.applied.get(name)
            if name in wish.memory.realized:
                if on is None or name in wish.known.doubted or lead not in on:
                    wish.joins[name] = lead
                if others := [one for one in on or [] if one is not lead]:
                    wish.leaves[name] = others
            elif on is None or on or name in wish.known.doubted:
                wish.leaves[name] = list(dict.fromkeys([lead, *(on or [])]))
        return "activated" if writes else ""

    def _unmatched(self, wish: Wish, now: datetime) -> str:
        _, keeps_lists, creates, chosen_partition = self._rule
        realized = wish.memory.realized
        for name in self._lists(wish):
            if on := wish.known.applied.get(name):
                wish.leaves[name] = list(on)
        if not realized and wish.named:
            return ""
        if not (creates and realized):
            return "excluded"
        if self._bad_fails and wish.is_bad:
            return "failed"
        fields = {name: value for name, value in wish.fields.items() if value is not None}
        fields[self.connection.dedupe_field] = wish.ordered[-1].email
        if wish.ecid:
            fields[ECID_FIELD] = wish.ecid
        if not all(fields.get(name) for name in ("firstName", "lastName", "email")):
            return "excluded"
        partition = self.connection.partition if chosen_partition else None
        lead = OracleLead(fields, partition or "Default", now.replace(microsecond=0))
        self.leads.append(lead)
        wish.memory.lead = lead
        self._note_told(wish, lead, now)
        if keeps_lists:
            wish.joins |= dict.fromkeys(realized, lead)
        return "activated"

    def _note_told(self, wish: Wish, lead: OracleLead, now: datetime) -> None:
        memory = wish.memory
        memory.told, memory.told_pair, memory.told_at, memory.told_lead = wish.fields, wish.pair, now, lead

    # Lists, which two persons may be on by one lead

    def _spare(self, wishes: Sequence[Wish]) -> None:
        """Let nobody leave or join a list by a lead by which another person is, or is to be, on it; keep the rest."""
        of_batch = {one.key: one for one in wishes}
        standing = {key: self._places(memory) for key, memory in self.memories.items() if key not in of_batch}
        planned = {one.key: self._planned(one) for one in wishes}
        touched = {one.key: {*one.joins, *one.leaves} for one in wishes}
        taken_over = self._stay(of_batch, standing | planned)
        for one in wishes:
            for name, lead in list(one.joins.items()):
                if any((name, lead) in standing.get(other, set()) for other in self._keys(lead) - {one.key}):
                    del one.joins[name]
            standing[one.key] = planned[one.key]
            self._apply(one, touched[one.key])
        for key, name, lead in taken_over:
            memory = self.memories[key]
            if name not in touched.get(key, set()):
                memory.applied[name] = [*memory.applied.get(name, []), lead]
                memory.doubted.add(name)

    def _stay(
        self, of_batch: Mapping[tuple[str, str], Wish], places: Mapping[tuple[str, str], set[tuple[str, OracleLead]]]
    ) -> list[tuple[tuple[str, str], str, OracleLead]]:
        """Let nobody leave by a lead that another person has; the places of which the other did not know."""
        taken_over = []
        leaves = [
            (one, name, lead) for one in of_batch.values() for name, all_of in one.leaves.items() for lead in all_of
        ]
        for one, name, lead in leaves:
            for other in self._keys(lead) - {one.key}:
                is_there = (name, lead) in places.get(other, set())
                if not is_there and self._may_claim(of_batch.get(other), other, name):
                    taken_over.append((other, name, lead))
                    is_there = True
                if is_there and lead in one.leaves[name]:
                    one.leaves[name] = [each for each in one.leaves[name] if each is not lead]
        return taken_over

    def _planned(self, wish: Wish) -> set[tuple[str, OracleLead]]:
        """Where somebody is to be after the batch."""
        if wish.lead is None or not wish.exports:
            return self._places(replace(wish.memory, applied=wish.known.applied))
        return {(name, wish.lead) for name in self._wanted(wish.memory)}

    def _apply(self, wish: Wish, touched: set[str]) -> None:
        """Remember by which lead the person is on each list of which Marketo was told, or somebody else keeps it."""
        lead = wish.memory.lead if wish.lead is None else wish.lead
        for name in touched:
            stays = wish.exports and lead is not None and name in wish.memory.realized
            wish.memory.applied[name] = [lead] if stays and lead is not None else []
            wish.memory.doubted.discard(name)

    def _places(self, memory: Memory) -> set[tuple[str, OracleLead]]:
        return {(name, lead) for name in self._wanted(memory) for lead in memory.applied.get(name, [])}

    def _may_claim(self, wish: Wish | None, key: tuple[str, str], name: str) -> bool:
        """Whether it is not known by which lead a person is to be on a list."""
        if wish is not None and wish.is_found_out:
            return False
        return key in self.memories and name in self._wanted(self.memories[key])

    def _keys(self, lead: OracleLead) -> set[tuple[str, str]]:
        """The persons that a lead may be."""
        ecid = lead.fields.get(ECID_FIELD)
        by_ecid = {("ecid", str(ecid))} if self._is_legacy and ecid else set()
        return {("email" if self._by_email else "customer", self._key(lead)), *by_ecid}

    def _leaves_any(self, wish: Wish) -> bool:
        return any(name in lead.lists for name, leads in wish.leaves.items() for lead in leads)


def _pair(said: Said) -> Pair:
    return said.pair


def _newest_fields(ordered: Sequence[Said]) -> tuple[dict[str, object], set[Said]]:
    """By field the newest value, less those that a newer bad one replaces; and the events that they come from."""
    fields: dict[str, tuple[object, Said]] = {}
    for said in ordered:
        for name, value in (said.attributes | dict.fromkeys(said.bad, BAD)).items():
            fields[name] = value, said
    kept = {name: one for name, one in fields.items() if one[0] is not BAD}
    return {name: value for name, (value, _) in kept.items()}, {said for _, said in kept.values()}
