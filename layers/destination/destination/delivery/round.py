"""The delivery of one connection's persons to Marketo, in rounds: look up, decide, doubt, act, settle.

Each step is done for all persons before the next, in as few and as full calls as Marketo takes, a few at a time. Those
whose lead was not as it was looked up, or who have a field that Marketo no longer has, go through a second round.
"""

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final, NamedTuple

from destination.delivery.bulk_lane import Lane, Rows, Told
from destination.delivery.calls import HaltError
from destination.delivery.circuits import Held
from destination.delivery.conversation import Conversation, Found, lead_of
from destination.domain.coalescing import coalesce
from destination.domain.connection import ActiveConnection
from destination.domain.mapping import keys_of
from destination.domain.matching import in_other_case
from destination.domain.outcome import NO_CONSENT, TOO_MANY_MATCHES, rejected
from destination.domain.person import LedgerRow, Person, Said, Unit
from destination.domain.plan import Place, Plan, Planner, Write, in_doubt
from destination.domain.schema import DIFFERS_IN_CASE, AttributeWarning, Field, dedupe_key
from destination.domain.settle import Answer, Answers, Progress, Settled, progress, refused, remembering, settle
from destination.marketo.errors import BY_SCHEMA, FIELD_UNKNOWN, INVALID_DATA, LEAD_GONE, SOMEBODY_ELSE_CREATED_IT

_LEAD_ID: Final = Field("id", "integer")


@dataclass(frozen=True, slots=True)
class Result:
    """The persons that are settled; those missing from it were `held`, or held up by `halt`, and are to be tried later.

    `progress`: what Marketo has answered of those all the same. `ignored` are units that do not concern the connection,
    `kept` the rows of persons who have no others, with what is desired of them, and with what they were refused.
    """

    settled: tuple[Settled, ...]
    halt: HaltError | None
    ignored: tuple[Unit, ...] = ()
    progress: tuple[Progress, ...] = ()
    kept: Rows = field(default_factory=dict)
    held: Mapping[str, Held] = field(default_factory=dict)


class _Round(NamedTuple):
    """What a round came to: the persons that are settled, what is known of others, and the keys to be tried again."""

    settled: list[Settled]
    progress: list[Progress]
    again: list[str]


