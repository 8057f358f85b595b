"""The control plane's use cases, over moto's AWS and the Marketo simulator in process."""

import functools
import itertools
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import boto3
import requests
from moto import mock_aws
from mypy_boto3_dynamodb import DynamoDBClient
from mypy_boto3_s3 import S3Client
from mypy_boto3_secretsmanager import SecretsManagerClient
from mypy_boto3_sqs import SQSClient

from destination.control.audiences import BindLists, ManageAudiences
from destination.control.audit import Recorder
from destination.control.checks import CheckConnections
from destination.control.connections import ManageConnections
from destination.control.emptying import Emptying
from destination.control.governance import ManagePolicies
from destination.control.parking import ManageParking
from destination.control.recipients import EndSubscriptions
from destination.control.removal import Removal
from destination.control.verifications import ManageVerifications
from destination.domain.audience import Activation, AudienceKey
from destination.domain.connection import Connection, MappingRow, PersonAction, Status, SyncType
from destination.domain.credentials import ClientCredentials
from destination.marketo.instance import Marketo
from destination.marketo.pace import Pace
from destination.queue import EventQueue
from destination.store.alerts import Alerts
from destination.store.audiences import Audiences
from destination.store.audit import Audit
from destination.store.connections import Connections
from destination.store.delivering import DeliveringConnections
from destination.store.erasures import Erasures
from destination.store.files import FileObjects
from destination.store.governance import Policies
from destination.store.ingress import Ingresses
from destination.store.lead_imports import ImportsOfConnections
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.letters import Letters
from destination.store.parking import Parking
from destination.store.recipients import Recipients
from destination.store.removed import RemovedConnections
from destination.store.results import Results
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret
from destination.store.verifications import Verifications
from marketo_simulator import Simulator
from marketo_simulator.adapter import SimulatorAdapter
from testing.aws import bucket
from testing.notify import MemorySubscriptions
from testing.serial import one_call_at_a_time
from testing.template import source, tables

NOW = datetime(2026, 11, 21, 10, 30, tzinfo=UTC)
TABLES = tables(source())
OPERATOR = "arn:aws:iam::123456789012:user/operator"
AUDIENCE = AudienceKey("ups", "aud-1")
CREDENTIALS = ClientCredentials("client", "secret")
DRAFT = Connection(
    id="",
    version=0,
    name="Webinar leads",
    munchkin_id="123-ABC-456",
    workspace="Default",
    sync_type=SyncType.AUDIENCE_ONLY,
    person_action=PersonAction.UPDATE_EXISTING_ONLY,
    dedupe_field="email",
    source_format="aep",
    status=Status.DRAFT,
    mapping=(MappingRow("email", "DedupeField"),),
)


@dataclass
class Plane:
    """The use cases of the control plane, the Marketo that they work on, and what others know of the connections.

    `dynamodb`, `secrets` and `sqs` are the clients that the use cases have, too, and `http` is their way to Marketo.
    """

    connections: ManageConnections
    audiences: ManageAudiences
    verifications: ManageVerifications
    resume: ManageParking
    parking: Parking
    marketo: Simulator
    delivering: DeliveringConnections
    ingresses: Ingresses
    dynamodb: DynamoDBClient
    secrets: SecretsManagerClient
    sqs: SQSClient
    http: requests.Session

    def draft(self) -> str:
        return self.connections.create(DRAFT, CREDENTIALS).connection.id

    def enabled(self) -> str:
        connection_id = self.draft()
        self.audiences.activate(connection_id, Activation(AUDIENCE, "Webinar"))
        self.connections.enable(connection_id)
        return connection_id


@functools.cache
def _clients() -> tuple[DynamoDBClient, SecretsManagerClient, SQSClient, S3Client]:
    return boto3.client("dynamodb"), boto3.client("secretsmanager"), boto3.client("sqs"), boto3.client("s3")


