"""What a batch of the delivery measures, by the names of its metrics; bounded, however much a batch holds."""

import threading
from collections import Counter
from collections.abc import Mapping
from typing import Final

from destination.delivery.batch import BatchReport
from destination.domain.outcome import Class
from destination.marketo.errors import CONCURRENCY_REACHED, QUOTA_REACHED, RATE_REACHED
from destination.marketo.reasons import bounded
from destination.marketo.token import IDENTITY
from destination.marketo.transport import Call

LIMITS: Final[Mapping[str, str]] = {
    RATE_REACHED: "rate_reached",
    CONCURRENCY_REACHED: "concurrency_reached",
    QUOTA_REACHED: "quota_reached",
}
"""By Marketo's code: the metric of the calls that it refused because of its limits."""

UNITS: Final[Mapping[str, str]] = {
    "window_used": "Percent",
    "quota_used": "Percent",
    "batch_duration": "Milliseconds",
    "latency_p50": "Milliseconds",
    "latency_p95": "Milliseconds",
}
"""Of the metrics that are no counts."""


class Calls:
    """Counts calls to Marketo, from all threads of a batch."""

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()
        self._lock = threading.Lock()

    def count(self, call: Call) -> None:
        """Identity calls do not count towards Marketo's limits, and not here."""
        if call.operation == IDENTITY:
            return
        with self._lock:
            self._counts["marketo_calls"] += 1
            if call.code is not None:
                self._counts["marketo_refusals"] += 1
                if call.code in LIMITS:
                    self._counts[LIMITS[call.code]] += 1

    def take(self) -> Counter[str]:
        """The counts since they were taken last."""
        with self._lock:
            taken, self._counts = self._counts, Counter()
        return taken


def measured(report: BatchReport, calls: Mapping[str, int], seconds: float) -> dict[str, float]:
    """The metrics of a batch that was delivered in so many seconds, with so many calls."""
    latency = report.tally.latency
    percentiles = {"latency_p50": latency.percentile(0.5), "latency_p95": latency.percentile(0.95)}
    return {
        **{outcome.value: report.tally.counts[outcome.value] for outcome in Class},
        **{name: calls.get(name, 0) for name in ("marketo_calls", "marketo_refusals", *LIMITS.values())},
        "letters": report.letters,
        "requeued": len(report.requeued),
        "parked": report.parked,
        "window_used": round(100 * report.window_share, 1),
        "quota_used": round(100 * report.quota_share, 1),
        "batch_duration": round(1000 * seconds),
        **(percentiles if latency.buckets else {}),
    }


def reasons(report: BatchReport) -> Counter[str]:
    """Persons who were excluded or failed, by reason."""
    found: Counter[str] = Counter()
    for reason, persons in report.tally.reasons.items():
        if reason.outcome is not Class.UNCHANGED:
            found[bounded(reason.code)] += persons
    return found