@dataclass(slots=True)
class Delivery:
    """One batch of one connection, on its way.

    Leads are looked up by the `dedupe_field`; those who are not found by it, by the `ecid_field` (`legacy_v2`).
    `rows_of` reads rows of the ledger. `remember` writes rows before Marketo is told anything else of these persons.
    `note` counts those of whom a lead was created, before their lists are changed. `lane`: by which Marketo is told of
    many; None: all are told by calls.
    """

    target: ActiveConnection
    conversation: Conversation
    dedupe_field: Field
    clock: Callable[[], datetime]
    rows_of: Callable[[Collection[str]], Rows]
    remember: Callable[[Rows], None]
    note: Callable[[Sequence[Person]], None]
    ecid_field: Field | None = None
    lane: Lane | None = None
    _fields: Mapping[str, Field] | None = field(default=None, init=False)
    _noted: set[str] = field(default_factory=set, init=False)

    def __call__(self, persons: Mapping[str, Sequence[Unit]], rows: Rows) -> Result:
        """Deliver what is wanted of each person, by key, given the ledger's rows."""
        calls = self.conversation.calls
        calls.known = {key: row.refusals for key, row in rows.items() if row.refusals}
        if self.lane is not None:
            self.lane.hold(rows)
            persons = {key: units for key, units in persons.items() if key not in self.lane.held}
        planner = Planner.of(self.target, self.clock())
        wanted = [coalesce(key, units, rows.get(key), planner.reach) for key, units in persons.items()]
        first = self._round([one for one in wanted if one.units], rows, last=False)
        settled, unsettled = first.settled, first.progress
        if first.again:
            known = {**rows, **{key: rows.get(key, LedgerRow()).forgetting_lead() for key in first.again}}
            again = [self._fitted(coalesce(key, persons[key], known[key], planner.reach)) for key in first.again]
            known |= {one.person.key: one.row for one in settled if one.row is not None}
            second = self._round(again, known, last=True)
            settled, unsettled = settled + second.settled, unsettled + second.progress
        ended = {one.person.key for one in settled}
        imported = {} if self.lane is None else self.lane.held
        wanted = [one for one in wanted if one.key not in imported]
        return Result(
            tuple(settled),
            self.conversation.halt,
            ignored=_ignored(wanted, settled),
            progress=tuple(unsettled),
            kept=_kept(wanted, rows) | self._refused(wanted, settled, unsettled, rows),
            held={key: one for key, one in calls.held.items() if key not in ended} | imported,
        )

    def _refused(
        self, wanted: Iterable[Person], settled: Iterable[Settled], unsettled: Iterable[Progress], rows: Rows
    ) -> dict[str, LedgerRow]:
        """The rows of persons who were refused something, and of whom nothing else is recorded."""
        recorded = {one.person.key for one in settled} | {one.person.key for one in unsettled}
        left = [(one, self.conversation.calls.refusals_of(one.key)) for one in wanted if one.key not in recorded]
        return {
            one.key: replace(remembering(one, rows.get(one.key)) or LedgerRow(), refusals=refusals or None)
            for one, refusals in left
            if refusals is not None
        }

    def _round(self, persons: Sequence[Person], rows: Rows, *, last: bool) -> _Round:
        """Settle the persons that can be; `last`: nobody is tried once more with what is true by now."""
        planner = Planner.of(self.target, self.clock())
        told, persons, rows = self._imported(planner, persons, rows, last=last)
        unknown = [one for one in persons if planner.needs_lookup(one, rows.get(one.key))]
        found = self._look_up(unknown)
        near = self._in_other_case(found, persons)
        held_up = {one.key for one in unknown} - found.leads.keys()
        plans = [self._plan(planner, one, rows, found, near) for one in persons if one.key not in held_up]
        owners, held_too = self._owners(_former_of(plans), found, near)
        plans, taken_over = self._spared(
            planner, [one for one in plans if one.person.key not in held_too], rows, owners
        )
        self.remember(taken_over)
        rows = {**rows, **taken_over} if taken_over else rows
        plans, later = (plans, []) if last else self._first_of_each_ecid(plans)
        plans = plans if last else self._not_imported(plans, rows, near)
        plans = self.conversation.within_rate(plans)
        self._doubt(plans, rows, told.rows)
        answers = self._act(plans, last=last)
        if not last:
            self._fields = self.conversation.fields_by_now()
        result = self._settle(plans, answers, rows, planner.now, last=last)
        result.again.extend(later)
        result.settled.extend(settle(self.target, *one, rows[key], planner.now) for key, one in told.answers.items())
        for one in persons:
            if one.key in found.failed:
                result.settled.append(_not_found(one, found.failed[one.key], rows.get(one.key)))
        return result

    def _imported(
        self, planner: Planner, persons: Sequence[Person], rows: Rows, *, last: bool
    ) -> tuple[Told, Sequence[Person], Rows]:
        """Whom imports have told of, then all others, and the rows without imports."""
        if self.lane is None or last:
            return Told({}, {}), persons, rows
        told = self.lane.told(planner, persons, rows)
        others = [one for one in persons if one.key not in told.answers] if told.answers else persons
        return told, others, {**rows, **told.rows} if told.rows else rows

    def _not_imported(self, plans: list[Plan], rows: Rows, near: Collection[str]) -> list[Plan]:
        """The plans that are carried out by calls; the others are taken into imports. `near`: see `_in_other_case`.

        Where there is a rate of lead updates no import writes any: it would be all at once.
        """
        if self.lane is None:
            return plans
        may_write = self.conversation.rate.free() is None
        fit = [one for one in plans if one.person.key not in near and (may_write or one.write is Write.NOTHING)]
        self.lane.take(fit, rows)
        held = self.lane.held
        return [one for one in plans if one.person.key not in held] if held else plans

    def _first_of_each_ecid(self, plans: Sequence[Plan]) -> tuple[list[Plan], list[str]]:
        """The plans, less the creations of those whose ECID an earlier creation has, and the keys of these.

        They are that lead once it is there, as a lead is found by its ECID where the address is not known.
        """
        if self.ecid_field is None:
            return list(plans), []
        of_ecid: defaultdict[str, list[Plan]] = defaultdict(list)
        for plan in plans:
            if plan.write is Write.CREATE and plan.person.ecid is not None:
                of_ecid[dedupe_key(plan.person.ecid, self.ecid_field)].append(plan)
        firsts = {min(own, key=_said_first).person.key for own in of_ecid.values()}
        later = {plan.person.key for own in of_ecid.values() for plan in own} - firsts
        return [plan for plan in plans if plan.person.key not in later], sorted(later)

    def _fitted(self, person: Person) -> Person:
        """The person as it fits the instance's fields by now, if they were read anew."""
        return person if self._fields is None else person.fitted(self._fields)

    def _may_fit(self, plan: Plan, answers: Answers) -> bool:
        """Whether Marketo refused what was written for a field or a value, and it can be told otherwise, or alone."""
        write = answers.write
        if write is None or write.code not in BY_SCHEMA:
            return False
        may_be_another = write.code == FIELD_UNKNOWN or write.is_of_call
        return may_be_another or self._fitted(plan.person).fields != plan.person.fields

    def _look_up(self, persons: Sequence[Person]) -> Found:
        """The leads of each person. Who is in neither part of the answer could not be asked for yet."""
        if self.ecid_field is None:
            return self.conversation.find(self.dedupe_field, [one.key for one in persons])
        with_value = [one.key for one in persons if one.dedupe_value is not None]
        found = self.conversation.find(self.dedupe_field, with_value, self._identities)
        by_ecid: defaultdict[str, list[str]] = defaultdict(list)
        for one in persons:
            if one.ecid is not None and (one.dedupe_value is None or found.leads.get(one.key) == []):
                by_ecid[dedupe_key(one.ecid, self.ecid_field)].append(one.key)
        second = self.conversation.find(self.ecid_field, list(by_ecid), self._identities, by_ecid.__getitem__)
        for ecid, keys in by_ecid.items():
            for key in keys:
                found.leads.pop(key, None)
                if ecid in second.leads:
                    found.leads[key] = second.leads[ecid]
                elif ecid in second.failed:
                    found.failed[key] = second.failed[ecid]
        return found

    def _in_other_case(self, found: Found, persons: Sequence[Person]) -> set[str]:
        """The persons whose leads have the value in another case; not on a `legacy_v2` connection, where none does."""
        return set() if self.ecid_field else in_other_case(found.leads, {one.key for one in persons})

    def _plan(self, planner: Planner, person: Person, rows: Rows, found: Found, near: Collection[str]) -> Plan:
        matches, row = found.leads.get(person.key), rows.get(person.key)
        if matches == [] and row is not None and row.attributes is not None:
            # Somebody without a lead has none of the attributes that were sent, however new they were.
            units = (*person.units, *person.ignored)
            anew = coalesce(person.key, units, replace(row, attributes=None), planner.reach)
            person = self._fitted(anew)
        if person.key in near:
            person = person.warned_of(AttributeWarning(self.dedupe_field.name, DIFFERS_IN_CASE))
        return planner.decide(person, row, matches)

    def _spared(
        self, planner: Planner, plans: Sequence[Plan], rows: Rows, owners: Mapping[int, set[str]]
    ) -> tuple[list[Plan], dict[str, LedgerRow]]:
        """The plans, less what would take a lead off that another person has by now, or put one on that is there.

        A lead that is no longer the person's may be another's: Marketo says whose it is. Where it is not known by which
        lead that other person is to be on the list, it takes this one over in its row, one of those that are returned.
        Where values differ in case alone, and on a `legacy_v2` connection, several persons may be one lead.

        `owners`: by lead whose it may be.
        """
        if not owners:
            return list(plans), {}
        of_batch = {
            plan.person.key: planner.places(plan.person, rows.get(plan.person.key), plan.lead_id) for plan in plans
        }
        keys = set().union(*owners.values()) - of_batch.keys()
        others = {**self.rows_of(keys), **{key: rows[key] for key in keys if key in rows}}
        standing = {key: planner.places_by_ledger(row) for key, row in others.items()}
        known = {**others, **{plan.person.key: rows.get(plan.person.key, LedgerRow()) for plan in plans}}
        claims = {key: planner.wanted_by_ledger(row) for key, row in others.items()}
        claims |= {plan.person.key: planner.wanted(plan.person) for plan in plans if not plan.looked_up}
        wanted = {**standing, **of_batch}
        taken_over: defaultdict[str, set[Place]] = defaultdict(set)
        for plan in plans:
            for place in plan.leaving:
                for one in owners.get(place[1], set()) - {plan.person.key}:
                    if place[0] in claims.get(one, ()) and place not in wanted[one]:
                        taken_over[one].add(place)
        wanted |= {key: wanted[key] | places for key, places in taken_over.items()}

        def held(places: Iterable[Place], key: str, by: Mapping[str, set[Place]]) -> set[Place]:
            return {
                place
                for place in places
                if any(place in by.get(one, ()) for one in owners.get(place[1], ()) if one != key)
            }

        spared: list[Plan] = []
        for plan in plans:
            key = plan.person.key
            spared.append(plan.sparing(held(plan.leaving, key, wanted) | held(plan.joining, key, standing)))
            standing[key] = of_batch[key]
        return spared, {key: planner.taking_over(known[key], places) for key, places in taken_over.items()}

    def _owners(
        self, former_of: Mapping[str, Collection[str]], found: Found, near: Collection[str]
    ) -> tuple[dict[int, set[str]], set[str]]:
        """By lead the keys of the persons that it may be: of former leads, of those that were found in another case,
        and on a `legacy_v2` connection of all.

        `former_of`: by the former lead whose it was. With those of whom it could not be asked.
        """
        owners: defaultdict[int, set[str]] = defaultdict(set)
        for key in near:
            for lead in found.leads[key]:
                owners[lead.id] |= {key, lead.key}
        if self.ecid_field is not None:
            for key, matches in found.leads.items():
                for lead in matches:
                    owners[lead.id] |= {key, *keys_of(lead)}
        unknown: set[str] = set()
        if former_of:
            asked = self.conversation.find(_LEAD_ID, sorted(former_of), self._identities, former_of.__getitem__)
            unknown.update(*(former_of[one] for one in former_of.keys() - asked.leads.keys() - asked.failed.keys()))
            for matches in asked.leads.values():
                for lead in matches:
                    owners[lead.id] |= keys_of(lead)
        return dict(owners), unknown

    @property
    def _identities(self) -> tuple[Field, ...]:
        """The fields that tell whose a lead is."""
        return (self.dedupe_field,) if self.ecid_field is None else (self.dedupe_field, self.ecid_field)

    def _doubt(self, plans: Iterable[Plan], rows: Rows, forgotten: Collection[str]) -> None:
        """Let the ledger forget what will no longer be true once Marketo is told something else.

        `forgotten`: whose import the ledger still has, and is to have no more.

        Nothing is known of who has no row, so that nothing of it can be wrong. Where there is a consent rule a row is
        made: who withdraws consent is taken off all lists that it names.
        """
        has_rule = self.target.connection.consent is not None
        doubtful = {
            plan.person.key: in_doubt(plan, rows.get(plan.person.key, LedgerRow()), self.target)
            for plan in plans
            if plan.tells and (has_rule or plan.person.key in rows)
        }
        self.remember({key: row for key, row in doubtful.items() if row != rows.get(key) or key in forgotten})

    def _act(self, plans: Sequence[Plan], *, last: bool) -> dict[str, Answers]:
        """Carry the plans out; what was answered, by the person's key."""
        written = self.conversation.write(plans, last=last)
        self._note_creations(plans, written)
        listed = self.conversation.change_lists(plans, written)
        return {
            plan.person.key: Answers(
                written.get(plan.person.key),
                listed.joins.get(plan.person.key, {}),
                listed.leaves.get(plan.person.key, {}),
            )
            for plan in plans
        }

    def _note_creations(self, plans: Iterable[Plan], written: Mapping[str, Answer]) -> None:
        """A creation stands in the run before lists are changed: who comes after us finds a lead, and no new one."""
        noted = [
            plan.person
            for plan in plans
            if plan.write is Write.CREATE and plan.add and lead_of(plan, written.get(plan.person.key)) is not None
        ]
        if noted:
            self.note(noted)
            self._noted |= {one.key for one in noted}

    def _settle(
        self, plans: Iterable[Plan], answers: Mapping[str, Answers], rows: Rows, now: datetime, *, last: bool
    ) -> _Round:
        result = _Round([], [], [])
        for plan in plans:
            key = plan.person.key
            row, given, is_noted = rows.get(key), answers[key], key in self._noted
            if not given.are_all_of(plan):
                refusals = self.conversation.calls.refusals_of(key)
                if given.write is not None or given.joins or given.leaves or refusals is not None:
                    result.progress.append(
                        progress(self.target, plan, given, row, now, is_noted=is_noted, refusals=refusals)
                    )
            elif not last and (_is_stale(plan, given) or self._may_fit(plan, given)):
                result.again.append(key)
            else:
                result.settled.append(settle(self.target, plan, given, row, now, is_noted=is_noted))
        return result


