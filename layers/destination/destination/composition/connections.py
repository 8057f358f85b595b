"""The function `connections`: the control plane, with all its resources."""

import functools
import secrets
import time
import uuid
from collections.abc import Callable
from contextvars import ContextVar
from datetime import timedelta

from destination.composition import aws, marketo, now, shared, stores
from destination.composition.marketo import CallWatch
from destination.control.alerts import ReadAlerts
from destination.control.audiences import BindLists, ManageAudiences
from destination.control.audit import ReadAudit, Recorder
from destination.control.checks import CheckConnections
from destination.control.choices import ReadChoices
from destination.control.connections import ManageConnections
from destination.control.dead_letters import ManageDeadLetters
from destination.control.emptying import Emptying
from destination.control.governance import ManagePolicies
from destination.control.letters import ManageLetters
from destination.control.overview import ReadOverview
from destination.control.parking import ManageParking
from destination.control.people import LookUpPeople
from destination.control.persons import ReadPersons
from destination.control.previews import PreviewEvents
from destination.control.recipients import ManageRecipients
from destination.control.runs import ReadRuns
from destination.control.verifications import ManageVerifications
from destination.control.waiting_events import FindWaiting
from destination.domain.caller import LOCAL
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.pace import NOTHING_KNOWN
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.marketo.transport import Call
from destination.notify import Subscriptions, Topic
from destination.queue import DeadLetters
from destination.settings import ConnectionsSettings
from destination.store.audiences import Audiences
from destination.store.connections import Connections
from destination.store.governance import Policies
from destination.store.ledger import Ledger
from destination.store.secrets import Credentials

REMOVAL = timedelta(seconds=15)
"""How much of a call the removal of a connection takes."""

LAST_CALL, LAST_ANSWER = 20.0, 22.0
"""Seconds from the first call to Marketo. API Gateway waits 29 s for an answer; 5 of them may go into connecting."""

CALLS_PER_20S, CONCURRENCY = 20, 2
"""To one instance, of one process.

These calls are not counted in the window of sync, which would otherwise have to be waited for. They fit into what it
leaves free: by default a connection takes 80 of Marketo's 100 calls in 20 s and 5 of its 10 at once, which is room for
one process at its busiest. Whoever raises a connection to Marketo's own limits leaves them none, and gets 606 at times.
"""


def unheard(munchkin_id: str, call: Call) -> None:
    """Nobody is told."""


caller: ContextVar[str] = ContextVar("caller", default=LOCAL)
watch: ContextVar[CallWatch] = ContextVar("watch", default=unheard)
"""Of the request that is being answered: who makes it, and who is told of its calls to Marketo; set by the handler."""


@functools.cache
def paces() -> dict[str, Pace]:
    """The last pace of each instance, by Munchkin ID, so that one window counts the calls of all requests."""
    return {}


def pace_for(
    munchkin_id: str,
    monotonic: Callable[[], float] = time.monotonic,
    wall: Callable[[], float] = time.time,
) -> Pace:
    now, before = monotonic(), paces().get(munchkin_id)
    paces()[munchkin_id] = Pace(
        CALLS_PER_20S,
        CONCURRENCY,
        state=before.state() if before else NOTHING_KNOWN,
        deadline=now + LAST_CALL,
        end=now + LAST_ANSWER,
        until=wall() + LAST_CALL,
        monotonic=monotonic,
        wall=wall,
    )
    return paces()[munchkin_id]


@functools.cache
def settings() -> ConnectionsSettings:
    return ConnectionsSettings.from_env()


def connections() -> Connections:
    return aws.connections(settings())


def audiences() -> Audiences:
    return Audiences(aws.dynamodb(), settings().connections_table)


def credentials() -> Credentials:
    return stores.credentials(settings())


def ledger() -> Ledger:
    return stores.ledger(settings())


def marketo_for(connection: Connection, given: ClientCredentials) -> Marketo:
    """The connection's instance, seen as the API user whose credentials are given."""
    return marketo.instance(settings(), connection.munchkin_id, given, pace_for(connection.munchkin_id), watch.get())


def recorder() -> Recorder:
    return shared.recorder(settings(), actor=caller.get)


