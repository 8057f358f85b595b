"""What was counted as failed, and how it is taken back where the event is tried again."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from destination.domain.audience import AudienceKey
from destination.domain.outcome import Class, Reason
from destination.domain.person import Origin, Person, Unit
from destination.domain.run import Counters, Tally
from destination.domain.schema import AttributeWarning
from destination.domain.settle import Settled


@dataclass(frozen=True, slots=True)
class Failure:
    """What a run counted of a unit that failed: why, and why each of its audiences did not change.

    An audience of which the list did change has no reason (None): it stays counted as activated, whatever becomes of
    the rest. `dropped`: the lead fields whose values Marketo cannot take; `warned`: what else was told
    of attributes. `attempt`: which attempt failed; only a later one takes it back.
    """

    reason: Reason
    audiences: Mapping[AudienceKey, Reason | None] = field(default_factory=dict)
    dropped: tuple[str, ...] = ()
    attempt: int = 0
    warned: tuple[AttributeWarning, ...] = ()

    @property
    def activated(self) -> Mapping[AudienceKey, None]:
        return {one: None for one, why in self.audiences.items() if why is None}

    def taken_back(self) -> Tally:
        """What to add to the run so that it is as if this had not been counted."""
        audiences = defaultdict(
            Counters, {one: Counters(*_less(why)) for one, why in self.audiences.items() if why is not None}
        )
        counts, reasons = _less(self.reason)
        if self.dropped or self.warned:
            counts["warnings"] -= 1
        dropped, warned = Counter(dict.fromkeys(self.dropped, -1)), dict.fromkeys(self.warned, -1)
        return Tally(counts, reasons, audiences=audiences, dropped=dropped, warned=warned)

    def left_of(self, unit: Unit) -> Unit:
        """The unit as it is to be counted now: without the audiences that stay counted."""
        return replace(unit, memberships=tuple(one for one in unit.memberships if one.audience not in self.activated))


def failures_of(
    settled: Settled, before: Mapping[Origin, Failure], tally_of: Callable[[Settled], Tally]
) -> Iterator[tuple[Origin, Failure | None]]:
    """By unit, what is counted of it as failed; None: it failed `before`, and does so no longer.

    `tally_of` counts a person that is settled.
    """
    person = settled.person
    for unit in person.units:
        known = before.get(unit.origin)
        reason = settled.reason_of(unit)
        if reason is not None and reason.outcome is Class.FAILED:
            kept = known.activated if known else {}
            tally = tally_of(replace(settled, person=replace(person, units=(unit,))))
            why = {one: next(iter(counters.reasons), None) for one, counters in tally.audiences.items()}
            reason, dropped, warned = next(iter(tally.reasons)), tuple(tally.dropped), tuple(tally.warned)
            yield unit.origin, Failure(reason, {**kept, **why}, dropped, unit.origin.attempt, warned)
        elif known:
            yield unit.origin, None


def left_to_count(person: Person, before: Mapping[Origin, Failure]) -> Person:
    """The person with what is to be counted of units that failed before."""
    if not before or not any(unit.origin in before for unit in person.units):
        return person
    units = (before[unit.origin].left_of(unit) if unit.origin in before else unit for unit in person.units)
    return replace(person, units=tuple(units))


def _less(reason: Reason) -> tuple[Counter[str], Counter[Reason]]:
    return Counter({"received": -1, reason.outcome.value: -1}), Counter({reason: -1})
