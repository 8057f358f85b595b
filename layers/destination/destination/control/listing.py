"""What lies in the bucket, listed once for all connections: by the monitor, and for the overview."""

from collections.abc import Iterable
from itertools import groupby
from typing import Protocol, TypeVar

from destination.domain.letter import LetterBundle
from destination.domain.parking import Bundle

_Kind = TypeVar("_Kind", Bundle, LetterBundle)


class Parking(Protocol):
    """What is parked of all connections, one after the other."""

    def all(self) -> Iterable[Bundle]: ...


class Letters(Protocol):
    """The letters of all connections, one after the other."""

    def all(self) -> Iterable[LetterBundle]: ...


def by_connection(bundles: Iterable[_Kind]) -> dict[str, list[_Kind]]:
    """Bundles that are listed one connection after the other, by connection."""
    return {one: list(own) for one, own in groupby(bundles, key=lambda bundle: bundle.connection_id)}
