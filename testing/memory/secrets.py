"""The secrets in memory: the access token of an instance, and the credentials of connections."""

from dataclasses import dataclass, field

from destination.domain.connection import Connection
from destination.domain.credentials import AccessToken, ClientCredentials
from destination.store.errors import NotFoundError


@dataclass
class MemoryToken:
    token: AccessToken | None = None

    def get(self) -> AccessToken | None:
        return self.token

    def put(self, token: AccessToken) -> None:
        self.token = token


@dataclass
class MemoryCredentials:
    """The credentials of the connections, by their ids."""

    given: dict[str, ClientCredentials] = field(default_factory=dict)

    def get(self, connection: Connection) -> ClientCredentials:
        if connection.id not in self.given:
            raise NotFoundError(f"connection {connection.id} has no credentials")
        return self.given[connection.id]
