"""What is done every few minutes."""

import functools
import time
from datetime import timedelta
from typing import Final

from destination.composition import aws, now, shared, stores
from destination.composition.marketo import http
from destination.control.audit import Recorder
from destination.control.checks import CheckConnections
from destination.domain.audience import AudienceKey
from destination.domain.audit import SYSTEM
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.marketo.token import OwnToken
from destination.monitoring.alerts import EvaluateAlerts
from destination.monitoring.gauges import ReadGauges
from destination.monitoring.monitor import Monitor
from destination.monitoring.resumption import SendBack
from destination.monitoring.retirement import RetireConnections
from destination.monitoring.scheduled_checks import MakeChecks
from destination.monitoring.sizes import list_sizes
from destination.monitoring.summaries import ShownRun, SummariseRuns
from destination.monitoring.verifications import ScheduleVerifications
from destination.notify import Bus, Topic
from destination.settings import MonitorSettings
from destination.store.summaries import Summaries

REMOVAL: Final = timedelta(seconds=15)
"""How much of a run the removal of one connection takes."""

CALLS_PER_20S: Final = 10
LAST_CALL, LAST_ANSWER = 10.0, 12.0
"""Seconds from the first call to Marketo for the checks of one connection: with 5 for connecting fewer than the 20 that
the handler keeps of its time. Like those of the control plane, the calls fit into what sync leaves free of the window.
"""


@functools.cache
def settings() -> MonitorSettings:
    return MonitorSettings.from_env()


@functools.cache
def monitor(shown: ShownRun) -> Monitor:
    return Monitor(
        parking=stores.parking(settings()),
        letters=stores.letters(settings()),
        gauges=ReadGauges(
            stores.connections(settings()), stores.leases(settings()).today, aws.queue(settings()).is_empty
        ),
        send_back=SendBack(stores.connections(settings()), shared.manage_parking(settings())),
        alerts=evaluate_alerts(),
        verifications=schedule_verifications(),
        summaries=summarise_runs(shown),
        retirement=retire_connections(),
        checks=make_checks(),
    )


def bus() -> Bus:
    return Bus(aws.events())


def recorder() -> Recorder:
    return shared.recorder(settings(), actor=lambda: SYSTEM)


@functools.cache
def evaluate_alerts() -> EvaluateAlerts:
    return EvaluateAlerts(
        connections=stores.connections(settings()),
        runs=stores.runs(settings()),
        alerts=stores.alerts(settings()),
        bus=bus(),
        topic=Topic(aws.sns(), settings().alert_topic_arn),
        day_count=stores.leases(settings()).today,
        is_drained=aws.queue(settings()).is_empty,
        out_of_sync=out_of_sync,
        pause=stores.leases(settings()).pause,
        sizes=functools.partial(list_sizes, stores.verifications(settings())),
        checks=stores.scheduled_checks(settings()).last,
    )


def out_of_sync(connection_id: str) -> dict[AudienceKey, int] | None:
    connections = stores.connections(settings())
    verifications = stores.verifications(settings())
    return verifications.out_of_sync(connection_id, lambda: connections.active(connection_id).activations)


@functools.cache
def schedule_verifications() -> ScheduleVerifications:
    return ScheduleVerifications(stores.connections(settings()), shared.manage_verifications(settings(), recorder()))


@functools.cache
def summarise_runs(shown: ShownRun) -> SummariseRuns:
    return SummariseRuns(
        connections=stores.connections(settings()),
        runs=stores.runs(settings()),
        summaries=Summaries(aws.dynamodb(), settings().runs_table),
        bus=bus(),
        shown=shown,
    )


@functools.cache
def make_checks() -> MakeChecks:
    connections = stores.connections(settings())
    check = CheckConnections(connections, stores.credentials(settings()), marketo_for, now)
    return MakeChecks(connections, stores.scheduled_checks(settings()), check)


def marketo_for(connection: Connection, given: ClientCredentials) -> Marketo:
    """The connection's instance, for one look, in the time that is kept for it."""
    begin = time.monotonic()
    pace = Pace(CALLS_PER_20S, 1, deadline=begin + LAST_CALL, end=begin + LAST_ANSWER, until=time.time() + LAST_CALL)
    return Marketo(
        munchkin_id=connection.munchkin_id,
        credentials=given,
        tokens=OwnToken(),
        http=http(),
        pace=pace,
        url=settings().marketo_url,
    )


@functools.cache
def retire_connections() -> RetireConnections:
    removal = shared.removal(settings(), settings().alert_topic_arn, recorder(), REMOVAL)
    connections, queue, ages = stores.connections(settings()), aws.queue(settings()), shared.queue_ages(settings())
    return RetireConnections(connections, queue, ages, stores.parking(settings()), removal)