@contextmanager
def use_cases(clock: Callable[[], datetime] = lambda: NOW) -> Iterator[Plane]:
    simulator = Simulator(clock=clock)
    http = requests.Session()
    http.mount("https://", SimulatorAdapter(simulator))
    one_call_at_a_time()
    with mock_aws():
        dynamodb, secretsmanager, sqs, s3 = _clients()
        for name in ("ConnectionsTable", "LedgerTable", "RunsTable"):
            dynamodb.create_table(**TABLES[name])

        def token_of(connection: Connection, credentials: ClientCredentials) -> TokenSecret:
            return TokenSecret(secretsmanager, "dest", connection.munchkin_id, credentials)

        def marketo_for(connection: Connection, credentials: ClientCredentials) -> Marketo:
            return Marketo(
                munchkin_id=connection.munchkin_id,
                credentials=credentials,
                tokens=token_of(connection, credentials),
                http=http,
                pace=Pace(100, 10),
            )

        ids, tokens, records, verified = (itertools.count(1) for _ in range(4))
        connections = Connections(dynamodb, "ConnectionsTable")
        activations = Audiences(dynamodb, "ConnectionsTable")
        credentials = Credentials(secretsmanager, "dest")
        leases = Leases(dynamodb, "ConnectionsTable")
        ledger = Ledger(dynamodb, "LedgerTable", leases=leases, runs=Runs(dynamodb, "RunsTable"))
        record = Recorder(
            Audit(dynamodb, "ConnectionsTable"),
            actor=lambda: OPERATOR,
            new_id=lambda: f"record-{next(records)}",
            clock=clock,
        )
        governance = ManagePolicies(Policies(dynamodb, "ConnectionsTable"), connections, activations, record)
        lists = BindLists(activations, credentials, marketo_for, record, clock)
        name = bucket(s3)
        parking, letters = Parking(s3, name), Letters(s3, name)
        queue = EventQueue(sqs, sqs.create_queue(QueueName="events")["QueueUrl"])
        resume = ManageParking(connections, parking, leases, queue, clock)
        removal = Removal(
            connections=connections,
            credentials=credentials,
            alerts=Alerts(dynamodb, "RunsTable"),
            ledger=ledger,
            leases=leases,
            parking=parking,
            letters=letters,
            results=Results(s3, name),
            files=FileObjects(s3, name),
            removed=RemovedConnections(dynamodb, "RunsTable"),
            erasures=Erasures(dynamodb, "ConnectionsTable"),
            imports=ImportsOfConnections(dynamodb, "RunsTable", s3, name, leases=leases),
            end_subscriptions=EndSubscriptions(Recipients(dynamodb, "ConnectionsTable"), MemorySubscriptions()),
            token_of=token_of,
            record=record,
            clock=clock,
            time=timedelta(seconds=15),
        )
        management = ManageConnections(
            connections=connections,
            credentials=credentials,
            removal=removal,
            record=record,
            governance=governance,
            bind_lists=lists,
            resume=resume,
            checks=CheckConnections(connections, credentials, marketo_for, clock),
            token_of=token_of,
            new_id=lambda: f"connection-{next(ids)}",
            new_token=lambda: f"token-{next(tokens)}",
            clock=clock,
        )
        verifications = ManageVerifications(
            connections=connections,
            stored=Verifications(dynamodb, "RunsTable"),
            queue=queue,
            record=record,
            new_id=lambda: f"{next(verified):08x}",
            clock=clock,
        )
        audiences = ManageAudiences(
            connections=connections,
            audiences=activations,
            lists=lists,
            emptying=Emptying(
                connections=connections,
                audiences=activations,
                leases=leases,
                ledger=ledger,
                marketo_for=marketo_for,
                clock=clock,
                sleep=lambda _: None,
            ),
            verifications=verifications,
            resume=resume,
            governance=governance,
            record=record,
            clock=clock,
        )
        yield Plane(
            management,
            audiences,
            verifications,
            resume,
            parking,
            simulator,
            DeliveringConnections(dynamodb, "ConnectionsTable"),
            Ingresses(dynamodb, "ConnectionsTable"),
            dynamodb,
            secretsmanager,
            sqs,
            http,
        )
