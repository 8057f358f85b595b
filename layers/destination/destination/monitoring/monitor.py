"""The scheduled use case: all that is done every few minutes, for all connections."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime

from destination.control.listing import Letters, Parking, by_connection
from destination.domain.letter import LetterBundle
from destination.domain.parking import Bundle
from destination.domain.verification import Verification
from destination.monitoring.alerts import EvaluateAlerts, Notice
from destination.monitoring.attempts import Attempts
from destination.monitoring.gauges import Gauges, ReadGauges
from destination.monitoring.resumption import SendBack, SentBack
from destination.monitoring.retirement import RetireConnections, Retirement
from destination.monitoring.scheduled_checks import Checked, MakeChecks
from destination.monitoring.summaries import RunSummary, SummariseRuns
from destination.monitoring.verifications import ScheduleVerifications

Done = Gauges | SentBack | Notice | Verification | RunSummary | Retirement | Checked
"""The gauges, parked messages that were sent back, a change of an alert that was told, a verification that was
requested or queued again, an hour summed up, a connection at its end, checks that were made."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """What waits comes first, then alerts: after an outage there may be more hours to sum up, and then to remove, than
    there is time. Checks wait for Marketo, so they come last. The gauges are read before all that, so that they are
    known of a run that is cut off, too.
    """

    parking: Parking
    letters: Letters
    gauges: ReadGauges
    send_back: SendBack
    alerts: EvaluateAlerts
    verifications: ScheduleVerifications
    summaries: SummariseRuns
    retirement: RetireConnections
    checks: MakeChecks

    def __call__(self, now: datetime, attempt: Attempts, has_time: Callable[[], bool]) -> Iterator[Done]:
        """Do everything, each thing yielded as it is done; `has_time` is asked before each hour that is summed up,
        each connection that is removed, and each that is checked.

        What one connection cannot have does not keep the others from it, nor one part the others; but as long as
        nobody knows what lies in the bucket, nobody is told that nothing waits, and no gauge is read. At the end an
        ExceptionGroup is raised of all that failed.
        """
        parked: dict[str, list[Bundle]] | None = None
        letters: dict[str, list[LetterBundle]] | None = None
        with attempt():
            parked = by_connection(self.parking.all())
            letters = by_connection(self.letters.all())
        if parked is not None and letters is not None:
            with attempt():
                yield self.gauges(parked, letters, now)
            with attempt():
                yield from self.send_back(parked, now, attempt, has_time)
            with attempt():
                yield from self.alerts(parked, letters, now, attempt)
        with attempt():
            yield from self.verifications(now, attempt)
        if parked is not None:
            with attempt():
                yield from self.summaries(parked, now, attempt, has_time)
        with attempt():
            yield from self.retirement(now, has_time)
        with attempt():
            yield from self.checks(now, attempt, has_time)
        if attempt.failed:
            raise ExceptionGroup("not everything could be done", attempt.failed)