def _said_first(plan: Plan) -> Said:
    """When the first of what the plan tells was said."""
    return min(unit.said for unit in plan.person.units)


def _former_of(plans: Iterable[Plan]) -> dict[str, set[str]]:
    """By lead that is no longer somebody's, whose it was."""
    former_of: defaultdict[str, set[str]] = defaultdict(set)
    for plan in plans:
        for lead_id in plan.former_leads:
            former_of[str(lead_id)].add(plan.person.key)
    return dict(former_of)


def _not_found(person: Person, code: str, row: LedgerRow | None) -> Settled:
    """A person whose leads Marketo cannot answer for."""
    return refused(person, TOO_MANY_MATCHES if code == INVALID_DATA else rejected(code), row)


def _ignored(persons: Iterable[Person], settled: Iterable[Settled]) -> tuple[Unit, ...]:
    """The units that do not concern the connection; not those of persons who wait.

    What such a unit says is remembered in the person's row, which is written when the person is settled.
    """
    done = {one.person.key for one in settled}
    return tuple(unit for one in persons if not one.units or one.key in done for unit in one.ignored)


def _kept(persons: Iterable[Person], rows: Rows) -> dict[str, LedgerRow]:
    """The rows of persons whose events do not concern the connection, where what is desired of them has changed."""
    kept: dict[str, LedgerRow] = {}
    for one in persons:
        row = rows.get(one.key)
        known = remembering(one, row) if not one.units else row
        if known is not None and known != row:
            kept[one.key] = known
    return kept


def _is_stale(plan: Plan, answers: Answers) -> bool:
    """Whether the lead is gone, or somebody else made one since it was looked up."""
    if answers.write is not None and answers.write.code is not None:
        stale = {LEAD_GONE} if plan.write is Write.UPDATE else SOMEBODY_ELSE_CREATED_IT
        return answers.write.code in stale
    if not (answers.joins or answers.leaves):
        return False
    joined = {one.lead_id for one in answers.joins.values() if one.code == LEAD_GONE}
    left = {one.lead_id for given in answers.leaves.values() for one in given if one.code == LEAD_GONE}
    return plan.lead_id in joined | left or (plan.verdict is NO_CONSENT and bool(left))
