"""Sync Leads: creating and updating, record by record (Marketo REST, Leads, "Create and Update")."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from marketo_simulator.context import PAGE, Context, skipped
from marketo_simulator.errors import CallError, Reason, reason
from marketo_simulator.fields import Field, InvalidValueError, Value
from marketo_simulator.message import Response
from marketo_simulator.state import DEFAULT, Partition

ACTIONS: Final = frozenset({"createOnly", "updateOnly", "createOrUpdate", "createDuplicate"})
_NEVER_WRITTEN: Final = frozenset({"id", "leadPartitionId"})
"""Described as writable, but writing them has no meaning: `id` only names the lead, leads move by another call."""


@dataclass(frozen=True, slots=True)
class Write:
    """How the records of one call are to be written."""

    action: str
    lookup: Field | None
    """None: nobody is looked up (`createDuplicate`)."""
    partition: Partition | None
    """Where new leads go; None: no partition of that name is visible."""
    partition_named: bool


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
    records = _records(content)
    context.records = len(records)
    if len(records) > PAGE:
        raise CallError("1003", f"Number of records exceeds the limit of {PAGE}")
    write = _write(context, content)
    result = [_synced(context, write, index, record) for index, record in enumerate(records)]
    return context.lead_answer(None if content.get("asyncProcessing") is True else result)


def absent_keys(context: Context) -> set[str]:
    """Lookup keys of a Sync Leads call that nobody has at this moment."""
    content = context.content()
    lookup = context.state.schema.searchable(str(content.get("lookupField") or "email"))
    if lookup is None:
        return set()
    keys = {
        lookup.key(value)
        for record in _records(content)
        if isinstance(record, dict) and isinstance(value := record.get(lookup.name), str | int)
    }
    return {key for key in keys if not context.state.find(lookup, [key], context.visible)}


def _records(content: Mapping[str, object]) -> list[object]:
    records = content.get("input")
    if not isinstance(records, list) or not records:
        raise CallError("1002", "Missing value for required parameter 'input'")
    return records


def _write(context: Context, content: Mapping[str, object]) -> Write:
    action = str(content.get("action") or "createOrUpdate")
    if action not in ACTIONS:
        raise CallError("1003", f"Invalid value for action '{action}'")
    name = str(content.get("lookupField") or "email")
    lookup = context.state.schema.searchable(name)
    if lookup is None:
        raise CallError("1011", f"Lookup field '{name}' not supported")
    return make_write(context, action, lookup, str(content.get("partitionName") or ""))


def make_write(context: Context, action: str, lookup: Field, partition_name: str) -> Write:
    """The Write of a call; without a name new leads go to Default. `partitionName` has no effect on `updateOnly`."""
    named = bool(partition_name) and action != "updateOnly"
    partition = context.state.partitions.get(partition_name if named else DEFAULT)
    if named and partition is not None and context.visible is not None and partition.id not in context.visible:
        partition = None
    return Write(action, None if action == "createDuplicate" else lookup, partition, named)


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
    if write.partition is None:
        return [reason("1008", "Access denied to partition")]
    try:
        matches = _matches(context, write.lookup, record)
    except InvalidValueError as error:
        return [reason("1003", str(error))]
    if matches:
        return [reason("1007")] if len(matches) > 1 else _updated(context, write, write.partition, matches[0], values)
    if write.action == "updateOnly":
        return [reason("1004")]
    return Written("created", context.state.create_lead(values, write.partition.id, context.now).id)


def _updated(
    context: Context, write: Write, partition: Partition, lead_id: int, values: dict[str, Value]
) -> Written | list[Reason]:
    if write.action == "createOnly":
        return [reason("1005")]
    lead = context.state.leads[lead_id]
    if write.partition_named and lead.partition_id != partition.id:
        return [reason("1010")]
    if write.lookup is not None:
        values.pop(write.lookup.name, None)
    context.state.update_lead(lead, values, context.now)
    return Written("updated", lead.id)


def _matches(context: Context, lookup: Field | None, record: Mapping[str, object]) -> list[int]:
    if lookup is None:
        return []
    given = record.get(lookup.name)
    if not isinstance(given, str | int) or given == "":
        raise InvalidValueError(f"Value for lookup field '{lookup.name}' not found")
    key = lookup.key(given)
    if key in context.absent:
        context.absent.discard(key)
        return []
    return context.state.find(lookup, [key], context.visible)


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
        else:
            try:
                values[name] = field.take(given)
            except InvalidValueError:
                reasons.append(reason("1003", f"Invalid value for field '{name}' and value '{given}'"))
    return values, reasons
