"""What opens a Marketo instance; neither value ever shows in a representation, and so in no log or traceback."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ClientCredentials:
    """The client id and secret of a LaunchPoint custom service (Marketo REST API, "Authentication")."""

    client_id: str
    client_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class AccessToken:
    """A bearer token of the Marketo REST API, and when Marketo stops taking it."""

    value: str = field(repr=False)
    expires_at: datetime
