"""Tables and secrets of all functions but ingest."""

import functools
from collections.abc import Callable

from destination.composition.aws import dynamodb, s3, secretsmanager
from destination.domain.credentials import ClientCredentials
from destination.domain.pseudonym import pseudonym
from destination.settings import LedgerSettings, MarketoSettings, Settings, StoreSettings
from destination.store.alerts import Alerts
from destination.store.canaries import Canaries
from destination.store.capabilities import CapabilitiesOfInstances
from destination.store.connections import Connections
from destination.store.erasures import Erasures, Traces
from destination.store.extracted import ExtractedBytes
from destination.store.files import FileObjects, Files
from destination.store.lead_imports import ImportsOfConnections
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.letters import Letters
from destination.store.losses import Losses
from destination.store.parking import Parking
from destination.store.recipients import Recipients
from destination.store.removed import RemovedConnections
from destination.store.results import Results
from destination.store.resyncs import Resyncs
from destination.store.runs import Runs
from destination.store.scheduled_checks import ScheduledChecks
from destination.store.secrets import Credentials, TokenSecret, pseudonym_secret
from destination.store.seen import SeenDays
from destination.store.verifications import Verifications


def connections(settings: Settings) -> Connections:
    return Connections(dynamodb(), settings.connections_table)


def leases(settings: StoreSettings) -> Leases:
    return Leases(dynamodb(), settings.connections_table)


def capabilities(settings: StoreSettings) -> CapabilitiesOfInstances:
    return CapabilitiesOfInstances(dynamodb(), settings.connections_table)


def canaries(settings: StoreSettings) -> Canaries:
    return Canaries(dynamodb(), settings.connections_table)


def runs(settings: StoreSettings) -> Runs:
    return Runs(dynamodb(), settings.runs_table)


def losses(settings: StoreSettings) -> Losses:
    return Losses(dynamodb(), settings.runs_table, runs(settings))


def seen(settings: StoreSettings) -> SeenDays:
    return SeenDays(dynamodb(), settings.runs_table)


def ledger(settings: LedgerSettings) -> Ledger:
    return Ledger(dynamodb(), settings.ledger_table, leases=leases(settings), runs=runs(settings))


def letters(settings: StoreSettings) -> Letters:
    return Letters(s3(), settings.bucket)


def removed(settings: StoreSettings) -> RemovedConnections:
    return RemovedConnections(dynamodb(), settings.runs_table)


def files(settings: StoreSettings) -> Files:
    return Files(dynamodb(), settings.runs_table)


def resyncs(settings: StoreSettings) -> Resyncs:
    return Resyncs(dynamodb(), settings.runs_table, settings.connections_table)


def file_objects(settings: StoreSettings) -> FileObjects:
    return FileObjects(s3(), settings.bucket)


def results(settings: StoreSettings) -> Results:
    return Results(s3(), settings.bucket)


def erasures(settings: StoreSettings) -> Erasures:
    return Erasures(dynamodb(), settings.connections_table)


def traces(settings: StoreSettings) -> Traces:
    return Traces(s3(), settings.bucket)


def imports(settings: StoreSettings) -> ImportsOfConnections:
    return ImportsOfConnections(dynamodb(), settings.runs_table, s3(), settings.bucket, leases=leases(settings))


def parking(settings: StoreSettings) -> Parking:
    return Parking(s3(), settings.bucket)


def alerts(settings: StoreSettings) -> Alerts:
    return Alerts(dynamodb(), settings.runs_table)


def recipients(settings: StoreSettings) -> Recipients:
    return Recipients(dynamodb(), settings.connections_table)


def verifications(settings: StoreSettings) -> Verifications:
    return Verifications(dynamodb(), settings.runs_table)


def extracted(settings: StoreSettings) -> ExtractedBytes:
    return ExtractedBytes(dynamodb(), settings.runs_table)


def scheduled_checks(settings: StoreSettings) -> ScheduledChecks:
    return ScheduledChecks(dynamodb(), settings.runs_table)


def credentials(settings: StoreSettings) -> Credentials:
    return Credentials(secretsmanager(), settings.secrets_prefix)


def token(settings: StoreSettings, munchkin_id: str, credentials: ClientCredentials) -> TokenSecret:
    return TokenSecret(secretsmanager(), settings.secrets_prefix, munchkin_id, credentials)


def name_of(settings: MarketoSettings) -> Callable[[str], str]:
    """What gives a person's pseudonym, by the dedupe key. The key of the pseudonyms is read once, now."""
    return functools.partial(pseudonym, pseudonym_secret(secretsmanager(), settings.pseudonym_secret))
