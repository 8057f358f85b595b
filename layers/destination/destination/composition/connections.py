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
from destination.control.canaries import ManageCanaries
from destination.control.checks import CheckConfigurations, CheckConnections
from destination.control.choices import ReadChoices
from destination.control.connections import ManageConnections
from destination.control.dead_letters import ManageDeadLetters
from destination.control.emptying import Emptying
from destination.control.erasures import ManageErasures
from destination.control.files import ManageFiles
from destination.control.governance import ManagePolicies
from destination.control.labels import ManageLabels
from destination.control.letters import ManageLetters
from destination.control.overview import ReadOverview
from destination.control.parking import ManageParking
from destination.control.people import LookUpPeople
from destination.control.persons import ReadPersons
from destination.control.previews import PreviewEvents
from destination.control.recipients import ManageRecipients
from destination.control.resyncs import ManageResyncs
from destination.control.runs import ReadRuns
from destination.control.seen import ReadSeen
from destination.control.sender_credentials import ManageSenderCredentials
from destination.control.source_calls import AnswerSourceCalls
from destination.control.verifications import ManageVerifications
from destination.control.waiting_events import FindWaiting
from destination.domain.caller import LOCAL
from destination.domain.connection import Connection
from destination.domain.credentials import ClientCredentials
from destination.domain.pace import NOTHING_KNOWN
from destination.ingest.webhook import AcceptEvents
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.marketo.transport import Call
from destination.notify import Subscriptions, Topic
from destination.queue import DeadLetters
from destination.settings import ConnectionsSettings
from destination.store.audiences import Audiences
from destination.store.claims import claim_of
from destination.store.connections import Connections
from destination.store.governance import Policies
from destination.store.ingress import Ingresses
from destination.store.ledger import Ledger
from destination.store.secrets import Credentials
from destination.store.sender_credentials import SendersCredentials

REMOVAL = timedelta(seconds=15)
"""How much of a call the removal of a connection takes."""

LAST_CALL, LAST_ANSWER = 20.5, 22.5
"""Seconds from the first call to Marketo. API Gateway waits 29 s for an answer; 5 of them may go into connecting.

More than a window of the pace with its margin, so that whoever comes right after the window was used up is answered
late, and not refused.
"""

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
def folders_for(_munchkin_id: str, _client_id: str) -> dict[str, int]:
    """The folders for lists that an API user was shown: they stay, and many audiences are activated in a row."""
    return {}


@functools.cache
def settings() -> ConnectionsSettings:
    return ConnectionsSettings.from_env()


def connections() -> Connections:
    return stores.connections(settings())


def audiences() -> Audiences:
    return Audiences(aws.dynamodb(), settings().connections_table)


def credentials() -> Credentials:
    return stores.credentials(settings())


def ledger() -> Ledger:
    return stores.ledger(settings())


def marketo_for(connection: Connection, given: ClientCredentials) -> Marketo:
    """The connection's instance, seen as the API user whose credentials are given."""
    munchkin_id = connection.munchkin_id
    folders = folders_for(munchkin_id, given.client_id)
    return marketo.instance(settings(), munchkin_id, given, pace_for(munchkin_id), watch.get(), folders)


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
        signing_key=aws.signing_keys(settings().signing_key),
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
def manage_labels() -> ManageLabels:
    return ManageLabels(connections(), audiences(), manage_policies(), recorder())


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
            stores.parking(settings()),
            stores.letters(settings()),
            stores.leases(settings()),
            ledger(),
            stores.erasures(settings()),
            stores.name_of(settings()),
            now,
        ),
        marketo_for=marketo_for,
        records=recorder(),
        name_of=stores.name_of(settings()),
        clock=now,
    )


@functools.cache
def manage_erasures() -> ManageErasures:
    return ManageErasures(
        connections=connections(),
        credentials=credentials(),
        marketo_for=marketo_for,
        stored=stores.erasures(settings()),
        queue=aws.queue(settings()),
        record=recorder(),
        name_of=stores.name_of(settings()),
        clock=now,
    )


@functools.cache
def manage_files() -> ManageFiles:
    return ManageFiles(
        connections=connections(),
        files=stores.files(settings()),
        objects=stores.file_objects(settings()),
        parking=stores.parking(settings()),
        cancel_verification=manage_verifications().cancel,
        sizes=stores.verifications(settings()).list_sizes,
        capabilities=stores.capabilities(settings()).get,
        record=recorder(),
        new_id=lambda: secrets.token_hex(8),
        clock=now,
    )


@functools.cache
def manage_resyncs() -> ManageResyncs:
    return ManageResyncs(
        connections=connections(),
        resyncs=stores.resyncs(settings()),
        verifications=manage_verifications(),
        record=recorder(),
        new_id=lambda: secrets.token_hex(8),
        clock=now,
    )


@functools.cache
def check_connections() -> CheckConnections:
    return CheckConnections(connections(), credentials(), marketo_for, now)


@functools.cache
def manage_canaries() -> ManageCanaries:
    return ManageCanaries(
        connections=connections(),
        credentials=credentials(),
        marketo_for=marketo_for,
        stored=stores.canaries(settings()),
        known=stores.capabilities(settings()),
        is_claimed=is_claimed,
        record=recorder(),
        new_id=lambda: secrets.token_hex(4),
        clock=now,
    )


def is_claimed(munchkin_id: str, list_id: int) -> bool:
    return claim_of(aws.dynamodb(), settings().connections_table, munchkin_id, list_id) is not None


@functools.cache
def check_configurations() -> CheckConfigurations:
    return CheckConfigurations(check_connections(), manage_policies(), functools.partial(shared.token_of, settings()))


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
def manage_sender_credentials() -> ManageSenderCredentials:
    stored = SendersCredentials(aws.dynamodb(), settings().connections_table)
    return ManageSenderCredentials(stored, recorder(), new_secret=lambda: secrets.token_urlsafe(32), clock=now)


@functools.cache
def answer_source_calls() -> AnswerSourceCalls:
    ingest = AcceptEvents(
        ingresses=Ingresses(aws.dynamodb(), settings().connections_table),
        queue=aws.queue(settings()),
        clock=now,
        new_id=lambda: uuid.uuid4().hex,
        signing_key=aws.signing_keys(settings().signing_key),
    )
    return AnswerSourceCalls(ingest, connections(), manage_audiences(), read_choices(), lambda: str(uuid.uuid4()))


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
    return ReadRuns(
        connections(),
        stores.removed(settings()),
        stores.runs(settings()),
        stores.parking(settings()),
        stores.verifications(settings()),
        clock=now,
    )


@functools.cache
def read_seen() -> ReadSeen:
    return ReadSeen(connections(), stores.seen(settings()), now)


@functools.cache
def read_persons() -> ReadPersons:
    return ReadPersons(connections(), stores.runs(settings()), stores.results(settings()), ledger(), now)
