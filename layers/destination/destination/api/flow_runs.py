"""Runs in the shape of Adobe's flow runs, for dashboards that read those.

Source: Adobe, Flow Service API, "Runs", and "Monitor dataflows for destinations" (received to failed).

Records are events' persons, and input = output + skipped + failed. The output is what Marketo holds as the event says,
so that `unchanged` is part of it, as an update: the rate of skipped records must not rise because a source repeats
itself. Properties of Adobe's organisation (imsOrgId, sandboxName, …), and sizes and files, are left out: there are
none.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Literal, Self
from uuid import NAMESPACE_URL, uuid5

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from destination.api.representation import Representation
from destination.domain.audience import ANY_NAMESPACE, DEFAULT_NAMESPACE, AudienceKey
from destination.domain.connection import Waiting
from destination.domain.outcome import Class
from destination.domain.run import Counters, Run, RunStatus, hour_of, status_at
from destination.domain.schema import WARNINGS

Status = Literal["success", "processing"]

ATTRIBUTE_DROPPED = "ATTRIBUTE_DROPPED"


def _alias(name: str) -> str:
    return to_camel(name).replace("Utc", "UTC")


class FlowRunPart(Representation):
    model_config = ConfigDict(extra="forbid", alias_generator=_alias, validate_by_name=True, validate_by_alias=True)


class FlowInfo(FlowRunPart):
    code: str
    message: str
    count: int


class FlowError(FlowRunPart):
    code: str
    message: str


class FlowDuration(FlowRunPart):
    """Milliseconds since 1970; `completedAtUTC` is null while the run is processing."""

    started_at_utc: int
    completed_at_utc: int | None


class FlowLatency(FlowRunPart):
    """Milliseconds from receipt to delivery; null where nothing was activated, or the run is shown for one audience."""

    min_ms: int | None
    max_ms: int | None
    avg_ms: int | None


class SourceEntity(FlowRunPart):
    id: str = Field(examples=["segment:c3d0a6a1-5b7e-4c57-9a40-6f1f2f8e1001"])
    input_record_count: int
    skipped_record_count: int


class SourceSummary(FlowRunPart):
    id: str
    input_record_count: int
    skipped_record_count: int
    entity_summaries: list[SourceEntity]


class TargetEntity(FlowRunPart):
    id: str
    output_record_count: int
    failed_record_count: int


class TargetSummary(FlowRunPart):
    id: str
    output_record_count: int
    failed_record_count: int
    created_record_count: int | None
    entity_summaries: list[TargetEntity]


class Totals(FlowRunPart):
    input_record_count: int
    output_record_count: int
    skipped_record_count: int
    failed_record_count: int


class Records(Totals):
    """input = output + skipped + failed, output = created + updated + deleted.

    Created, updated, deleted and warning are null where the run is shown for one audience.
    """

    created_record_count: int | None
    updated_record_count: int | None
    deleted_record_count: int | None
    warning_record_count: int | None
    source_summaries: list[SourceSummary]
    target_summaries: list[TargetSummary]
    skipped_info: list[FlowInfo]
    failed_info: list[FlowInfo]
    warning_info: list[FlowInfo]


class FlowStatus(FlowRunPart):
    status: Status
    errors: list[FlowError]
    activity_refs: list[str]


class ActivityStatus(FlowRunPart):
    status: Status
    extensions: dict[str, str]


class Metrics(FlowRunPart):
    duration_summary: FlowDuration
    latency_summary: FlowLatency
    record_summary: Records
    status_summary: FlowStatus


class Activity(FlowRunPart):
    id: str
    name: str
    updated_at_utc: int
    duration_summary: FlowDuration
    latency_summary: FlowLatency
    record_summary: Totals
    status_summary: ActivityStatus


class FlowRun(FlowRunPart):
    """One hour of one connection. `flowId` is the connection, `providerRefId` the run's id in this interface."""

    id: str
    created_at: int
    updated_at: int
    flow_id: str
    provider_ref_id: str = Field(examples=["2026-11-21T10:00Z"])
    etag: str
    metrics: Metrics
    activities: list[Activity]

    @classmethod
    def of(
        cls,
        run: Run,
        now: datetime,
        message_of: Callable[[str], str],
        waiting: Waiting | None = None,
        *,
        of_audience: bool = False,
    ) -> Self:
        tally, start = run.tally, hour_of(run.id)
        end = max(start + timedelta(hours=1), tally.last_at or start)
        status: Status = "success" if status_at(run.id, now, waiting) is RunStatus.COMPLETED else "processing"
        identity, activity = _uuid(run, "run"), _uuid(run, "delivery")
        duration = FlowDuration(started_at_utc=_ms(start), completed_at_utc=_ms(end) if status == "success" else None)
        waits = tally.latency if tally.latency.buckets else None
        latency = FlowLatency(
            min_ms=waits.min_ms if waits else None,
            max_ms=waits.max_ms if waits else None,
            avg_ms=waits.average_ms if waits else None,
        )
        records = _records(run, message_of, of_audience=of_audience)
        totals = Totals(**{name: getattr(records, name) for name in Totals.model_fields})
        errors = [FlowError(code=one.code, message=one.message) for one in records.failed_info]
        updated_at = _ms(tally.last_at or start)
        return cls(
            id=identity,
            created_at=_ms(start),
            updated_at=updated_at,
            flow_id=run.connection_id,
            provider_ref_id=run.id,
            etag=f'"{run.version}"',
            metrics=Metrics(
                duration_summary=duration,
                latency_summary=latency,
                record_summary=records,
                status_summary=FlowStatus(status=status, errors=errors, activity_refs=[activity]),
            ),
            activities=[
                Activity(
                    id=activity,
                    name="Delivery to Marketo",
                    updated_at_utc=updated_at,
                    duration_summary=duration,
                    latency_summary=latency,
                    record_summary=totals,
                    status_summary=ActivityStatus(status=status, extensions={}),
                )
            ],
        )


