"""Tables and secrets of all functions but ingest."""

import functools
from collections.abc import Callable

from destination.composition.aws import dynamodb, s3, secretsmanager
from destination.domain.credentials import ClientCredentials
from destination.domain.pseudonym import pseudonym
from destination.settings import LedgerSettings, MarketoSettings, StoreSettings
from destination.store.alerts import Alerts
from destination.store.leases import Leases
from destination.store.ledger import Ledger
from destination.store.letters import Letters
from destination.store.losses import Losses
from destination.store.parking import Parking
from destination.store.recipients import Recipients
from destination.store.results import Results
from destination.store.runs import Runs
from destination.store.secrets import Credentials, TokenSecret, pseudonym_secret
from destination.store.verifications import Verifications


def leases(settings: StoreSettings) -> Leases:
    return Leases(dynamodb(), settings.connections_table)


def runs(settings: StoreSettings) -> Runs:
    return Runs(dynamodb(), settings.runs_table)


def losses(settings: StoreSettings) -> Losses:
    return Losses(dynamodb(), settings.runs_table, runs(settings))


def ledger(settings: LedgerSettings) -> Ledger:
    return Ledger(dynamodb(), settings.ledger_table, leases=leases(settings), runs=runs(settings))


def letters(settings: StoreSettings) -> Letters:
    return Letters(s3(), settings.bucket)


def results(settings: StoreSettings) -> Results:
    return Results(s3(), settings.bucket)


def parking(settings: StoreSettings) -> Parking:
    return Parking(s3(), settings.bucket)


def alerts(settings: StoreSettings) -> Alerts:
    return Alerts(dynamodb(), settings.runs_table)


def recipients(settings: StoreSettings) -> Recipients:
    return Recipients(dynamodb(), settings.connections_table)


def verifications(settings: StoreSettings) -> Verifications:
    return Verifications(dynamodb(), settings.runs_table)


def credentials(settings: StoreSettings) -> Credentials:
    return Credentials(secretsmanager(), settings.secrets_prefix)


def token(settings: StoreSettings, munchkin_id: str, credentials: ClientCredentials) -> TokenSecret:
    return TokenSecret(secretsmanager(), settings.secrets_prefix, munchkin_id, credentials)


def name_of(settings: MarketoSettings) -> Callable[[str], str]:
    """What gives a person's pseudonym, by the dedupe key. The key of the pseudonyms is read once, now."""
    return functools.partial(pseudonym, pseudonym_secret(secretsmanager(), settings.pseudonym_secret))
