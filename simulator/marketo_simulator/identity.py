"""Clients (custom services) and their access tokens (Marketo REST, Authentication)."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import NAMESPACE_URL, uuid5

from marketo_simulator.errors import CallError
from marketo_simulator.message import Request, Response, json_response
from marketo_simulator.settings import Settings

PERMISSIONS: Final = frozenset(
    {
        "Read-Only Lead",
        "Read-Write Lead",
        "Read-Only Assets",
        "Read-Write Assets",
        "Read-Only Activity",
        "Read-Write Activity",
        "Read-Write Schema Standard Field",
        "Read-Write Schema Custom Field",
        "Access User Management Api",
        "Access Users",
    }
)


@dataclass(frozen=True, slots=True)
class Client:
    """One custom service with its API user; `permissions` and `partitions` (names): None = all."""

    client_id: str
    client_secret: str
    user: str = "api@example.org"
    permissions: tuple[str, ...] | None = None
    partitions: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        for permission in self.permissions or ():
            if permission not in PERMISSIONS:
                raise ValueError(f"permission '{permission}' is unknown; use {', '.join(sorted(PERMISSIONS))}")

    def may(self, permission: str) -> bool:
        """Whether the role has the permission; Read-Write includes Read-Only."""
        if not permission or self.permissions is None:
            return True
        return permission in self.permissions or permission.replace("Read-Only", "Read-Write") in self.permissions


@dataclass(frozen=True, slots=True)
class _Token:
    client_id: str
    expires_at: datetime


class Identity:
    """Gives out tokens and knows whose they are. One token per client lives at a time."""

    def __init__(self, instance: str) -> None:
        self._instance = instance
        self.clients: dict[str, Client] = {}
        self._tokens: dict[str, _Token] = {}
        self._current: dict[str, str] = {}

    def rename_partition(self, old: str, new: str) -> None:
        """Let the clients that see a partition see it by its new name."""
        for client in [each for each in self.clients.values() if old != new and old in (each.partitions or ())]:
            names = tuple(new if each == old else each for each in client.partitions or ())
            self.clients[client.client_id] = replace(client, partitions=names)

    def token(self, params: dict[str, str], now: datetime, settings: Settings) -> Response:
        """Answer of /identity/oauth/token: the living token with its remaining life, else a new one."""
        if params.get("grant_type") != "client_credentials":
            return _refused("unsupported_grant_type", "grant_type must be client_credentials", status=400)
        client = self.clients.get(params.get("client_id", ""))
        if client is None:
            return _refused("invalid_client", "No client with requested id")
        if client.client_secret != params.get("client_secret"):
            return _refused("unauthorized", "Bad client credentials")
        text = self._current.get(client.client_id, "")
        if not text or self._tokens[text].expires_at <= now:
            text = f"{uuid5(NAMESPACE_URL, f'{self._instance}#{client.client_id}#{now.isoformat()}')}:int"
            self._tokens[text] = _Token(client.client_id, now + timedelta(seconds=settings.token_seconds))
            self._current[client.client_id] = text
        remaining = int((self._tokens[text].expires_at - now).total_seconds())
        answer = {"access_token": text, "token_type": "bearer", "expires_in": remaining, "scope": client.user}
        said = answer | dict(settings.token_answer)
        return json_response({name: value for name, value in said.items() if value is not None})

    def client(self, request: Request, now: datetime) -> Client:
        """Whose call this is.

        Raises CallError 600 (no token), 601 (unknown token) or 602 (expired).
        """
        scheme, _, text = request.header("Authorization").partition(" ")
        if scheme.lower() != "bearer" or not text.strip():
            raise CallError("600")
        token = self._tokens.get(text.strip())
        if token is None or token.client_id not in self.clients:
            raise CallError("601")
        if token.expires_at <= now:
            raise CallError("602")
        return self.clients[token.client_id]


def _refused(error: str, description: str, status: int = 401) -> Response:
    return json_response({"error": error, "error_description": description}, status)
