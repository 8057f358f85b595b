"""The shards of the ledger: a connection's rows lie in so many partitions, which are written side by side.

A partition of DynamoDB takes 1,000 writes a second (Amazon DynamoDB, "Designing partition keys to distribute your
workload").
"""

import hashlib
from functools import lru_cache
from typing import Final

from destination.domain.person import Unit

SHARDS: Final = 8

NO_DIGEST: Final = bytes(8)
"""The digest of nobody."""

_PERSON: Final = "person#"


@lru_cache(maxsize=8_192)
def name_of(key: str) -> str:
    """The name of the row of the person with this dedupe key; it does not tell the key."""
    return f"{_PERSON}{hashlib.sha256(key.encode()).hexdigest()}"


def digest_of(name: str) -> bytes:
    """The first 8 bytes of a row's hash: enough to tell whether it is that of a person who is known already."""
    return bytes.fromhex(name[len(_PERSON) : len(_PERSON) + 2 * len(NO_DIGEST)])


def shard_of(name: str) -> int:
    """The shard of a row, by the row's name."""
    return int(name[-1], 16) % SHARDS


def shard_of_envelope(envelope_id: str) -> int:
    """The shard of what is known of an envelope and of nobody in particular."""
    return hashlib.sha256(envelope_id.encode()).digest()[-1] % SHARDS


def shard_of_unit(unit: Unit) -> int:
    """The shard in which a unit is counted: that of its person, or of its envelope where it names nobody."""
    return shard_of_envelope(unit.origin.envelope_id) if unit.key is None else _shard_of_key(unit.key)


@lru_cache(maxsize=8_192)
def _shard_of_key(key: str) -> int:
    """It is asked for at each step of a delivery."""
    return shard_of(name_of(key))
