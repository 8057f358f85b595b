"""How people are named where no profile value may stand: in runs, and in whatever else outlives their events."""

import hmac


def pseudonym(secret: bytes, dedupe_key: str) -> str:
    """The first 16 hexadecimal digits of HMAC-SHA256 of a normalised dedupe value (RFC 2104).

    Whoever has the deployment's secret and knows a person can tell which one is meant; nobody else can, not even by
    trying addresses.
    """
    return hmac.digest(secret, dedupe_key.encode(), "sha256").hex()[:16]