@functools.cache
def manage_connections() -> ManageConnections:
    return ManageConnections(
        connections=connections(),
        credentials=credentials(),
        checks=check_connections(),
        token_of=functools.partial(shared.token_of, settings()),
        removal=shared.removal(settings(), settings().alert_topic_arn, recorder(), REMOVAL),
        record=recorder(),
        governance=manage_policies(),
        bind_lists=bind_lists(),
        resume=manage_parking(),
        new_id=lambda: str(uuid.uuid4()),
        new_token=lambda: secrets.token_urlsafe(32),
        clock=now,
    )


@functools.cache
def manage_letters() -> ManageLetters:
    return ManageLetters(connections(), stores.letters(settings()), manage_parking(), recorder(), now)


@functools.cache
def manage_dead_letters() -> ManageDeadLetters:
    dead_letters = DeadLetters(aws.sqs(), settings().dead_letter_queue_url)
    return ManageDeadLetters(dead_letters, aws.queue(settings()), recorder(), now)


@functools.cache
def manage_parking() -> ManageParking:
    return shared.manage_parking(settings())


@functools.cache
def manage_audiences() -> ManageAudiences:
    return ManageAudiences(
        connections=connections(),
        audiences=audiences(),
        lists=bind_lists(),
        emptying=Emptying(
            connections=connections(),
            audiences=audiences(),
            leases=stores.leases(settings()),
            ledger=ledger(),
            marketo_for=marketo_for,
            clock=now,
            sleep=time.sleep,
        ),
        verifications=manage_verifications(),
        resume=manage_parking(),
        governance=manage_policies(),
        record=recorder(),
        clock=now,
    )


def bind_lists() -> BindLists:
    return BindLists(audiences(), credentials(), marketo_for, recorder(), now)


@functools.cache
def manage_verifications() -> ManageVerifications:
    return shared.manage_verifications(settings(), recorder())


@functools.cache
def manage_policies() -> ManagePolicies:
    policies = Policies(aws.dynamodb(), settings().connections_table)
    return ManagePolicies(policies, connections(), audiences(), recorder())


@functools.cache
def preview_events() -> PreviewEvents:
    return PreviewEvents(
        connections=connections(),
        credentials=credentials(),
        ledger=ledger(),
        marketo_for=marketo_for,
        clock=now,
    )


@functools.cache
def look_up_people() -> LookUpPeople:
    return LookUpPeople(
        connections=connections(),
        credentials=credentials(),
        ledger=ledger(),
        find_waiting=FindWaiting(
            stores.parking(settings()), stores.letters(settings()), stores.leases(settings()), ledger(), now
        ),
        marketo_for=marketo_for,
        records=recorder(),
        name_of=stores.name_of(settings()),
        clock=now,
    )


@functools.cache
def check_connections() -> CheckConnections:
    return CheckConnections(connections(), credentials(), marketo_for, now)


@functools.cache
def read_alerts() -> ReadAlerts:
    return ReadAlerts(connections(), stores.alerts(settings()))


@functools.cache
def read_audit() -> ReadAudit:
    return ReadAudit(recorder().audit)


@functools.cache
def read_choices() -> ReadChoices:
    return ReadChoices(connections(), credentials(), marketo_for)


@functools.cache
def read_overview() -> ReadOverview:
    return ReadOverview(
        connections=connections(),
        instances=stores.leases(settings()),
        parking=stores.parking(settings()),
        letters=stores.letters(settings()),
        runs=stores.runs(settings()),
        alerts=stores.alerts(settings()),
        clock=now,
    )


@functools.cache
def manage_recipients() -> ManageRecipients:
    return ManageRecipients(
        connections=connections(),
        recipients=stores.recipients(settings()),
        subscriptions=Subscriptions(aws.sns(), settings().alert_topic_arn),
        topic=Topic(aws.sns(), settings().alert_topic_arn),
        record=recorder(),
        clock=now,
    )


@functools.cache
def read_runs() -> ReadRuns:
    return ReadRuns(connections(), stores.runs(settings()), stores.parking(settings()), clock=now)


@functools.cache
def read_persons() -> ReadPersons:
    return ReadPersons(connections(), stores.runs(settings()), stores.results(settings()), ledger(), now)
