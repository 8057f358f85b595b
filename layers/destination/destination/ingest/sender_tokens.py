"""The token endpoint's use case: a sender with a connection's credentials gets a token that opens it for a day.

Source: RFC 6749, "The OAuth 2.0 Authorization Framework": sections 2.3.1 (how a client says who it is), 4.4 (client
credentials), 5.1 and 5.2 (answers). The client id is the connection's id, so that one look-up finds all there is to
know. A scope is taken and means nothing: a token opens what the connection's ingest token opens.
"""

import base64
import binascii
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar, Final
from urllib.parse import parse_qsl, unquote_plus

from botocore.exceptions import BotoCoreError, ClientError

from destination.domain.connection import Status
from destination.domain.sender_credentials import TOKEN_LIFE, Derived, SenderToken, derived, hash_of, secret_end
from destination.queue import CONNECTION_ID
from destination.store.ingress import Ingress, Ingresses

GRANT_TYPE: Final = "client_credentials"
FORM: Final = "application/x-www-form-urlencoded"

MAX_FORM_BYTES: Final = 10_000
MAX_FORM_FIELDS: Final = 50

_ATTEMPTS: Final = 5
"""Of writing a token while others are given at the same time."""


class TokenError(Exception):
    """No token is given. `code` is the `error` of RFC 6749, section 5.2, the message its `error_description`.

    TokenError
     ├─ InvalidRequestError         invalid_request         400   not a form, or not a whole one
     ├─ InvalidClientError          invalid_client          401   no such connection, or a wrong secret
     ├─ UnsupportedGrantTypeError   unsupported_grant_type  400
     └─ NoTokenNowError             temporarily_unavailable 503   the connection cannot be read or written now
    """

    code: ClassVar[str]
    status: ClassVar[int] = 400


class InvalidRequestError(TokenError):
    code = "invalid_request"


class InvalidClientError(TokenError):
    code = "invalid_client"
    status = 401


class UnsupportedGrantTypeError(TokenError):
    code = "unsupported_grant_type"


class NoTokenNowError(TokenError):
    """RFC 6749 has the code for the other endpoint (section 4.1.2.1); here it goes with the status of HTTP."""

    code = "temporarily_unavailable"
    status = 503


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A request to the token endpoint; the names of its headers are in lower case."""

    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Granted:
    """A bearer token of a connection, and for how many seconds it is good at least."""

    connection_id: str
    token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class GrantTokens:
    """Gives sender tokens."""

    ingresses: Ingresses
    clock: Callable[[], datetime]

    def __call__(self, request: TokenRequest) -> Granted:
        """Raises TokenError."""
        form = _form(request)
        client_id, secret = _client(request, form)
        if form.get("grant_type") is None:
            raise InvalidRequestError(f"Send grant_type={GRANT_TYPE}.")
        if form["grant_type"] != GRANT_TYPE:
            raise UnsupportedGrantTypeError(f"Only grant_type={GRANT_TYPE} is supported.")
        try:
            return self._grant(client_id, secret)
        except (BotoCoreError, ClientError) as error:
            raise NoTokenNowError("The connection cannot be read or written now; try again.") from error

    def _grant(self, client_id: str, secret: str) -> Granted:
        for _ in range(_ATTEMPTS):
            now = self.clock()
            ingress = self.ingresses.get(client_id) if CONNECTION_ID.fullmatch(client_id) else None
            token = _derived(ingress, client_id, secret, now)
            if ingress is not None and self._is_known(ingress, token, now):
                lasts = min(TOKEN_LIFE, token.until - now)
                return Granted(client_id, token.token, lasts // timedelta(seconds=1))
        raise NoTokenNowError("Too many tokens are asked for at once; try again.")

    def _is_known(self, ingress: Ingress, token: Derived, now: datetime) -> bool:
        """Whether the webhook knows the token by now; it does not if something else came in between."""
        before = ingress.sender_tokens
        if before is None:
            return False
        given = SenderToken(hash_of(token.token), token.until)
        if given in before.tokens:
            return True
        return self.ingresses.give_token(ingress.connection_id, before, before.with_token(given, now))


def _derived(ingress: Ingress | None, client_id: str, secret: str, now: datetime) -> Derived:
    """Raises InvalidClientError, which says the same whether it is the id or the secret."""
    is_there = ingress is not None and ingress.status is not Status.DELETING
    is_good, until = secret_end(secret, ingress.sender_credentials if ingress is not None and is_there else None, now)
    if not is_good:
        raise InvalidClientError("No connection has this client id and client secret.")
    return derived(client_id, secret, until, now)


def _form(request: TokenRequest) -> dict[str, str]:
    """The parameters of the body, which may each come once (RFC 6749, section 3.2)."""
    kind = request.headers.get("content-type", FORM).partition(";")[0].strip().lower()
    if kind != FORM:
        raise InvalidRequestError(f"Send the parameters as {FORM}.")
    if len(request.body) > MAX_FORM_BYTES:
        raise InvalidRequestError(f"The body is larger than {MAX_FORM_BYTES} bytes.")
    try:
        pairs = parse_qsl(request.body.decode(), keep_blank_values=True, max_num_fields=MAX_FORM_FIELDS)
    except ValueError as error:  # of UnicodeDecodeError too
        raise InvalidRequestError(f"The body is no form in UTF-8 of at most {MAX_FORM_FIELDS} parameters.") from error
    form = {name: value for name, value in pairs if value}
    if len({name for name, _ in pairs}) < len(pairs):
        raise InvalidRequestError("A parameter comes more than once.")
    return form


def _client(request: TokenRequest, form: Mapping[str, str]) -> tuple[str, str]:
    """The client's id and secret, from the header or the body, and not from both (RFC 6749, section 2.3)."""
    header = request.headers.get("authorization")
    if header is None:
        if "client_id" not in form or "client_secret" not in form:
            raise InvalidClientError("Send client_id and client_secret in the body, or by Basic authentication.")
        return form["client_id"], form["client_secret"]
    if "client_secret" in form:
        raise InvalidRequestError("Send the client secret in the body or by Basic authentication, and not in both.")
    client_id, secret = _basic(header)
    if form.get("client_id", client_id) != client_id:
        raise InvalidRequestError("The client id of the body is another than that of Basic authentication.")
    return client_id, secret


def _basic(header: str) -> Sequence[str]:
    """User and password of `Basic`, each of them encoded like a form's (RFC 6749, section 2.3.1)."""
    scheme, _, rest = header.partition(" ")
    try:
        text = base64.b64decode(rest.strip(), validate=True).decode() if scheme.lower() == "basic" else ""
    except (binascii.Error, ValueError):
        text = ""
    client_id, colon, secret = text.partition(":")
    if not colon:
        raise InvalidClientError("Send client_id and client_secret in the body, or by Basic authentication.")
    return unquote_plus(client_id), unquote_plus(secret)
