"""Bundles of messages that are parked, in a folder of the bucket."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from destination.domain.parking import Bundle
from destination.store.folders import Folder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PARKED: Final = "parked"
"""The folder's name."""


class Parking:
    """What is parked of all connections."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._folder = Folder(client, bucket, PARKED)

    def put(self, bundle: Bundle, bodies: Iterable[str]) -> None:
        """Store the bodies of the messages of a bundle."""
        self._folder.put(bundle.connection_id, bundle.name, bodies)

    def get(self, bundle: Bundle) -> list[str]:
        """The bodies of a bundle's messages. Raises NotFoundError when it is there no more."""
        return self._folder.get(bundle.connection_id, bundle.name)

    def remove(self, bundle: Bundle) -> None:
        """None there is as good."""
        self._folder.remove(bundle.connection_id, bundle.name)

    def of(self, connection_id: str) -> Iterator[Bundle]:
        """The bundles of a connection, those that are due first first."""
        return self._listed(connection_id)

    def all(self) -> Iterator[Bundle]:
        """The bundles of all connections, one connection after the other."""
        return self._listed(None)

    def erase(self, connection_id: str) -> bool:
        """Delete some of what is parked of a connection; whether nothing is left."""
        return self._folder.erase(connection_id)

    def _listed(self, connection_id: str | None) -> Iterator[Bundle]:
        for owner, name in self._folder.names(connection_id):
            with contextlib.suppress(ValueError):  # It is none of ours: the console makes one for a folder.
                yield Bundle.named(owner, name)
