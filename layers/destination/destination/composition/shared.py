"""What the control plane, the monitor and the function `files` have in common."""

import functools
import secrets
import uuid
from collections.abc import Callable
from datetime import timedelta

from destination.composition import aws, now, stores
from destination.composition.aws import dynamodb
from destination.control.audit import Recorder
from destination.control.parking import ManageParking
from destination.control.recipients import EndSubscriptions
from destination.control.removal import Removal
from destination.control.verifications import ManageVerifications
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.notify import Subscriptions
from destination.queue.ages import QueueAges
from destination.settings import LedgerSettings, StoreSettings
from destination.store.audit import Audit
from destination.store.secrets import TokenSecret


def recorder(settings: StoreSettings, actor: Callable[[], str]) -> Recorder:
    """`actor` tells at the time of a change who makes it."""
    audit = Audit(dynamodb(), settings.connections_table)
    return Recorder(audit, actor=actor, new_id=lambda: uuid.uuid4().hex, clock=now)


def token_of(settings: StoreSettings, connection: Connection, credentials: ClientCredentials) -> TokenSecret:
    return stores.token(settings, connection.munchkin_id, credentials)


def removal(settings: LedgerSettings, alert_topic_arn: str, record: Recorder, time: timedelta) -> Removal:
    """`time`: how much one call of it takes."""
    return Removal(
        connections=stores.connections(settings),
        credentials=stores.credentials(settings),
        alerts=stores.alerts(settings),
        ledger=stores.ledger(settings),
        leases=stores.leases(settings),
        parking=stores.parking(settings),
        letters=stores.letters(settings),
        results=stores.results(settings),
        files=stores.file_objects(settings),
        removed=stores.removed(settings),
        erasures=stores.erasures(settings),
        imports=stores.imports(settings),
        end_subscriptions=EndSubscriptions(stores.recipients(settings), Subscriptions(aws.sns(), alert_topic_arn)),
        token_of=functools.partial(token_of, settings),
        record=record,
        clock=now,
        time=time,
    )


def queue_ages(settings: StoreSettings) -> QueueAges:
    return QueueAges(aws.cloudwatch(), settings.queue_url.rpartition("/")[2])


def manage_parking(settings: StoreSettings) -> ManageParking:
    return ManageParking(
        connections=stores.connections(settings),
        parking=stores.parking(settings),
        instances=stores.leases(settings),
        queue=aws.queue(settings),
        clock=now,
    )


def manage_verifications(settings: StoreSettings, record: Recorder) -> ManageVerifications:
    return ManageVerifications(
        connections=stores.connections(settings),
        stored=stores.verifications(settings),
        queue=aws.queue(settings),
        record=record,
        new_id=lambda: secrets.token_hex(4),
        clock=now,
    )
