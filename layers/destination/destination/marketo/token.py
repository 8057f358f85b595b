"""The access token: obtained with the connection's client credentials, shared, renewed in time.

Source: Marketo REST API, "Authentication". Asking again returns the same token with what is left of its life, so a
short remaining life is not a reason to ask again before the token has ended.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol

import requests

from destination.domain.credentials import AccessToken, ClientCredentials
from destination.marketo.errors import (
    CREDENTIALS_REFUSED,
    TOKEN_EXPIRING,
    UNEXPECTED_ANSWER,
    ConnectionBlockedError,
    InstanceWaitsError,
    error_for,
)
from destination.marketo.transport import Request, Watch, decode, send, unwatched, watched

MARGIN: Final = timedelta(seconds=60)
"""A token with less life than this is renewed before it is used."""

ENDING: Final = timedelta(seconds=2)
"""A token handed out with less life than this may have ended on arrival: it is waited out."""

IDENTITY: Final = "obtain access token"
"""The operation that does not count towards Marketo's limits."""

ATTEMPTS: Final = 3
_IDENTITY_TIMEOUT: Final = 35.0


class TokenStore(Protocol):
    """Where the workers of one (Munchkin ID, client id) share their token."""

    def get(self) -> AccessToken | None:
        """The token that was stored last, ended or not; None if there was none."""

    def put(self, token: AccessToken) -> None:
        """Store the token for the other workers."""


@dataclass(slots=True)
class OwnToken:
    """A token that is shared with nobody: of whoever asks so seldom that it is not worth the rights on a shared one."""

    token: AccessToken | None = None

    def get(self) -> AccessToken | None:
        return self.token

    def put(self, token: AccessToken) -> None:
        self.token = token


class Tokens:
    """The access token of one (Munchkin ID, client id): this process's copy, then the shared one, then a new one.

    Safe for threads; one of them at a time obtains a token. Identity calls do not count towards Marketo's limits.
    """

    def __init__(
        self,
        credentials: ClientCredentials,
        store: TokenStore,
        http: requests.Session,
        base_url: str,
        *,
        clock: Callable[[], datetime],
        sleep: Callable[[float], None] = time.sleep,
        watch: Watch = unwatched,
    ) -> None:
        self._watch = watch
        self._credentials = credentials
        self._store = store
        self._http = http
        self._base_url = base_url
        self._clock = clock
        self._sleep = sleep
        self._lock = threading.Lock()
        self._token: AccessToken | None = None
        self._renew_at = datetime.min.replace(tzinfo=UTC)

    def current(self, bounded: Callable[[float], float] = float) -> str:
        """A token to use now. `bounded` gives what may be used of a time-out, in seconds.

        Raises ConnectionBlockedError 401 for wrong credentials, InstanceWaitsError when Marketo gives no usable token,
        and what `bounded` raises.
        """
        with self._lock:
            if self._token is None or self._renew_at <= self._clock():
                self._token = self._shared(rejected=None) or self._new(bounded)
            return self._token.value

    def refresh(self, rejected: str, bounded: Callable[[float], float] = float) -> str:
        """Another token in place of one that Marketo refused; if others have one already, theirs. Raises as current."""
        with self._lock:
            if self._token is None or self._token.value == rejected:
                self._token = self._shared(rejected) or self._new(bounded)
            return self._token.value

    def obtain(self, bounded: Callable[[float], float] = float) -> str:
        """A token that Marketo hands out now, for the credentials as they are; raises as current."""
        with self._lock:
            self._token = self._new(bounded)
            return self._token.value

    def _shared(self, rejected: str | None) -> AccessToken | None:
        stored = self._store.get()
        if stored is None or stored.value == rejected or stored.expires_at - MARGIN <= self._clock():
            return None
        self._renew_at = stored.expires_at - MARGIN
        return stored

    def _new(self, bounded: Callable[[float], float]) -> AccessToken:
        for _ in range(ATTEMPTS):
            asked_at = self._clock()
            access_token, life = self._ask(bounded(_IDENTITY_TIMEOUT))
            if life > ENDING:
                token = AccessToken(access_token, asked_at + life)
                self._store.put(token)
                self._renew_at = token.expires_at - (MARGIN if life > MARGIN else ENDING)
                return token
            self._sleep((max(life, timedelta(0)) + timedelta(seconds=1)).total_seconds())
        raise InstanceWaitsError(TOKEN_EXPIRING, IDENTITY)

    def _ask(self, timeout: float) -> tuple[str, timedelta]:
        # The parameters go into the body: addresses end up in logs.
        form = {
            "grant_type": "client_credentials",
            "client_id": self._credentials.client_id,
            "client_secret": self._credentials.client_secret,
        }
        request = Request(IDENTITY, "POST", "/identity/oauth/token", timeout, form=form)
        with watched(IDENTITY, self._watch) as call:
            answer = send(self._http, self._base_url, request, call)
            if answer.status_code in {400, 401}:
                raise ConnectionBlockedError(CREDENTIALS_REFUSED, IDENTITY)
            content = decode(answer, IDENTITY)
            if answer.status_code >= 300:
                raise error_for(str(answer.status_code), IDENTITY)
            match content:
                case {"access_token": str() as access_token, "expires_in": int() as seconds} if access_token:
                    return access_token, timedelta(seconds=seconds)
            raise InstanceWaitsError(UNEXPECTED_ANSWER, IDENTITY)
