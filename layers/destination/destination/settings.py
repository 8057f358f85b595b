"""What each function reads from its environment, checked once at start.

A field is the environment variable of its name in capitals. What several functions read stands in one class above them.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Self


class SettingsError(Exception):
    """The function's environment is not complete."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Of every function."""

    connections_table: str
    queue_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Raises SettingsError."""
        return cls(**{field.name: _read(env, field.name.upper(), field.default) for field in fields(cls)})


@dataclass(frozen=True, slots=True)
class IngestSettings(Settings):
    """`signing_key`: the id of the KMS key that makes the keys of signatures; empty: the stack has none."""

    stack_name: str
    signing_key: str = ""


@dataclass(frozen=True, slots=True)
class StoreSettings(Settings):
    """Of the functions that read runs and secrets: all but ingest. `bucket`: where messages are parked."""

    bucket: str
    runs_table: str
    secrets_prefix: str


@dataclass(frozen=True, slots=True)
class LedgerSettings(StoreSettings):
    """Of the functions that know what was delivered, or take it away."""

    ledger_table: str


@dataclass(frozen=True, slots=True)
class FilesSettings(LedgerSettings):
    """Of the function that reads files and carries resyncs on."""


@dataclass(frozen=True, slots=True)
class MarketoSettings(LedgerSettings):
    """Of the functions that call Marketo, and name people by their pseudonyms.

    `marketo_url` may hold the placeholder `{munchkin_id}`; `pseudonym_secret`: the name or ARN of the pseudonyms' key.
    """

    marketo_url: str
    pseudonym_secret: str


@dataclass(frozen=True, slots=True)
class SyncSettings(MarketoSettings):
    stack_name: str
    dead_letter_queue_url: str
    batch_window_seconds: str


@dataclass(frozen=True, slots=True)
class MonitorSettings(LedgerSettings):
    """`marketo_url`: as of the functions that deliver."""

    stack_name: str
    marketo_url: str
    alert_topic_arn: str


@dataclass(frozen=True, slots=True)
class ConnectionsSettings(MarketoSettings):
    """`signing_key`: as for ingest. `console_origin`: of the console's pages; empty: there are none."""

    dead_letter_queue_url: str
    alert_topic_arn: str
    signing_key: str = ""
    console_origin: str = ""


def _read(env: Mapping[str, str], name: str, default: object) -> str:
    """Of a variable without a default, its value; one that has a default may be missing."""
    value = env.get(name, "")
    if not value and isinstance(default, str):
        return default
    if not value:
        raise SettingsError(f"the environment variable {name} is not set; the template sets it for this function")
    return value
