"""The audiences of a legacy dataflow, with their schedule and their static list.

Source: Experience Platform, Flow Service API, segment selectors of destinations; Adobe, "(Legacy) (V2) Marketo Engage",
supported audiences and the mapping id of the first version.
"""

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Final

from destination.domain.audience import ANY_NAMESPACE, MAX_NAMESPACE_LENGTH, Activation, AudienceKey, WhenListMissing
from destination.domain.audience_rules import MAX_ACTIVATIONS, MAX_AUDIENCE_ID_LENGTH, NAMESPACE
from destination.domain.connection_rules import MAX_STRING_LENGTH
from destination.domain.migration.attributes import transformations
from destination.domain.migration.export import Node
from destination.domain.migration.report import MigrationReport
from destination.domain.times import parse_time

_LIST_ID: Final = re.compile(r"(?:ST)?([1-9][0-9]{0,9})(?:[A-Z][0-9]+)?")
"""A static list's id, also as Marketo's own addresses write it: `ST1234A1`."""

_OTHER_TYPES: Final = {"ACCOUNT": "companies", "PROSPECT": "people who are not your customers", "DATASET": "tables"}


def read_activations(flow: Node, now: datetime, report: MigrationReport) -> tuple[Activation, ...]:
    activations: dict[AudienceKey, Activation] = {}
    for parameters in transformations(flow):
        for selector in parameters["segmentSelectors"]["selectors"].entries():
            activation = _activation(selector, activations, now, report)
            if activation is not None:
                activations[activation.audience] = activation
    return tuple(activations.values())


def _activation(
    selector: Node, before: dict[AudienceKey, Activation], now: datetime, report: MigrationReport
) -> Activation | None:
    value = selector["value"]
    value.skip("description", "systemSegmentId", "updateTime")
    kind = (selector["type"].text() or "PLATFORM_SEGMENT").upper()
    audience_id, name = value["id"].text(), value["name"].text()
    audience = AudienceKey((value["namespace"].text() or ANY_NAMESPACE).lower(), audience_id or "")
    shown = f"audience {AudienceKey(*(text[:MAX_STRING_LENGTH] for text in audience))}"
    start, end, times = _times(value)
    list_id, lists = _list_id(value["mappingId"], before)
    if refusal := _refused(kind, audience, before) or _over(end, now):
        report.cannot_carry(selector.path, f"{shown}: {refusal[0]}", refusal[1])
        return None
    notes = [*times, *lists]
    title = _name_of(name or audience.id, list_id, before, notes)
    activation = Activation(audience, title, start=start, end=end, list_id=list_id)
    if list_id is None:
        activation = replace(activation, when_list_missing=WhenListMissing.CREATE)
    detail = "; ".join([shown, _schedule(activation), *(note.text for note in notes)])
    remedies = "; ".join(note.remedy for note in notes)
    if any(note.needs_person for note in notes):
        report.needs_person(selector.path, detail, remedies)
    elif notes:
        report.changed(selector.path, detail, remedies)
    else:
        report.carried(selector.path, detail)
    return activation


@dataclass(frozen=True, slots=True)
class _Note:
    """What is to be said of an audience that is carried over with a difference."""

    text: str
    remedy: str
    needs_person: bool = True


def _refused(kind: str, audience: AudienceKey, before: dict[AudienceKey, Activation]) -> tuple[str, str] | None:
    """Why an audience cannot be activated, and what to do."""
    if others := next((what for word, what in _OTHER_TYPES.items() if word in kind), None):
        return f"holds {others}, and leads are people", "build an audience of people"
    if kind != "PLATFORM_SEGMENT":
        return "is of a type that is not known here", "activate it by hand if it is an audience of people"
    if not _can_be_named(audience):
        return "has an id or a namespace that a connection does not take", "activate an audience with another id"
    if audience in before:
        return "stands in the dataflow twice", "nothing: the first one is carried over"
    if len(before) >= MAX_ACTIVATIONS:
        return f"a connection has {MAX_ACTIVATIONS:,} audiences at most", "activate it on a second connection"
    return None


