"""Sync Leads: creating and updating, record by record (Marketo REST, Leads, "Create and Update")."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from marketo_simulator import consent
from marketo_simulator.context import Context, skipped
from marketo_simulator.errors import CallError, Reason, reason, spelled
from marketo_simulator.fields import Field, InvalidValueError, Value
from marketo_simulator.message import Response
from marketo_simulator.standard_fields import COMPANY_FIELDS
from marketo_simulator.state import Lead, Partition

ACTIONS: Final = frozenset({"createOnly", "updateOnly", "createOrUpdate", "createDuplicate"})
_NEVER_WRITTEN: Final = frozenset({"id", "leadPartitionId"})
"""Described as writable, but writing them has no meaning: `id` only names the lead, leads move by another call."""
_ORIGIN: Final[Mapping[str, Value]] = dict.fromkeys(
    ("originalSourceType", "originalSourceInfo", "registrationSourceType", "registrationSourceInfo"), "Web service API"
)
"""What a lead made by this call reads as recorded, unless the record says otherwise."""
_BEYOND_BMP: Final = re.compile("[\U00010000-\U0010ffff].*", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Write:
    """How the records of one call are to be written."""

    action: str
    lookup: Field | None
    """None: nobody is looked up (`createDuplicate`)."""
    partition: Partition | None
    """Where new leads go; None: there is no such partition, or the API user does not see it."""
    partition_name: str
    """As the call gives it; empty: it names none, or has no use for it."""
    further: tuple[Field, ...] = ()
    """What else must be the same, where leads are matched by a rule of several fields."""
    origin: Mapping[str, Value] = field(default_factory=dict)
    """What new leads have beside their record."""


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one record."""

    status: str
    lead_id: int


def sync(context: Context) -> Response:
    """POST /rest/v1/leads.json: one status per record, in the order of the input; no id on skipped ones.

    Raises CallError for what fails the whole call: 609, 612, 1002, 1003, 1011.
    """
    content = context.content()
    records = context.input(content)
    write = _write(context, content)
    result = [_synced(context, write, index, record) for index, record in enumerate(records)]
    return context.lead_answer(None if content.get("asyncProcessing") is True else result)


def absent_keys(context: Context) -> set[str]:
    """Lookup keys of a Sync Leads call that nobody has at this moment."""
    content = context.content()
    lookup = _lookup(context, content)[0]
    keys = {
        lookup.key(value)
        for record in context.input(content)
        if isinstance(record, dict) and isinstance(value := record.get(lookup.name), str | int)
    }
    return {key for key in keys if not context.find(lookup, [key])}


def _write(context: Context, content: Mapping[str, object]) -> Write:
    action = _text(content, "action") or "createOrUpdate"
    if action not in ACTIONS:
        raise CallError("1003", f"Invalid value for action '{action}'")
    lookup, *further = _lookup(context, content)
    write = make_write(context, action, lookup, _text(content, "partitionName"))
    return replace(write, further=tuple(further), origin=_ORIGIN)


def _lookup(context: Context, content: Mapping[str, object]) -> list[Field]:
    """The field that leads are looked up by, and those that must be the same besides.

    Without `lookupField` the rule of the instance applies (Marketo Nation, "Custom dedupe rules").
    """
    named = _text(content, "lookupField")
    first, *others = [named] if named else context.settings.dedupe_fields
    lookup = context.state.schema.searchable(first)
    further = [context.state.schema.get(each) for each in others]
    if lookup is None or None in further:
        raise CallError("1011", f"Lookup field '{first}' not supported")
    return [lookup, *(each for each in further if each is not None)]


def _text(content: Mapping[str, object], name: str) -> str:
    given = content.get(name)
    if given is not None and not isinstance(given, str):
        raise CallError("1001", f"Invalid value '{spelled(given)}'. Required of type 'String'")
    return given or ""


def make_write(context: Context, action: str, lookup: Field, partition_name: str) -> Write:
    """The Write of a call. Without a name new leads go to the default partition, if the API user sees it.

    `partitionName` has no effect on `updateOnly`.
    """
    name = "" if action == "updateOnly" else partition_name
    partition = context.state.partitions.get(name) if name else context.state.default_partition
    if partition is not None and context.visible is not None and partition.id not in context.visible:
        partition = None
    return Write(action, None if action == "createDuplicate" else lookup, partition, name)


def _synced(context: Context, write: Write, index: int, record: object) -> dict[str, object]:
    if (scripted := context.skip(index)) is not None:
        return skipped([scripted])
    if not isinstance(record, dict):
        return skipped([reason("1003", "Invalid record")])
    written = write_record(context, write, record)
    if isinstance(written, Written):
        return {"id": written.lead_id, "status": written.status}
    return skipped(written)


