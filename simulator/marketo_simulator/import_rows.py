"""What an import makes of its rows (Marketo REST, Bulk Lead Import).

Much of it is documented nowhere: each such point is a setting that begins with `import_`.
"""

from collections.abc import Sequence
from dataclasses import replace

from marketo_simulator.context import Context
from marketo_simulator.errors import Reason, reason
from marketo_simulator.fields import Field
from marketo_simulator.imports import Job
from marketo_simulator.state import StaticList
from marketo_simulator.sync import Write, Written, make_write, write_record


def execute(context: Context, lookup: Field, partition_name: str, job: Job) -> None:
    """Write the job's rows into leads, and what became of them into the job."""
    columns = [name if context.state.schema.get(name) is not None else "" for name in job.header]
    job.problem = _problem(context, lookup, job.header, columns)
    if job.problem:
        return
    makes_none = lookup.name == "id" or lookup.read_only  # a new lead could not have the key
    action = "updateOnly" if makes_none else "createOrUpdate"
    write = make_write(context, action, lookup, partition_name)
    static_list = _list(context, lookup, job)
    seen: set[str] = set()
    for row in job.rows:
        job.processed += 1
        written, warning = _imported(context, write, lookup, columns, row, seen)
        if isinstance(written, Written):
            if static_list is not None:
                context.state.join(static_list, written.lead_id)
            if warning:
                job.warnings.append([*row, warning])
        else:
            job.failures.append([*row, "; ".join(each.message for each in written)])
    job.members = 0 if static_list is None else len(static_list.members)


def _problem(context: Context, lookup: Field, header: Sequence[str], columns: Sequence[str]) -> str:
    """What fails the whole job; empty for nothing."""
    if "" in columns and context.settings.import_unknown_columns == "fail":
        return f"Field '{header[columns.index('')]}' not found"
    if {*columns} - {""} <= {lookup.name} and context.settings.import_id_only == "fail":
        return "No fields to import"
    return ""


def _list(context: Context, lookup: Field, job: Job) -> StaticList | None:
    """The list that the leads join; it may have been deleted meanwhile."""
    if job.list_id is None or (lookup.name == "id" and context.settings.import_list_by_id == "ignore"):
        return None
    return context.state.lists.get(job.list_id)


def _imported(
    context: Context, write: Write, lookup: Field, columns: Sequence[str], row: Sequence[str], seen: set[str]
) -> tuple[Written | list[Reason], str]:
    """One row into one lead, with a warning for values that were cut."""
    if len(row) < len(columns) and context.settings.import_short_rows == "fill":
        row = [*row, *[""] * (len(columns) - len(row))]
    if len(row) != len(columns):
        return [reason("1003", "Number of columns differs from the header")], ""
    keeps = context.settings.import_blank_cells == "keep"
    record: dict[str, object] = {
        name: cell or None for name, cell in zip(columns, row, strict=True) if name and (cell or not keeps)
    }
    key = lookup.key(str(record.get(lookup.name) or ""))
    if key in seen and context.settings.import_equal_rows == "first":
        return [reason("1003", f"Value for lookup field '{lookup.name}' is that of an earlier row")], ""
    seen.add(key)
    warning = _cut(context, record) if context.settings.import_long_values == "cut" else ""
    return write_record(context, _chosen(context, write, lookup, record), record), warning


def _chosen(context: Context, write: Write, lookup: Field, record: dict[str, object]) -> Write:
    """How to write the record: by id, put into it, if it matches several leads; as a new one where partitions part."""
    matches = meant = context.find(lookup, [str(record.get(lookup.name) or "")])
    if write.partition_name and write.partition is not None:
        here = [each for each in matches if context.state.leads[each].partition_id == write.partition.id]
        elsewhere = context.settings.import_other_partition
        if elsewhere == "create":
            if matches and not here:
                return replace(write, action="createDuplicate", lookup=None)
            meant = here
        elif elsewhere == "update" and not here:
            write = replace(write, partition_name="")
    is_clear = len(meant) == 1 or context.settings.import_several_matches == "newest"
    if len(matches) > 1 and is_clear:
        newest = max(meant, key=lambda lead_id: (context.state.leads[lead_id].updated_at, lead_id))
        record["id"] = str(newest)
        record.pop(lookup.name)  # it named the lead, and is not to be written anew
        return replace(write, action="updateOnly", lookup=context.state.schema.get("id"), partition_name="")
    return write


def _cut(context: Context, record: dict[str, object]) -> str:
    """Cut text to the length of its field; says what was cut."""
    cut = []
    for name, value in record.items():
        known = context.state.schema.get(name)
        is_text = isinstance(value, str) and known is not None and known.data_type == "string"
        if is_text and known is not None and known.max_length and len(str(value)) > known.max_length:
            record[name] = str(value)[: known.max_length]
            cut.append(f"Value of '{name}' was cut to {known.max_length} characters")
    return "; ".join(cut)
