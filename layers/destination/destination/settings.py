"""What each function reads from its environment, checked once at start."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self


class SettingsError(Exception):
    """The function's environment is not complete."""


@dataclass(frozen=True, slots=True)
class IngestSettings:
    stack_name: str
    connections_table: str
    queue_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Raises SettingsError."""
        return cls(_read(env, "STACK_NAME"), _read(env, "CONNECTIONS_TABLE"), _read(env, "QUEUE_URL"))


@dataclass(frozen=True, slots=True)
class SyncSettings:
    """`marketo_url` may hold the placeholder `{munchkin_id}`."""

    stack_name: str
    connections_table: str
    ledger_table: str
    runs_table: str
    queue_url: str
    dead_letter_queue_url: str
    secrets_prefix: str
    pseudonym_secret: str
    marketo_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Raises SettingsError."""
        return cls(
            stack_name=_read(env, "STACK_NAME"),
            connections_table=_read(env, "CONNECTIONS_TABLE"),
            ledger_table=_read(env, "LEDGER_TABLE"),
            runs_table=_read(env, "RUNS_TABLE"),
            queue_url=_read(env, "QUEUE_URL"),
            dead_letter_queue_url=_read(env, "DEAD_LETTER_QUEUE_URL"),
            secrets_prefix=_read(env, "SECRETS_PREFIX"),
            pseudonym_secret=_read(env, "PSEUDONYM_SECRET"),
            marketo_url=_read(env, "MARKETO_URL"),
        )


@dataclass(frozen=True, slots=True)
class MonitorSettings:
    connections_table: str
    runs_table: str
    queue_url: str
    secrets_prefix: str
    dead_letter_queue_url: str
    alert_topic_arn: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Raises SettingsError."""
        return cls(
            connections_table=_read(env, "CONNECTIONS_TABLE"),
            runs_table=_read(env, "RUNS_TABLE"),
            queue_url=_read(env, "QUEUE_URL"),
            secrets_prefix=_read(env, "SECRETS_PREFIX"),
            dead_letter_queue_url=_read(env, "DEAD_LETTER_QUEUE_URL"),
            alert_topic_arn=_read(env, "ALERT_TOPIC_ARN"),
        )


@dataclass(frozen=True, slots=True)
class ConnectionsSettings:
    """`marketo_url` may hold the placeholder `{munchkin_id}`."""

    connections_table: str
    ledger_table: str
    runs_table: str
    queue_url: str
    secrets_prefix: str
    marketo_url: str

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Self:
        """Raises SettingsError."""
        return cls(
            connections_table=_read(env, "CONNECTIONS_TABLE"),
            ledger_table=_read(env, "LEDGER_TABLE"),
            runs_table=_read(env, "RUNS_TABLE"),
            queue_url=_read(env, "QUEUE_URL"),
            secrets_prefix=_read(env, "SECRETS_PREFIX"),
            marketo_url=_read(env, "MARKETO_URL"),
        )


def _read(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise SettingsError(f"the environment variable {name} is not set; the template sets it for this function")
    return value