def write_record(context: Context, write: Write, record: Mapping[str, object]) -> Written | list[Reason]:
    """Create or update one lead, or say why not: one bad field skips the whole record."""
    values, reasons = _taken(context, write, record)
    if reasons:
        return reasons
    if write.partition is None and write.partition_name:
        return [reason("1008", f"Access denied to partition '{write.partition_name}'")]
    try:
        matches = _matches(context, write, record)
    except InvalidValueError as error:
        return [reason("1003", str(error))]
    if matches:
        return [reason("1007")] if len(matches) > 1 else _updated(context, write, matches[0], values)
    if write.action == "updateOnly":
        return [reason("1004")]
    return _created(context, write, values)


def _created(context: Context, write: Write, values: dict[str, Value]) -> Written | list[Reason]:
    if write.partition is None:
        return [reason("1009")]
    state, durable = context.state, context.settings.durable_unsubscribe
    if durable and consent.has_unsubscribed(state, values.get("email")):
        values["unsubscribed"] = True
    lead = state.create_lead({**write.origin, **values}, write.partition.id, context.now)
    if durable and values.get("unsubscribed") is True:
        consent.spread(state, lead, context.now)
    return Written("created", lead.id)


def _updated(context: Context, write: Write, lead_id: int, values: dict[str, Value]) -> Written | list[Reason]:
    if write.action == "createOnly":
        return [reason("1005")]
    lead = context.state.leads[lead_id]
    if write.partition_name and write.partition is not None and lead.partition_id != write.partition.id:
        return [reason("1010")]
    if write.lookup is not None:
        values.pop(write.lookup.name, None)
    _change(context, lead, {name: value for name, value in values.items() if not _is_blocked(context, lead, name)})
    return Written("updated", lead.id)


def _is_blocked(context: Context, lead: Lead, name: str) -> bool:
    field = context.state.schema.get(name)
    return field is not None and field.blocks_updates and lead.values.get(name) is not None


def _change(context: Context, lead: Lead, values: Mapping[str, Value]) -> None:
    """Write the values; of who unsubscribes or comes back the other leads of the address follow."""
    state, email, flag = context.state, lead.values.get("email"), lead.values.get("unsubscribed") is True
    state.update_lead(lead, values, context.now)
    if not context.settings.durable_unsubscribe:
        return
    if (lead.values.get("unsubscribed") is True) != flag:
        consent.spread(state, lead, context.now)
    elif lead.values.get("email") != email and consent.has_unsubscribed(state, lead.values.get("email")):
        state.update_lead(lead, {"unsubscribed": True}, context.now)


def _matches(context: Context, write: Write, record: Mapping[str, object]) -> list[int]:
    lookup = write.lookup
    if lookup is None:
        return []
    given = record.get(lookup.name)
    if not isinstance(given, str | int) or given == "":
        raise InvalidValueError(f"Value for lookup field '{lookup.name}' not found")
    key = lookup.key(given)
    if key in context.absent:
        context.absent.discard(key)
        return []
    found = context.find(lookup, [key])
    for each in write.further:
        wanted = _further_value(write, each, record)
        found = [
            lead_id for lead_id in found if _same(each, context.state.leads[lead_id].values.get(each.name), wanted)
        ]
    return found


def _further_value(write: Write, field: Field, record: Mapping[str, object]) -> Value:
    if field.name == "leadPartitionId":
        return None if write.partition is None else write.partition.id
    return field.take(record.get(field.name))


def _same(field: Field, held: Value, wanted: Value) -> bool:
    if held is None or wanted is None:
        return held is wanted
    return field.key(held) == field.key(wanted)


def _taken(context: Context, write: Write, record: Mapping[str, object]) -> tuple[dict[str, Value], list[Reason]]:
    """The record's values as Marketo stores them, and what is wrong with it."""
    values: dict[str, Value] = {}
    reasons: list[Reason] = []
    names_lead = write.lookup.name if write.action == "updateOnly" and write.lookup is not None else ""
    for name, given in record.items():
        field = context.state.schema.get(name)
        if field is None:
            reasons.append(reason("1006", f"Field '{name}' not found"))
        elif field.read_only or name in _NEVER_WRITTEN:
            if name == names_lead:
                continue
            reasons.append(reason("1003", f"Invalid value for field '{name}': the field cannot be written"))
        elif code := _refusal(context, field):
            reasons.append(reason(code))
        else:
            try:
                values[name] = _cut(context, field.take(given))
            except InvalidValueError:
                reasons.append(reason("1003", f"Invalid value for field '{name}' and value '{spelled(given)}'"))
    return values, reasons


def _refusal(context: Context, field: Field) -> str:
    """The code with which a CRM or Sync Companies keeps the field to itself."""
    if field.refused_with:
        return field.refused_with
    return "1021" if context.settings.companies_managed and field.name in COMPANY_FIELDS else ""


def _cut(context: Context, value: Value) -> Value:
    if context.settings.text_ends_beyond_bmp and isinstance(value, str):
        return _BEYOND_BMP.sub("", value)
    return value
