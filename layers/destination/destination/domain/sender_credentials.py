"""The credentials of a connection's senders, and the tokens that they give (RFC 6749, section 4.4, client credentials).

A connection has one client secret, and for a grace the one before it; the client id is the connection's. A sender token
is derived from the secret and the time, so that a sender that asks again soon gets the same one: however often it asks,
a connection has a handful of tokens, and all are known by their hashes. They end with their secret.
"""

import base64
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Final

from destination.domain.times import EPOCH

TOKEN_LIFE: Final = timedelta(hours=24)
"""What every sender token is good for at least: Adobe asks for a day or more (Destination SDK, "OAuth 2")."""

SAME_TOKEN_FOR: Final = timedelta(hours=6)
"""How long the same secret gives the same token."""

MAX_TOKENS: Final = 2 * (TOKEN_LIFE // SAME_TOKEN_FOR + 1)
"""That one connection has at once, in the grace of a replaced secret; more cannot come to be."""

_NO_HASH: Final = "-" * 64
"""Of the length of a hash, and none."""


def hash_of(secret: str) -> str:
    """What is stored of a secret or token, which have 256 random bits: SHA-256 in hexadecimal."""
    return hashlib.sha256(secret.encode(errors="replace")).hexdigest()


@dataclass(frozen=True, slots=True)
class SenderCredentials:
    """The hashes of a connection's client secrets; the previous one is good until a time, if there is one."""

    secret_hash: str = field(repr=False)
    previous_hash: str = field(default="", repr=False)
    previous_until: datetime | None = None

    def replaced(self, secret_hash: str, until: datetime) -> "SenderCredentials":
        """With a new secret; the current one, and no older one, is good until a time."""
        return SenderCredentials(secret_hash, self.secret_hash, until)


@dataclass(frozen=True, slots=True)
class SenderToken:
    """A token that was given to a sender, and until when it opens."""

    hash: str = field(repr=False)
    until: datetime


@dataclass(frozen=True, slots=True)
class SenderTokens:
    """Those of a connection. `of`: the hash of the secret that was the current one; it tells one replacement of the
    secret from the next, also where no token was given in between.
    """

    of: str = field(repr=False)
    tokens: tuple[SenderToken, ...] = ()

    def good(self, now: datetime) -> tuple[SenderToken, ...]:
        return tuple(one for one in self.tokens if now < one.until)

    def with_token(self, token: SenderToken, now: datetime) -> "SenderTokens":
        """With one that may be there already, and without those that are over."""
        others = (one for one in self.good(now) if one.hash != token.hash)
        return replace(self, tokens=(*others, token))

    def replaced(self, secret_hash: str, until: datetime, now: datetime) -> "SenderTokens":
        """Of a connection with a new secret: all of the secrets before it end at a time, if not earlier."""
        ended = (replace(one, until=min(one.until, until)) for one in self.tokens)
        return SenderTokens(secret_hash, tuple(one for one in ended if now < one.until))


@dataclass(frozen=True, slots=True)
class Derived:
    """A token, and until when it opens."""

    token: str = field(repr=False)
    until: datetime


def derived(connection_id: str, secret: str, secret_until: datetime | None, now: datetime) -> Derived:
    """The token that a secret gives at a time; `secret_until`: of the secret before the current one, its end.

    It is an HMAC, of which nobody computes the next or the secret (RFC 2104), and it opens for TOKEN_LIFE from the last
    moment at which it is given.
    """
    begun = (now - EPOCH) // SAME_TOKEN_FOR
    until = EPOCH + (begun + 1) * SAME_TOKEN_FOR + TOKEN_LIFE
    text = f"sender token\0{connection_id}\0{begun}"
    digest = hmac.digest(secret.encode(errors="replace"), text.encode(), "sha256")
    token = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return Derived(token, until if secret_until is None else min(until, secret_until))


def secret_end(given: str, known: SenderCredentials | None, now: datetime) -> tuple[bool, datetime | None]:
    """Whether a client secret is good now, and when it ends, if that is known.

    Always as many comparisons, each in constant time, whatever is known and given.
    """
    previous_until = known.previous_until if known else None
    is_open = previous_until is not None and now < previous_until
    hashes: Sequence[str] = (known.secret_hash, known.previous_hash if is_open else _NO_HASH) if known else ()
    given_hash = hash_of(given)
    current, previous = (hmac.compare_digest(given_hash, one) for one in hashes or (_NO_HASH, _NO_HASH))
    return current or previous, None if current else previous_until
