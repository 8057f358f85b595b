"""Letters, in a folder of the bucket beside what is parked."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from destination.domain.letter import LetterBundle
from destination.store.folders import Folder
from destination.store.parking import PARKED

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

LETTERS: Final = "letters"
"""The folder's name."""


class Letters:
    """The letters of all connections."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._folder = Folder(client, bucket, LETTERS)
        self._parked = Folder(client, bucket, PARKED)

    def put(self, bundle: LetterBundle, bodies: Iterable[str]) -> None:
        """Store letters."""
        self._folder.put(bundle.connection_id, bundle.name, bodies)

    def get(self, bundle: LetterBundle) -> list[str]:
        """The bodies of letters. Raises NotFoundError when they are there no more."""
        return self._folder.get(bundle.connection_id, bundle.name)

    def redrive(self, bundle: LetterBundle) -> None:
        """Make letters a parked bundle; between the two steps they are both. Raises NotFoundError."""
        self._folder.move(bundle.connection_id, bundle.name, self._parked, bundle.redriven.name)

    def remove(self, bundle: LetterBundle) -> None:
        """None there is as good."""
        self._folder.remove(bundle.connection_id, bundle.name)

    def of(self, connection_id: str) -> Iterator[LetterBundle]:
        """The letters of a connection, those that failed first first."""
        return self._listed(connection_id)

    def all(self) -> Iterator[LetterBundle]:
        """The letters of all connections, one connection after the other."""
        return self._listed(None)

    def erase(self, connection_id: str) -> bool:
        """Delete some of the letters of a connection; whether none is left."""
        return self._folder.erase(connection_id)

    def _listed(self, connection_id: str | None) -> Iterator[LetterBundle]:
        for owner, name in self._folder.names(connection_id):
            with contextlib.suppress(ValueError):  # It is none of ours: the console makes one for a folder.
                yield LetterBundle.named(owner, name)
