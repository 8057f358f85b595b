"""What is known of a connection when its alerts are evaluated: the value of each alert, and what that is based on.

A rate is taken of the persons of this hour and the one before; where those are few, of the hours before them too, for a
day at most, so that a quiet connection has rates as well. Where even a day has few persons, a rate is taken if several
of them are concerned, or all.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeVar

from destination.domain.alert import RULES, Alert, AudiencePart, Evidence, MainReason
from destination.domain.audience import AudienceKey
from destination.domain.deviation import Compared
from destination.domain.letter import LetterBundle, LettersOfCode, by_code
from destination.domain.loss import Lost, meaning_of
from destination.domain.outcome import EXPECTED, Class
from destination.domain.parking import Hold
from destination.domain.remedy import remedy_of, told
from destination.domain.run import Counters, Tally, hour_of, run_id
from destination.domain.scheduled_checks import CheckedConnection
from destination.domain.times import format_time

RATES: Final = frozenset({Alert.ACTIVATION_SKIPPED_RATE, Alert.FAILURE_RATE, Alert.REJECTION_RATE})

RECENT_HOURS: Final = 2
"""This hour and the one before."""

DAY_HOURS: Final = 25
"""This hour and the 24 before it."""

MIN_PERSONS: Final = 10
"""Of fewer persons, or records, in the recent hours, those before them count as well."""

MIN_CONCERNED: Final = 3
"""Of fewer than MIN_PERSONS in a day, so many have to be concerned, or all: one of them would be a rate of its own."""

_MOST: Final = 5
"""How many reasons and audiences are told."""

_Key = TypeVar("_Key")
_Value = TypeVar("_Value")

MessageOf = Callable[[str], str]
"""The sentence for a reason code."""


@dataclass(frozen=True, slots=True)
class Situation:
    """What is known of a connection now; None where it is not known.

    `delivers`: it is enabled or blocked. `hours`: what was counted in the last hours, this one first; as many as the
    rates take. `waiting_since`: when its oldest event that waits was received. `used`: the calls of Marketo's day, of
    `daily_calls`. `last_event_at`: None if none came, `enabled_at`: None if that was not noted. `out_of_sync`: whom the
    last verifications left so, by audience. `events`: those of the last hour that is over, and of that hour on the days
    before; None while some of them may wait. `sizes`: of the lists, by audience, as verifications found them. `checks`:
    the last ones.
    """

    delivers: bool
    blocked: bool = False
    hours: Sequence[Tally] = ()
    waiting_since: datetime | None = None
    used: int | None = None
    daily_calls: int = 1
    letters: Sequence[LetterBundle] = ()
    last_event_at: datetime | None = None
    enabled_at: datetime | None = None
    out_of_sync: Mapping[AudienceKey, int] | None = None
    events: Compared | None = None
    sizes: Mapping[AudienceKey, Compared] = field(default_factory=dict)
    checks: CheckedConnection | None = None


class Share(NamedTuple):
    """Of how many persons (or records) how many are concerned, in the last hours, of which there are so many."""

    part: int
    whole: int
    hours: int

    @property
    def is_enough(self) -> bool:
        return self.whole >= MIN_PERSONS

    @property
    def rate(self) -> float | None:
        """Of nobody it is nothing: what nobody was concerned by for a day is no longer so. None: there are too few."""
        if not self.is_enough and 0 < self.part < min(MIN_CONCERNED, self.whole):
            return None
        return self.part / self.whole if self.whole else 0.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What is read only once an alert changed: what holds the connection up, and the names of its audiences."""

    hold: Hold | None
    names: Mapping[AudienceKey, str] = field(default_factory=dict)


def share_of(alert: Alert, hours: Sequence[Tally]) -> Share:
    """What a rate is made of; `hours`: this one first, at least the recent ones."""
    part = whole = taken = 0
    for tally in hours:
        if taken >= RECENT_HOURS and whole >= MIN_PERSONS:
            break
        concerned, of = _COUNTED[alert](tally)
        part, whole, taken = part + concerned, whole + of, taken + 1
    return Share(part, whole, taken)


def reading(alert: Alert, situation: Situation, now: datetime) -> float | None:
    """The value that is compared with the threshold; None while there is none.

    A connection that does not deliver is watched for nothing.
    """
    if not situation.delivers:
        return 0.0
    if alert in RATES:
        return share_of(alert, situation.hours).rate
    values: Mapping[Alert, float | None] = {
        Alert.DELIVERY_DELAY: _age(situation.waiting_since, now) or 0.0,
        Alert.CONNECTION_BLOCKED: float(situation.blocked),
        Alert.QUOTA_LOW: None if situation.used is None else situation.used / situation.daily_calls,
        Alert.LETTERS: float(sum(one.events for one in situation.letters)),
        Alert.NO_EVENTS: _age(_quiet_since(situation), now),
        Alert.AUDIENCE_OUT_OF_SYNC: None if situation.out_of_sync is None else sum(situation.out_of_sync.values()),
        Alert.EVENTS_UNUSUAL: None if situation.events is None else situation.events.deviation,
        Alert.LIST_SIZE_UNUSUAL: max(_deviations(situation.sizes).values(), default=None),
        Alert.CHECKS_FAILING: None if situation.checks is None else float(len(situation.checks.failing)),
    }
    return values[alert]


