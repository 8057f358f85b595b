"""What is done every few minutes."""

import functools
from datetime import timedelta
from typing import Final

from destination.composition import aws, shared, stores
from destination.control.audit import Recorder
from destination.domain.audience import AudienceKey
from destination.domain.audit import SYSTEM
from destination.monitoring.alerts import EvaluateAlerts
from destination.monitoring.gauges import ReadGauges
from destination.monitoring.monitor import Monitor
from destination.monitoring.resumption import SendBack
from destination.monitoring.retirement import RetireConnections
from destination.monitoring.sizes import list_sizes
from destination.monitoring.summaries import ShownRun, SummariseRuns
from destination.monitoring.verifications import ScheduleVerifications
from destination.notify import Bus, Topic
from destination.settings import MonitorSettings
from destination.store.summaries import Summaries

REMOVAL: Final = timedelta(seconds=15)
"""How much of a run the removal of one connection takes."""


@functools.cache
def settings() -> MonitorSettings:
    return MonitorSettings.from_env()


@functools.cache
def monitor(shown: ShownRun) -> Monitor:
    return Monitor(
        parking=stores.parking(settings()),
        letters=stores.letters(settings()),
        gauges=ReadGauges(aws.connections(settings()), stores.leases(settings()).today, aws.queue(settings()).is_empty),
        send_back=SendBack(aws.connections(settings()), shared.manage_parking(settings())),
        alerts=evaluate_alerts(),
        verifications=schedule_verifications(),
        summaries=summarise_runs(shown),
        retirement=retire_connections(),
    )


def bus() -> Bus:
    return Bus(aws.events())


def recorder() -> Recorder:
    return shared.recorder(settings(), actor=lambda: SYSTEM)


@functools.cache
def evaluate_alerts() -> EvaluateAlerts:
    return EvaluateAlerts(
        connections=aws.connections(settings()),
        runs=stores.runs(settings()),
        alerts=stores.alerts(settings()),
        bus=bus(),
        topic=Topic(aws.sns(), settings().alert_topic_arn),
        day_count=stores.leases(settings()).today,
        is_drained=aws.queue(settings()).is_empty,
        out_of_sync=out_of_sync,
        pause=stores.leases(settings()).pause,
        sizes=functools.partial(list_sizes, stores.verifications(settings())),
    )


def out_of_sync(connection_id: str) -> dict[AudienceKey, int] | None:
    connections = aws.connections(settings())
    verifications = stores.verifications(settings())
    return verifications.out_of_sync(connection_id, lambda: connections.active(connection_id).activations)


@functools.cache
def schedule_verifications() -> ScheduleVerifications:
    return ScheduleVerifications(aws.connections(settings()), shared.manage_verifications(settings(), recorder()))


@functools.cache
def summarise_runs(shown: ShownRun) -> SummariseRuns:
    return SummariseRuns(
        connections=aws.connections(settings()),
        runs=stores.runs(settings()),
        summaries=Summaries(aws.dynamodb(), settings().runs_table),
        bus=bus(),
        shown=shown,
    )


@functools.cache
def retire_connections() -> RetireConnections:
    removal = shared.removal(settings(), settings().alert_topic_arn, recorder(), REMOVAL)
    return RetireConnections(aws.connections(settings()), aws.queue(settings()), stores.parking(settings()), removal)
