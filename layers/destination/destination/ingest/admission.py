"""The ways in: how a request proves that it comes from a sender of the connection.

A token comes as a bearer token, as the password of Basic (RFC 7617; any user name), in a header that the connection
names, or in a query parameter, if the connection names one. A signature is an HMAC (RFC 2104) over what the source says
that its sender signs. All that is compared is compared in constant time, and whatever the first comparison says.
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from destination.domain.connection import Proof
from destination.domain.row_form import RowForm

_BEARER: Final = "bearer"
_BASIC: Final = "basic"


@dataclass(frozen=True, slots=True)
class SourceRequest:
    """A request: the names of its headers are in lower case, `body` is what is read, or signed.

    `rows`: the form of rows that the connection says, if it says one.
    """

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    rows: RowForm | None = None


@dataclass(frozen=True, slots=True)
class Refused:
    """A request that proves nothing; `detail` says what to send, and nothing of what was."""

    detail: str


def whole_body(request: SourceRequest) -> Sequence[bytes]:
    return (request.body,)


@dataclass(frozen=True, slots=True)
class Signature:
    """How a sender signs: the header, the hash of its HMAC, how that is written, and what stands before it.

    `signed`: the texts that it may have signed, of which one is enough; none where it does not sign such a request.
    """

    header: str
    algorithm: Literal["sha1", "sha256", "sha512"] = "sha256"
    encoding: Literal["hex", "base64"] = "hex"
    prefix: str = ""
    signed: Callable[[SourceRequest], Sequence[bytes]] = whole_body

    def of(self, key: bytes, text: bytes) -> str:
        """What the header says of a text."""
        digest = hmac.digest(key, text, self.algorithm)
        return self.prefix + (digest.hex() if self.encoding == "hex" else base64.b64encode(digest).decode())

    def is_on(self, request: SourceRequest, keys: Sequence[bytes]) -> bool:
        given = request.headers.get(self.header.lower(), "").strip().encode(errors="replace")
        texts = self.signed(request)
        found = [hmac.compare_digest(given, self.of(key, text).encode()) for text in texts for key in keys]
        return any(found)


@dataclass(frozen=True, slots=True)
class WaysIn:
    """What opens a connection to its senders now.

    `token_hashes`: SHA-256 in hexadecimal of the tokens. `header`, `parameter`: where a token may come besides the
    header Authorization. `proof`: what has to be proved. `keys`: those by which bodies are signed as `signature` says.
    """

    token_hashes: Sequence[str] = field(repr=False)
    header: str | None = None
    parameter: str | None = None
    proof: Proof = Proof.TOKEN
    signature: Signature | None = None
    keys: Sequence[bytes] = field(default=(), repr=False)

    def knows(self, token: str | None) -> bool:
        """Whether it is one of the tokens. A source whose sender puts it elsewhere asks this itself."""
        given = hashlib.sha256((token or "").strip().encode(errors="replace")).hexdigest()
        found = [hmac.compare_digest(given, known) for known in self.token_hashes]
        return token is not None and any(found)

    def has_token(self, request: SourceRequest) -> bool:
        given = [_authorization(request.headers.get("authorization"))]
        if self.header is not None:
            given.append(request.headers.get(self.header.lower()))
        if self.parameter is not None:
            given.append(request.query.get(self.parameter))
        found = [self.knows(token) for token in given]
        return any(found)

    def has_signature(self, request: SourceRequest) -> bool:
        return self.signature is not None and self.signature.is_on(request, self.keys)

    def signs(self, request: SourceRequest) -> bool:
        """Whether the sender signs such a request at all."""
        return self.signature is not None and bool(self.signature.signed(request))


def admitted(request: SourceRequest, ways: WaysIn) -> Refused | None:
    """Whether a request proves what the connection asks for; None: it does.

    Where both proofs are asked for, a request of a kind that its sender never signs needs the token alone.
    """
    if ways.proof is not Proof.SIGNATURE and not ways.has_token(request):
        return Refused(_send_token(ways))
    if ways.proof is Proof.SIGNATURE or (ways.proof is Proof.BOTH and (not ways.signature or ways.signs(request))):
        return None if ways.has_signature(request) else Refused(_sign(ways))
    return None


def basic_credentials(authorization: str | None) -> tuple[str, str] | None:
    """User and password of the header Authorization; None where it is not Basic (RFC 7617)."""
    scheme, _, rest = (authorization or "").partition(" ")
    if scheme.lower() != _BASIC:
        return None
    try:
        user, colon, password = base64.b64decode(rest.strip(), validate=True).decode().partition(":")
    except (binascii.Error, ValueError):
        return None
    return (user, password) if colon else None


def _authorization(header: str | None) -> str | None:
    """The token of the header Authorization: after `Bearer`, or the password of `Basic`."""
    scheme, _, rest = (header or "").partition(" ")
    if scheme.lower() == _BEARER:
        return rest
    basic = basic_credentials(header)
    return None if basic is None else basic[1]


def _send_token(ways: WaysIn) -> str:
    also = "".join(
        [
            f", or in the header {ways.header}" if ways.header else "",
            f", or as the query parameter {ways.parameter}" if ways.parameter else "",
        ]
    )
    return f"Send the connection's ingest token as 'Authorization: Bearer <token>'{also}."


def _sign(ways: WaysIn) -> str:
    if ways.signature is None:
        return "The connection asks for a signature, and its source has none; change source.admission.proof."
    return f"Sign the body as it is sent, with the connection's signing key, in the header {ways.signature.header}."