def _over(end: datetime | None, now: datetime) -> tuple[str, str] | None:
    """That nobody would be delivered any more, and what to do."""
    if end is None or end > now:
        return None
    return f"is over since {end:%Y-%m-%dT%H:%MZ}", "nothing; or activate it with a later end, or none"


def _can_be_named(audience: AudienceKey) -> bool:
    fits = 0 < len(audience.id) <= MAX_AUDIENCE_ID_LENGTH and len(audience.namespace) <= MAX_NAMESPACE_LENGTH
    return fits and (audience.namespace == ANY_NAMESPACE or bool(NAMESPACE.fullmatch(audience.namespace)))


def _name_of(name: str, list_id: int | None, before: dict[AudienceKey, Activation], notes: list[_Note]) -> str:
    """The audience's name; the list is found or made by it, so two audiences without a list id need two names."""
    title = name[:MAX_STRING_LENGTH].strip()
    if title != name:
        notes.append(_Note("the name is cut", "give another", False))
    taken = {_list_name(one.name) for one in before.values() if one.list_id is None}
    if list_id is None and _list_name(title) in taken:
        numbered = (f"{title[: MAX_STRING_LENGTH - 7].strip()} ({number})" for number in range(2, MAX_ACTIVATIONS + 2))
        title = next(one for one in numbered if _list_name(one) not in taken)
        notes.append(_Note(f"another audience has its name, so it becomes {title}", "choose a better one", False))
    return title


def _list_name(name: str) -> str:
    return " ".join(name.replace(",", ";").split()).lower()


def _list_id(node: Node, before: dict[AudienceKey, Activation]) -> tuple[int | None, list[_Note]]:
    """The static list that was typed into the first legacy card (V1)."""
    given = node.text()
    if given is None:
        return None, []
    match = _LIST_ID.fullmatch(given)
    if match is None:
        remedy = "give list.id, or leave it out to have a list of the audience's name"
        return None, [_Note("its mapping id is not the id of a static list", remedy)]
    list_id = int(match[1])
    if any(one.list_id == list_id for one in before.values()):
        remedy = "a list belongs to one audience; leave it out to have a list of the audience's name"
        return None, [_Note(f"list {list_id} is that of another audience", remedy)]
    return list_id, []


def _times(value: Node) -> tuple[datetime | None, datetime | None, list[_Note]]:
    """Start and end. A start date counts from its first moment, an end date to its last, in UTC."""
    schedule, notes = value["schedule"], []
    created = _moment(value["createTime"], last=False)
    start, end = _moment(schedule["startDate"], last=False), _moment(schedule["endDate"], last=True)
    for name, read in (("startDate", start), ("endDate", end)):
        if read is None and schedule[name].value not in (None, ""):
            schedule[name].take()
            notes.append(_Note(f"{name} is no date", f"give {name.removesuffix('Date')}"))
    start = start or created
    if start and end and start >= end:
        notes.append(_Note("it ends before it starts", "give start and end"))
        return None, None, notes
    return start, end, notes


def _moment(node: Node, *, last: bool) -> datetime | None:
    """A date, a date and time, or seconds or milliseconds since 1970; None if it is none of them."""
    text = node.text()
    try:
        if text is None:
            return None
        if text.isascii() and text.isdecimal():
            seconds = int(text)
            return datetime.fromtimestamp(seconds / 1000 if seconds >= 10**11 else seconds, UTC)
        if len(text) == len("2026-01-01"):
            return datetime.fromisoformat(text).replace(tzinfo=UTC) + timedelta(days=1 if last else 0)
        return parse_time(text)
    except (ValueError, OverflowError, OSError):
        return None


def _schedule(activation: Activation) -> str:
    start = f"from {activation.start:%Y-%m-%dT%H:%MZ}" if activation.start else "from the beginning"
    end = f"until {activation.end:%Y-%m-%dT%H:%MZ}" if activation.end else "without an end"
    into = f"into list {activation.list_id}" if activation.list_id else "into the list of its name"
    return f"{start}, {end}, {into}"
