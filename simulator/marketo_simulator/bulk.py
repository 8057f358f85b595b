"""Bulk lead import: the calls that queue and follow a job, and what it writes (Marketo REST, Bulk Lead Import)."""

import csv
import functools
import io
import re
from dataclasses import replace
from datetime import datetime

from marketo_simulator.context import Context
from marketo_simulator.errors import CallError, Reason, reason
from marketo_simulator.fields import Field
from marketo_simulator.imports import DELIMITERS, MAX_JOBS, Job
from marketo_simulator.message import Request, Response
from marketo_simulator.sync import Write, Written, make_write, write_record


def create(context: Context) -> Response:
    """POST /bulk/v1/leads.json, multipart: queue an import.

    Raises CallError 1016 (queue full), 1019 (import into that list in progress), 1003, 1011, 1013, 1008, 613.
    """
    parts = _multipart(context)
    params = {name: text.decode("utf-8", "replace") for name, text in parts.items() if name != "file"}
    params |= {name: values[0] for name, values in context.params.items() if values}
    file_format = params.get("format", "")
    if file_format not in DELIMITERS:
        raise CallError("1003", "Invalid value for format, use csv, tsv or ssv")
    lookup_name = params.get("lookupField") or "email"
    lookup = context.state.schema.searchable(lookup_name)
    if lookup is None:
        raise CallError("1011", f"Lookup field '{lookup_name}' not supported")
    list_id = _list_id(context, params.get("listId", ""))
    partition_name = params.get("partitionName", "")
    if make_write(context, "createOrUpdate", lookup, partition_name).partition is None:
        raise CallError("1008", f"Access denied to partition '{partition_name}'")
    if len(context.imports.waiting(context.now)) >= MAX_JOBS:
        raise CallError("1016", f"There are {MAX_JOBS} imports currently being processed. Please try again later")
    if list_id is not None and context.imports.is_using(list_id, context.now):
        raise CallError("1019")
    header, *rows = _table(parts.get("file", b""), DELIMITERS[file_format])
    job_id, starts, ends = context.imports.schedule(context.settings, context.now)
    context.records = len(rows)
    execute = functools.partial(_execute, _later(context, ends), lookup, partition_name)
    context.imports.add(Job(job_id, file_format, header, rows, list_id, execute, starts, ends))
    return context.lead_answer([{"batchId": job_id, "importId": str(job_id), "status": "Queued"}])


def poll(context: Context) -> Response:
    """GET /bulk/v1/leads/batch/{id}.json."""
    return context.lead_answer([_job(context).shown(context.now)])


def failures(context: Context) -> Response:
    """GET /bulk/v1/leads/batch/{id}/failures.json: rows that were not imported, as a file."""
    job = _job(context)
    return job.report(job.failures, "Import Failure Reason")


def warnings(context: Context) -> Response:
    """GET /bulk/v1/leads/batch/{id}/warnings.json: rows imported with a value cut to its field's length, as a file."""
    job = _job(context)
    return job.report(job.warnings, "Import Warning Reason")


def _job(context: Context) -> Job:
    return context.imports.get(context.ids[0], context.now)


def _later(context: Context, moment: datetime) -> Context:
    return replace(context, now=moment, request=Request("", ""), params={}, fault=None)


def _execute(context: Context, lookup: Field, partition_name: str, job: Job) -> None:
    for name in job.header:
        if context.state.schema.get(name) is None:
            job.problem = f"Field '{name}' not found"
            return
    action = "updateOnly" if lookup.name == "id" else "createOrUpdate"
    write = make_write(context, action, lookup, partition_name)
    static_list = None if job.list_id is None else context.state.lists.get(job.list_id)
    for row in job.rows:
        job.processed += 1
        written, warning = _imported(context, write, lookup, job.header, row)
        if isinstance(written, Written):
            if static_list is not None:
                static_list.members.add(written.lead_id)
            if warning:
                job.warnings.append([*row, warning])
        else:
            job.failures.append([*row, "; ".join(each.message for each in written)])
    job.members = 0 if static_list is None else len(static_list.members)


def _imported(
    context: Context, write: Write, lookup: Field, header: list[str], row: list[str]
) -> tuple[Written | list[Reason], str]:
    """One row into one lead: blank cells change nothing; of several matches the most recently updated is taken."""
    if len(row) != len(header):
        return [reason("1003", "Number of columns differs from the header")], ""
    record: dict[str, object] = {name: cell for name, cell in zip(header, row, strict=True) if cell != ""}
    warning = _cut(context, record)
    matches = context.state.find(lookup, [str(record.get(lookup.name, ""))], context.visible)
    if len(matches) > 1:
        newest = max(matches, key=lambda lead_id: (context.state.leads[lead_id].updated_at, lead_id))
        by_id = context.state.schema.get("id")
        write = replace(write, action="updateOnly", lookup=by_id, partition_named=False)
        record["id"] = str(newest)
    return write_record(context, write, record), warning


def _cut(context: Context, record: dict[str, object]) -> str:
    cut = []
    for name, value in record.items():
        known = context.state.schema.get(name)
        if (
            known is not None
            and known.data_type == "string"
            and known.max_length
            and len(str(value)) > known.max_length
        ):
            record[name] = str(value)[: known.max_length]
            cut.append(f"Value of '{name}' was cut to {known.max_length} characters")
    return "; ".join(cut)


def _list_id(context: Context, text: str) -> int | None:
    if not text:
        return None
    if not text.isdecimal():
        raise CallError("1001", f"Invalid value '{text}'. Required of type 'Integer'")
    if int(text) not in context.state.lists:
        raise CallError("1013", "Object not found")
    return int(text)


def _table(file: bytes, delimiter: str) -> list[list[str]]:
    rows = [row for row in csv.reader(io.StringIO(file.decode("utf-8-sig", "replace")), delimiter=delimiter) if row]
    if len(rows) < 2:
        raise CallError("1003", "Empty file")
    return rows


def _multipart(context: Context) -> dict[str, bytes]:
    """The parts by name. Raises CallError 612 or 613."""
    content_type = context.request.header("Content-Type")
    if not content_type.lower().startswith("multipart/form-data"):
        raise CallError("612")
    boundary = re.search(r'boundary="?([^";]+)', content_type)
    if boundary is None:
        raise CallError("613")
    parts: dict[str, bytes] = {}
    for part in context.request.body.split(b"--" + boundary[1].encode())[1:-1]:
        head, separator, content = part.partition(b"\r\n\r\n")
        name = re.search(rb'name="([^"]*)"', head)
        if not separator or name is None:
            raise CallError("613")
        parts[name[1].decode()] = content.removesuffix(b"\r\n")
    if "file" not in parts:
        raise CallError("613")
    return parts
