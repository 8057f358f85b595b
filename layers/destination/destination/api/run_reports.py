"""Runs as JSON, for whoever reads them: the calls of the control plane, and the run summaries.

Nothing is imported here that would make the monitor slow to start; as models, runs are in `runs`.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, TypeVar

from destination.domain.audience import AudienceKey, activation_id
from destination.domain.connection import Waiting
from destination.domain.latency import Latency
from destination.domain.loss import meaning_of
from destination.domain.outcome import Class
from destination.domain.run import ACTIVATED, Counters, Run, Tally, status_at
from destination.domain.times import format_time

T = TypeVar("T")


def report(run: Run, now: datetime, message_of: Callable[[str], str], waiting: Waiting | None = None) -> dict[str, Any]:
    """The run in JSON's types; `message_of` gives the sentence for a reason code.

    `waiting` is the oldest event of the connection that waits.
    """
    tally, counts = run.tally, run.tally.counts
    changes = {name: counts[name] for name in ("created", "updated", "added", "removed")}
    return {
        "id": run.id,
        "status": status_at(run.id, now, waiting).value,
        "received": counts["received"],
        "activated": {**changes, "persons": counts[ACTIVATED]},
        **{one.value: counts[one] for one in (Class.UNCHANGED, Class.EXCLUDED, Class.FAILED)},
        "ignored": counts["ignored"],
        "rejected": counts["rejected"],
        "left_out": counts["left_out"],
        "warnings": counts["warnings"],
        "dropped": [{"field": name, "count": number} for name, number in _most(tally.dropped, str)],
        "warned": [{**one._asdict(), "count": number} for one, number in _most(tally.warned, lambda one: one)],
        "losses": losses(tally),
        "reasons": _reasons(tally, message_of),
        "audiences": [
            _audience(audience, counters, message_of)
            for audience, counters in sorted(tally.audiences.items(), key=lambda one: one[0])
        ],
        "latency": _latency(tally.latency) if tally.latency.buckets else None,
        "first_activity_at": tally.first_at and format_time(tally.first_at),
        "last_activity_at": tally.last_at and format_time(tally.last_at),
        "marketo_calls": counts["marketo_calls"],
    }


def _audience(audience: AudienceKey, counters: Counters, message_of: Callable[[str], str]) -> dict[str, Any]:
    return {
        "activation_id": activation_id(audience),
        "id": audience.id,
        "namespace": audience.namespace or None,
        **{name: counters.counts[name] for name in ("received", *(one.value for one in Class))},
        "reasons": _reasons(counters, message_of),
    }


def losses(tally: Tally) -> list[dict[str, Any]]:
    """What was lost at the webhook, most frequent first, in JSON's types."""
    return [
        {"code": loss.code, "class": loss.kind.value, "count": number, "message": meaning_of(loss)}
        for loss, number in _most(tally.losses, lambda loss: loss.code)
    ]


def _latency(latency: Latency) -> dict[str, int]:
    return {"p50_ms": latency.percentile(0.5), "p95_ms": latency.percentile(0.95), "max_ms": latency.max_ms}


def _reasons(counters: Counters, message_of: Callable[[str], str]) -> list[dict[str, Any]]:
    return [
        {
            "code": why.code,
            "class": why.outcome.value,
            "count": number,
            "message": message_of(why.code),
            "example": counters.examples.get(why),
        }
        for why, number in _most(counters.reasons, lambda why: (why.code, why.outcome.value))
    ]


def _most(numbers: Mapping[T, int], name: Callable[[T], Any]) -> list[tuple[T, int]]:
    """The greatest numbers first; equal ones by name."""
    return sorted(numbers.items(), key=lambda one: (-one[1], name(one[0])))