def evidence_of(
    alert: Alert, situation: Situation, around: Surroundings, now: datetime, message_of: MessageOf
) -> Evidence:
    """What the value of a triggered alert is based on."""
    found = _evidence(alert, situation, around, now, message_of)
    return found if found.remedy else replace(found, remedy=RULES[alert].remedy.says)


def evidence_of_end(alert: Alert, situation: Situation, now: datetime, *, subscribed: bool) -> Evidence:
    """Why an alert is over, where its value does not say so: nobody watches it, or nobody came."""
    if not subscribed:
        return Evidence(cause="The connection no longer subscribes to it.")
    if not situation.delivers:
        return Evidence(cause="The connection delivers no more, and is watched for nothing.")
    if alert not in RATES:
        return Evidence()
    share = share_of(alert, situation.hours)
    if not share.whole:
        return Evidence(
            cause=f"Nobody came since {format_time(_begin(share, now))}, so that there is no rate any more."
        )
    return Evidence(part=share.part, whole=share.whole, counted_from=_begin(share, now))


def _skipped(tally: Tally) -> tuple[int, int]:
    expected = _expected(tally)
    return tally.counts[Class.EXCLUDED] - expected, tally.counts["received"] - expected


def _failed(tally: Tally) -> tuple[int, int]:
    return tally.counts[Class.FAILED], tally.counts["received"]


def _rejected(tally: Tally) -> tuple[int, int]:
    rejected = tally.counts[Lost.REJECTED]
    return rejected, tally.counts["received"] + rejected


_COUNTED: Final[Mapping[Alert, Callable[[Tally], tuple[int, int]]]] = {
    Alert.ACTIVATION_SKIPPED_RATE: _skipped,
    Alert.FAILURE_RATE: _failed,
    Alert.REJECTION_RATE: _rejected,
}
_SENTENCES: Final[Mapping[Alert, str]] = {
    Alert.ACTIVATION_SKIPPED_RATE: "Excluded through a fault: {} of {} persons to be delivered, received since {}.",
    Alert.FAILURE_RATE: "Failed: {} of {} persons, received since {}.",
    Alert.REJECTION_RATE: "Rejected by the webhook: {} of {} records and persons, received since {}.",
}


def _expected(counters: Counters) -> int:
    return sum(count for reason, count in counters.reasons.items() if reason in EXPECTED)


def _of_rate(
    alert: Alert, situation: Situation, names: Mapping[AudienceKey, str], now: datetime, message_of: MessageOf
) -> Evidence:
    share = share_of(alert, situation.hours)
    begin, hours = _begin(share, now), situation.hours[: share.hours]
    reasons = _reasons(alert, hours, message_of)
    return Evidence(
        cause=_SENTENCES[alert].format(f"{share.part:,}", f"{share.whole:,}", format_time(begin)),
        part=share.part,
        whole=share.whole,
        counted_from=begin,
        reasons=reasons,
        audiences=_audiences(alert, hours, names),
        remedy=told(remedy_of(reasons[0].code)) if reasons else "",
    )


def _reasons(alert: Alert, hours: Sequence[Tally], message_of: MessageOf) -> tuple[MainReason, ...]:
    counts: Counter[str] = Counter()
    messages: dict[str, str] = {}
    if alert is Alert.REJECTION_RATE:
        for loss, count in _items(tally.losses for tally in hours):
            if loss.kind is Lost.REJECTED:
                counts[loss.code] += count
                messages[loss.code] = meaning_of(loss)
    else:
        for reason, count in _items(tally.reasons for tally in hours):
            if reason.outcome is _CLASSES[alert] and reason not in EXPECTED:
                counts[reason.code] += count
                messages[reason.code] = message_of(reason.code)
    return tuple(MainReason(code, count, messages[code]) for code, count in counts.most_common(_MOST))


_CLASSES: Final = {Alert.ACTIVATION_SKIPPED_RATE: Class.EXCLUDED, Alert.FAILURE_RATE: Class.FAILED}


def _audiences(alert: Alert, hours: Sequence[Tally], names: Mapping[AudienceKey, str]) -> tuple[AudiencePart, ...]:
    """Those that are activated still. Of what the webhook rejects nobody knows an audience."""
    counts: Counter[AudienceKey] = Counter()
    for audience, counters in _items(tally.audiences for tally in hours if alert in _CLASSES):
        of_class = counters.counts[_CLASSES[alert]]
        counts[audience] += of_class - (_expected(counters) if alert is Alert.ACTIVATION_SKIPPED_RATE else 0)
    return _named(counts, names)


def _named(counts: Mapping[AudienceKey, int], names: Mapping[AudienceKey, str]) -> tuple[AudiencePart, ...]:
    known = Counter({one: count for one, count in counts.items() if count and one in names})
    most = known.most_common(_MOST)
    return tuple(AudiencePart(one.id, one.namespace or None, names[one], count) for one, count in most)


