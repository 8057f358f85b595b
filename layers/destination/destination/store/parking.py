"""The bucket: bundles of messages that are parked.

    parked/<connection id>/<name of the bundle>     one message a line

The name of a bundle tells all that is to be counted (domain/parking.py), so that counts are a listing. What S3 has
stored is listed and read from then on by everybody (Amazon S3, "Data consistency model").
"""

import contextlib
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Final

from destination.domain.parking import Bundle
from destination.store.errors import NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_PREFIX: Final = "parked/"

_ERASED: Final = 1000
"""How many objects one call deletes."""


class Parking:
    """What is parked of all connections."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def put(self, bundle: Bundle, bodies: Iterable[str]) -> None:
        """Store the bodies of the messages of a bundle."""
        # JSON has line breaks between its tokens alone, where a space is as good.
        text = "\n".join(body.replace("\n", " ") for body in bodies)
        self._client.put_object(
            Bucket=self._bucket, Key=_key(bundle), Body=text.encode(), ContentType="application/x-ndjson"
        )

    def get(self, bundle: Bundle) -> list[str]:
        """The bodies of a bundle's messages. Raises NotFoundError when it is there no more."""
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=_key(bundle))
        except self._client.exceptions.NoSuchKey:
            raise NotFoundError(f"there is no bundle {bundle.name}") from None
        return answer["Body"].read().decode().split("\n")

    def remove(self, bundle: Bundle) -> None:
        """None there is as good."""
        self._client.delete_object(Bucket=self._bucket, Key=_key(bundle))

    def of(self, connection_id: str) -> Iterator[Bundle]:
        """The bundles of a connection, those that are due first first."""
        return self._listed(f"{_PREFIX}{connection_id}/")

    def all(self) -> Iterator[Bundle]:
        """The bundles of all connections, one connection after the other."""
        return self._listed(_PREFIX)

    def erase(self, connection_id: str) -> bool:
        """Delete some of what is parked of a connection; whether nothing is left."""
        answer = self._client.list_objects_v2(Bucket=self._bucket, Prefix=f"{_PREFIX}{connection_id}/", MaxKeys=_ERASED)
        if not (found := answer.get("Contents", [])):
            return True
        deleted = self._client.delete_objects(
            Bucket=self._bucket, Delete={"Objects": [{"Key": one["Key"]} for one in found], "Quiet": True}
        )
        return not answer["IsTruncated"] and not deleted.get("Errors")

    def _listed(self, prefix: str) -> Iterator[Bundle]:
        for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
            for found in page.get("Contents", []):
                connection_id, _, name = found["Key"].removeprefix(_PREFIX).partition("/")
                with contextlib.suppress(ValueError):  # It is none of ours: the console makes one for a folder.
                    yield Bundle.named(connection_id, name)


def _key(bundle: Bundle) -> str:
    return f"{_PREFIX}{bundle.connection_id}/{bundle.name}"
