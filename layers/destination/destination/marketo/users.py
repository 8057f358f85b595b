"""The workspaces of an instance, as its user management tells them.

Source: Marketo REST API, "User management": below `/userservice/management`, answers without an envelope, and the
permissions "Access User Management Api" and "Access Users", which an integration need not have.
"""

from typing import Final

from destination.marketo.client import DEFAULT_TIMEOUT, Client
from destination.marketo.errors import UNEXPECTED_ANSWER, InstanceWaitsError
from destination.marketo.transport import Request

_WORKSPACES: Final = Request(
    "get workspaces", "GET", "/userservice/management/v1/users/workspaces.json", DEFAULT_TIMEOUT
)


class Users:
    """The user management of one instance."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def workspaces(self) -> list[str]:
        """The instance's workspaces, by name.

        Raises ConnectionBlockedError 603 where the API user may not ask, or another MarketoError.
        """
        rows = self._client.content(_WORKSPACES)
        if not isinstance(rows, list):
            raise InstanceWaitsError(UNEXPECTED_ANSWER, _WORKSPACES.operation)
        return sorted(row["name"] for row in rows if isinstance(row, dict) and isinstance(row.get("name"), str))
