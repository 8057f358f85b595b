"""The scheduled use case: all that is done every five minutes, for all connections."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from destination.domain.verification import Verification
from destination.monitoring.alerts import EvaluateAlerts, Notice
from destination.monitoring.attempts import Attempts
from destination.monitoring.retirement import RetireConnections, Retirement
from destination.monitoring.summaries import RunSummary, SummariseRuns
from destination.monitoring.verifications import ScheduleVerifications

Done = Notice | Verification | RunSummary | Retirement
"""A change of an alert that was told, a verification that was requested or queued again, an hour summed up, a
connection at its end."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """Alerts come first: after an outage there may be more hours to sum up, and then to remove, than there is time."""

    alerts: EvaluateAlerts
    verifications: ScheduleVerifications
    summaries: SummariseRuns
    retirement: RetireConnections

    def __call__(self, now: datetime, attempt: Attempts, has_time: Callable[[], bool]) -> Iterator[Done]:
        """Do everything, each thing yielded as it is done; `has_time` is asked before each hour that is summed up, and
        each connection that is removed.

        What one connection cannot have does not keep the others from it, nor one part the others. At the end an
        ExceptionGroup is raised of all that failed.
        """
        with attempt():
            yield from self.alerts(now, attempt)
        with attempt():
            yield from self.verifications(now, attempt)
        with attempt():
            yield from self.summaries(now, attempt, has_time)
        with attempt():
            yield from self.retirement(now, has_time)
        if attempt.failed:
            raise ExceptionGroup("not everything could be done", attempt.failed)
