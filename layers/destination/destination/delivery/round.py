"""The delivery of one connection's persons to Marketo, in rounds: look up, decide, doubt, act, settle.

Each step is done for all persons before the next, in as few and as full calls as Marketo takes, a few at a time. Those
whose lead was not as it was looked up, or who have a field that Marketo no longer has, go through a second round.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from destination.delivery.conversation import Conversation, Found, HaltError
from destination.domain.audience import AudienceKey
from destination.domain.connection import ActiveConnection, Connection
from destination.domain.consent import sift
from destination.domain.matching import Lead
from destination.domain.outcome import NO_CONSENT, TOO_MANY_MATCHES, rejected
from destination.domain.person import LedgerRow, Person, Unit, coalesce
from destination.domain.plan import Plan, Write, decide, in_doubt, needs_lookup
from destination.domain.schema import Field, dedupe_key
from destination.domain.settle import Answer, Answers, Settled, refused, refused_unit, settle
from destination.marketo.errors import FIELD_UNKNOWN, INVALID_DATA, LEAD_GONE, SOMEBODY_ELSE_CREATED_IT


@dataclass(frozen=True, slots=True)
class Result:
    """The persons that are settled; those missing from it were held up by `halt` and are to be tried later.

    `ignored` are units that do not concern the connection, as the ledger does not know their persons.
    """

    settled: tuple[Settled, ...]
    halt: HaltError | None
    ignored: tuple[Unit, ...] = ()


class _Round(NamedTuple):
    """What a round came to: the persons that are settled, and the keys of those to be tried once more."""

    settled: list[Settled]
    again: list[str]


@dataclass(slots=True)
class Delivery:
    """One batch of one connection, on its way.

    Leads are looked up by the `dedupe_field`; those who are not found by it, by the `ecid_field` (`legacy_v2`).
    `remember`: writes rows to the ledger before Marketo is told anything else of these persons.
    """

    target: ActiveConnection
    conversation: Conversation
    dedupe_field: Field
    clock: Callable[[], datetime]
    remember: Callable[[Mapping[str, LedgerRow]], None]
    ecid_field: Field | None = None
    _missing: frozenset[str] = field(default=frozenset(), init=False)

    def __call__(self, persons: Mapping[str, Sequence[Unit]], rows: Mapping[str, LedgerRow]) -> Result:
        """Deliver what is wanted of each person, by dedupe key, given the ledger's rows."""
        settled: list[Settled] = []
        ignored: list[Unit] = []
        lists = self.target.lists
        known = {key: row.on_lists(lists) for key, row in rows.items()}
        if self._connection.consent is not None:
            sifted = sift(persons, known, self._connection.scope)
            persons, ignored = sifted.persons, sifted.ignored
            known |= sifted.rows
            settled += [refused_unit(unit, reason) for unit, reason in sifted.aside]
        first = self._round([coalesce(key, units, known.get(key)) for key, units in persons.items()], known, last=False)
        settled += first.settled
        if first.again:
            self._missing = self.conversation.missing_fields()
            known |= {key: known.get(key, LedgerRow()).forgetting_lead() for key in first.again}
            wanted = [coalesce(key, persons[key], known[key]).without(self._missing) for key in first.again]
            settled += self._round(wanted, known, last=True).settled
        return Result(tuple(settled), self.conversation.halt, tuple(ignored))

    @property
    def _connection(self) -> Connection:
        return self.target.connection

    def _round(self, persons: Sequence[Person], rows: Mapping[str, LedgerRow], *, last: bool) -> _Round:
        """Settle the persons that can be; `last`: nobody is tried once more with what is true by now."""
        now = self.clock()
        unknown = [one for one in persons if needs_lookup(self._connection, one, rows.get(one.key), now)]
        found = self._look_up(unknown)
        held_up = {one.key for one in unknown} - found.leads.keys()
        plans = self._decide([one for one in persons if one.key not in held_up], rows, found, now)
        self._doubt(plans, rows)
        answers = self._act(plans, last=last)
        settled, again = self._settle(plans, answers, rows, now, last=last)
        failed = found.failed
        return _Round([*(_not_found(one, failed[one.key]) for one in persons if one.key in failed), *settled], again)

    def _look_up(self, persons: Sequence[Person]) -> Found:
        """The leads of each person. Who is in neither part of the answer could not be asked for yet."""
        if self.ecid_field is None:
            return self.conversation.find(self.dedupe_field, [one.key for one in persons])
        with_value = [one.key for one in persons if one.dedupe_value is not None]
        found = self.conversation.find(self.dedupe_field, with_value)
        by_ecid: defaultdict[str, list[str]] = defaultdict(list)
        for one in persons:
            if one.ecid is not None and (one.dedupe_value is None or found.leads.get(one.key) == []):
                by_ecid[dedupe_key(one.ecid, self.ecid_field)].append(one.key)
        second = self.conversation.find(self.ecid_field, list(by_ecid))
        for ecid, keys in by_ecid.items():
            for key in keys:
                found.leads.pop(key, None)
                if ecid in second.leads:
                    found.leads[key] = second.leads[ecid]
                elif ecid in second.failed:
                    found.failed[key] = second.failed[ecid]
        return found

    def _decide(
        self, persons: Iterable[Person], rows: Mapping[str, LedgerRow], found: Found, now: datetime
    ) -> list[Plan]:
        return [self._plan(one, rows.get(one.key), found.leads.get(one.key), now) for one in persons]

    def _plan(self, person: Person, row: LedgerRow | None, matches: list[Lead] | None, now: datetime) -> Plan:
        wanted = self._as_new(person, row) if matches == [] else person
        return decide(self._connection, wanted, row, matches, now)

    def _as_new(self, person: Person, row: LedgerRow | None) -> Person:
        """Somebody without a lead, who has none of the attributes that were delivered, however new they were."""
        if row is None or row.attributes_at is None:
            return person
        return coalesce(person.key, person.units, replace(row, attributes_at=None)).without(self._missing)

    def _doubt(self, plans: Iterable[Plan], rows: Mapping[str, LedgerRow]) -> None:
        """Let the ledger forget what will no longer be true once Marketo is told something else."""
        doubtful = {
            plan.person.key: in_doubt(plan, rows[plan.person.key])
            for plan in plans
            if plan.tells and plan.person.key in rows
        }
        self.remember({key: row for key, row in doubtful.items() if row != rows[key]})

    def _act(self, plans: Sequence[Plan], *, last: bool) -> dict[str, Answers]:
        """Carry the plans out; the answers of those of which every call was answered, by the person's key."""
        written = self.conversation.write(plans, last=last)
        listed = self.conversation.change_lists(plans, written)
        answers: dict[str, Answers] = {}
        for plan in plans:
            key = plan.person.key
            if _is_answered(plan, written.get(key), listed[key]):
                lists = {audience: tuple(given) for audience, given in listed[key].items()}
                answers[key] = Answers(written.get(key), lists)
        return answers

    def _settle(
        self,
        plans: Iterable[Plan],
        answers: Mapping[str, Answers],
        rows: Mapping[str, LedgerRow],
        now: datetime,
        *,
        last: bool,
    ) -> _Round:
        result = _Round([], [])
        for plan in plans:
            key = plan.person.key
            if key not in answers:
                continue
            if not last and _is_stale(plan, answers[key]):
                result.again.append(key)
            else:
                result.settled.append(settle(self.target, plan, answers[key], rows.get(key), now))
        return result


def _not_found(person: Person, code: str) -> Settled:
    """A person whose leads Marketo cannot answer for."""
    return refused(person, TOO_MANY_MATCHES if code == INVALID_DATA else rejected(code))


def _is_answered(plan: Plan, written: Answer | None, listed: Mapping[AudienceKey, Sequence[Answer]]) -> bool:
    if plan.write is not Write.NOTHING:
        if written is None:
            return False
        if written.code is not None:
            return True
    joined = all(audience in listed for audience in plan.add)
    return joined and all(len(listed.get(audience, ())) == len(leads) for audience, leads in plan.remove.items())


def _is_stale(plan: Plan, answers: Answers) -> bool:
    """Whether the lead is gone, somebody else made one since it was looked up, or a field is no longer there."""
    if answers.write is not None and answers.write.code is not None:
        stale = {LEAD_GONE} if plan.write is Write.UPDATE else SOMEBODY_ELSE_CREATED_IT
        return answers.write.code in {*stale, FIELD_UNKNOWN}
    gone = {one.lead_id for given in answers.lists.values() for one in given if one.code == LEAD_GONE}
    return plan.lead_id in gone or (plan.verdict is NO_CONSENT and bool(gone))
