"""Bulk lead import: the calls that queue and follow a job, and what it writes (Marketo REST, Bulk Lead Import)."""

import functools
from dataclasses import replace
from datetime import datetime

from marketo_simulator.context import Context, whole_number
from marketo_simulator.errors import CallError
from marketo_simulator.fields import Field
from marketo_simulator.import_rows import execute
from marketo_simulator.imports import Job, header_and_rows
from marketo_simulator.journal import LIST_IMPORT, Cause
from marketo_simulator.message import Request, Response
from marketo_simulator.sync import make_write
from marketo_simulator.tables import DELIMITERS


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
    if partition_name and make_write(context, "createOrUpdate", lookup, partition_name).partition is None:
        raise CallError("1008", f"Access denied to partition '{partition_name}'")
    settings, imports = context.settings, context.imports
    if len(imports.waiting(context.now)) >= settings.import_jobs:
        raise CallError(
            "1016", f"There are {settings.import_jobs} imports currently being processed. Please try again later"
        )
    if list_id is not None and settings.import_busy_list == "refuse" and imports.is_using(list_id, context.now):
        raise CallError("1019")
    header, rows = header_and_rows(parts["file"], file_format)
    job_id, starts, ends = imports.schedule(settings, context.now, len(rows), list_id)
    context.records = len(rows)
    run = functools.partial(_caused, _later(context, ends), lookup, partition_name)
    imports.add(Job(job_id, file_format, header, rows, list_id, run, starts, ends), context.now)
    return context.lead_answer([{"batchId": job_id, "importId": str(job_id), "status": "Queued"}])


def poll(context: Context) -> Response:
    """GET /bulk/v1/leads/batch/{id}.json."""
    return context.lead_answer([_job(context).shown(context.now)])


def failures(context: Context) -> Response:
    """GET /bulk/v1/leads/batch/{id}/failures.json: rows that were not imported, as a file."""
    job = _job(context)
    return job.report(job.failures, "Import Failure Reason", shifted=context.settings.import_reports_shift)


def warnings(context: Context) -> Response:
    """GET /bulk/v1/leads/batch/{id}/warnings.json: rows imported with a value cut to its field's length, as a file."""
    job = _job(context)
    return job.report(job.warnings, "Import Warning Reason", shifted=context.settings.import_reports_shift)


def _job(context: Context) -> Job:
    return context.imports.get(context.ids[0], context.now)


def _later(context: Context, moment: datetime) -> Context:
    return replace(context, now=moment, request=Request("", ""), params={}, fault=None)


def _caused(context: Context, lookup: Field, partition_name: str, job: Job) -> None:
    cause = Cause(context.now, LIST_IMPORT, "Import Leads", context.client.user, context.request_id)
    with context.state.journal.caused_by(cause, context.settings.activities_kept):
        execute(context, lookup, partition_name, job)


def _list_id(context: Context, text: str) -> int | None:
    if not text:
        return None
    list_id = whole_number(text)
    if list_id not in context.state.lists:
        raise CallError("1013", "Object not found")
    return list_id


def _multipart(context: Context) -> dict[str, bytes]:
    """The parts by name, the file among them. Raises CallError 612 or 613."""
    if not context.request.header("Content-Type").lower().startswith("multipart/form-data"):
        raise CallError("612")
    try:
        parts = context.request.parts()
    except ValueError as error:
        raise CallError("613") from error
    if "file" not in parts or not parts["file"].is_file:
        raise CallError("613")
    return {name: part.content for name, part in parts.items()}