def _evidence(
    alert: Alert, situation: Situation, around: Surroundings, now: datetime, message_of: MessageOf
) -> Evidence:
    match alert:
        case Alert.DELIVERY_DELAY | Alert.CONNECTION_BLOCKED:
            found = _of_hold(around.hold)
        case Alert.QUOTA_LOW:
            found = _of_quota(situation)
        case Alert.LETTERS:
            found = _of_letters(by_code(situation.letters), message_of)
        case Alert.NO_EVENTS:
            found = _of_silence(situation.last_event_at, situation.enabled_at)
        case Alert.AUDIENCE_OUT_OF_SYNC:
            found = _of_lists(situation.out_of_sync or {}, around.names)
        case Alert.EVENTS_UNUSUAL:
            found = _of_events(situation.events)
        case Alert.LIST_SIZE_UNUSUAL:
            found = _of_sizes(situation.sizes, around.names)
        case Alert.CHECKS_FAILING:
            found = _of_checks(situation.checks)
        case _:
            found = _of_rate(alert, situation, around.names, now, message_of)
    return found


def _of_hold(hold: Hold | None) -> Evidence:
    if hold is None:
        return Evidence(cause="Nothing holds up all of the connection: some of its events wait to be tried again.")
    since = "" if hold.since is None else f" since {format_time(hold.since)}"
    return Evidence(cause=f"Held up{since}: {hold.cause}", until=hold.until, remedy=hold.remedy)


def _of_quota(situation: Situation) -> Evidence:
    used = situation.used or 0
    cause = f"Used today: {used:,} of the {situation.daily_calls:,} calls that the connection may use up in a day."
    return Evidence(cause=cause, part=used, whole=situation.daily_calls)


def _of_letters(codes: Sequence[LettersOfCode], message_of: MessageOf) -> Evidence:
    number, first = sum(one.events for one in codes), min(one.first_at for one in codes)
    reasons = tuple(MainReason(one.code, one.events, message_of(one.code)) for one in codes[:_MOST])
    cause = f"Events that failed: {number:,}, the first at {format_time(first)}."
    return Evidence(cause=cause, part=number, reasons=reasons)


def _of_silence(last: datetime | None, enabled: datetime | None) -> Evidence:
    if last is not None and (enabled is None or last >= enabled):
        return Evidence(cause=f"The last event came at {format_time(last)}.")
    return Evidence(cause=f"No event came since the connection was enabled, at {enabled and format_time(enabled)}.")


def _of_lists(counts: Mapping[AudienceKey, int], names: Mapping[AudienceKey, str]) -> Evidence:
    number = sum(counts.values())
    cause = f"People out of place by the last verification: {number:,}."
    return Evidence(cause=cause, part=number, audiences=_named(counts, names))


def _of_events(events: Compared | None) -> Evidence:
    if events is None:
        return Evidence()
    cause = f"Events of the last hour that is over: {events.number:,}, where {events.usual:,.0f} are usual."
    return Evidence(cause=cause, part=events.number)


def _of_sizes(sizes: Mapping[AudienceKey, Compared], names: Mapping[AudienceKey, str]) -> Evidence:
    """The list that is furthest from the usual, by the name of its audience."""
    audience, _ = max(_deviations(sizes).items(), key=lambda one: one[1])
    size, name = sizes[audience], names.get(audience, audience.id)
    cause = f"People on the list of {name}: {size.number:,}; usual are {size.usual:,.0f}."
    return Evidence(cause=cause, part=size.number, audiences=_named({audience: size.number}, names))


def _of_checks(checks: CheckedConnection | None) -> Evidence:
    """Which failed; of each what was found and what to do."""
    if checks is None:
        return Evidence()
    names = ", ".join(one.name for one in checks.failing)
    reasons = tuple(MainReason(one.name, 1, f"{one.detail}. {one.hint}".strip()) for one in checks.failing[:_MOST])
    return Evidence(cause=f"Failed at {format_time(checks.at)}: {names}.", part=len(checks.failing), reasons=reasons)


def _deviations(sizes: Mapping[AudienceKey, Compared]) -> dict[AudienceKey, float]:
    known = ((audience, one.deviation) for audience, one in sizes.items())
    return {audience: far for audience, far in known if far is not None}


def _items(mappings: Iterable[Mapping[_Key, _Value]]) -> Iterator[tuple[_Key, _Value]]:
    return (item for one in mappings for item in one.items())


def _quiet_since(situation: Situation) -> datetime | None:
    """While the connection was not enabled, no event could come."""
    known = [one for one in (situation.last_event_at, situation.enabled_at) if one is not None]
    return max(known, default=None)


def _begin(share: Share, now: datetime) -> datetime:
    return hour_of(run_id(now)) - (share.hours - 1) * timedelta(hours=1)


def _age(since: datetime | None, now: datetime) -> float | None:
    return None if since is None else max((now - since).total_seconds(), 0.0)