class FlowRunPage(Representation):
    """Oldest first. `cursor`: pass it on to read what follows; null: there is no more."""

    items: list[FlowRun]
    cursor: str | None


def _records(run: Run, message_of: Callable[[str], str], *, of_audience: bool) -> Records:
    tally, counts = run.tally, run.tally.counts
    audiences = sorted(tally.audiences.items(), key=lambda one: one[0])
    output, created, deleted = _output(counts), counts["new"], counts["left"]
    return Records(
        input_record_count=counts["received"],
        output_record_count=output,
        skipped_record_count=counts[Class.EXCLUDED],
        failed_record_count=counts[Class.FAILED],
        created_record_count=None if of_audience else created,
        updated_record_count=None if of_audience else output - created - deleted,
        deleted_record_count=None if of_audience else deleted,
        warning_record_count=None if of_audience else counts["warnings"],
        source_summaries=[
            SourceSummary(
                id=run.connection_id,
                input_record_count=counts["received"],
                skipped_record_count=counts[Class.EXCLUDED],
                entity_summaries=[
                    SourceEntity(
                        id=_entity(audience),
                        input_record_count=one.counts["received"],
                        skipped_record_count=one.counts[Class.EXCLUDED],
                    )
                    for audience, one in audiences
                ],
            )
        ],
        target_summaries=[
            TargetSummary(
                id=run.connection_id,
                output_record_count=output,
                failed_record_count=counts[Class.FAILED],
                created_record_count=None if of_audience else created,
                entity_summaries=[
                    TargetEntity(
                        id=_entity(audience),
                        output_record_count=_output(one.counts),
                        failed_record_count=one.counts[Class.FAILED],
                    )
                    for audience, one in audiences
                ],
            )
        ],
        skipped_info=list(_info(tally, Class.EXCLUDED, message_of)),
        failed_info=list(_info(tally, Class.FAILED, message_of)),
        warning_info=[
            FlowInfo(code=ATTRIBUTE_DROPPED, message=f"Marketo cannot take values of {name}.", count=number)
            for name, number in tally.dropped.most_common()
        ]
        + [
            FlowInfo(code=one.code, message=f"{one.field}: {WARNINGS[one.code]}", count=number)
            for one, number in Counter(tally.warned).most_common()
        ],
    )


def _output(counts: Mapping[str, int]) -> int:
    return counts[Class.ACTIVATED] + counts[Class.UNCHANGED]


def _info(counters: Counters, kind: Class, message_of: Callable[[str], str]) -> Iterator[FlowInfo]:
    for reason, count in counters.reasons.most_common():
        if reason.outcome is kind:
            yield FlowInfo(code=reason.code, message=message_of(reason.code), count=count)


def _entity(audience: AudienceKey) -> str:
    """Audiences of Adobe's Segmentation Service are named by their id alone, as there."""
    is_alone = audience.namespace in {ANY_NAMESPACE, DEFAULT_NAMESPACE}
    return f"segment:{audience.id}" if is_alone else f"segment:{':'.join(audience)}"


def _uuid(run: Run, part: str) -> str:
    return str(uuid5(NAMESPACE_URL, f"urn:marketo-destination:{part}:{run.connection_id}:{run.id}"))


def _ms(time: datetime) -> int:
    return round(time.timestamp() * 1000)
