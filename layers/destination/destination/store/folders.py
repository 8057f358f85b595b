"""The folders of the bucket: messages of a connection, many in an object.

    <folder>/<connection id>/<name>     one message a line; the line ends in a message are carriage returns

The names tell all that is to be counted, so that counts are a listing. What S3 has stored is listed and read from then
on by everybody (Amazon S3, "Data consistency model").
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from destination.store.errors import NotFoundError, aws_code

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ERASED: Final = 1000
"""How many objects one call deletes."""

_LINE_END: Final = "\r"
"""Of a line within a body."""

_CONTENT_TYPE: Final = "application/x-ndjson"

_CHANGED: Final = frozenset({"PreconditionFailed", "ConditionalRequestConflict"})
"""Somebody wrote or removed an object since it was read, or does so at the same time."""

_GONE: Final = frozenset({"NoSuchKey", "404"})


@dataclass(frozen=True, slots=True)
class Folder:
    """One folder, with the objects of all connections."""

    client: "S3Client"
    bucket: str
    name: str

    def put(self, connection_id: str, name: str, bodies: Iterable[str]) -> None:
        """Store the bodies of messages."""
        self.client.put_object(
            Bucket=self.bucket,
            Key=self.key(connection_id, name),
            Body=_joined(bodies),
            ContentType=_CONTENT_TYPE,
        )

    def get(self, connection_id: str, name: str) -> list[str]:
        """The bodies in an object. Raises NotFoundError when it is there no more."""
        return _bodies(self._read(connection_id, name))

    def put_text(self, connection_id: str, name: str, text: str) -> None:
        """Store a text as it is, which is no messages."""
        self.client.put_object(
            Bucket=self.bucket, Key=self.key(connection_id, name), Body=text.encode(), ContentType="text/csv"
        )

    def get_text(self, connection_id: str, name: str) -> str:
        """A text in an object. Raises NotFoundError when it is there no more."""
        return self._read(connection_id, name).decode()

    def rewrite(self, connection_id: str, name: str, change: Callable[[list[str]], list[str] | None]) -> None:
        """Change the bodies in an object to those that `change` gives: none, and it is removed; None, and it stays.

        None there is as good.

        What is removed or changed meanwhile is not brought back: it is written only over what was read (Amazon S3,
        "How to prevent object overwrites with conditional writes"), and read again if that is no longer there.
        """
        key = self.key(connection_id, name)
        while True:
            try:
                answer = self.client.get_object(Bucket=self.bucket, Key=key)
            except self.client.exceptions.NoSuchKey:
                return
            changed = change(_bodies(answer["Body"].read()))
            if changed is None:
                return
            if not changed:
                self.client.delete_object(Bucket=self.bucket, Key=key)
                return
            try:
                self.client.put_object(
                    Bucket=self.bucket,
                    Key=key,
                    Body=_joined(changed),
                    ContentType=_CONTENT_TYPE,
                    IfMatch=answer["ETag"],
                )
            except ClientError as error:
                if aws_code(error) not in _CHANGED | _GONE:
                    raise
            else:
                return

    def remove(self, connection_id: str, name: str) -> None:
        """None there is as good."""
        self.client.delete_object(Bucket=self.bucket, Key=self.key(connection_id, name))

    def move(self, connection_id: str, name: str, to: "Folder", new_name: str) -> None:
        """Move an object to another folder; between the two steps it is in both. Raises NotFoundError."""
        try:
            self.client.copy_object(
                Bucket=to.bucket,
                Key=to.key(connection_id, new_name),
                CopySource={"Bucket": self.bucket, "Key": self.key(connection_id, name)},
            )
        except ClientError as error:
            if aws_code(error) not in _GONE:
                raise
            raise NotFoundError(f"there is no {self.name}/{connection_id}/{name}") from None
        self.remove(connection_id, name)

    def erase(self, connection_id: str) -> bool:
        """Delete some of what there is of a connection; whether nothing is left."""
        answer = self.client.list_objects_v2(
            Bucket=self.bucket, Prefix=f"{self.name}/{connection_id}/", MaxKeys=_ERASED
        )
        if not (found := answer.get("Contents", [])):
            return True
        deleted = self.client.delete_objects(
            Bucket=self.bucket, Delete={"Objects": [{"Key": one["Key"]} for one in found], "Quiet": True}
        )
        return not answer["IsTruncated"] and not deleted.get("Errors")

    def names(self, connection_id: str | None = None, begin: str = "", after: str = "") -> Iterator[tuple[str, str]]:
        """The objects of a connection, or of all, one connection after the other: its id, and the name.

        `begin`: what the names of one connection begin with; `after`: what of them follows, beyond which they are.
        """
        prefix = f"{self.name}/" if connection_id is None else f"{self.name}/{connection_id}/{begin}"
        pages = self.client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, StartAfter=f"{prefix}{after}"
        )
        for page in pages:
            for found in page.get("Contents", []):
                owner, _, name = found["Key"].removeprefix(f"{self.name}/").partition("/")
                yield owner, name

    def _read(self, connection_id: str, name: str) -> bytes:
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=self.key(connection_id, name))
        except self.client.exceptions.NoSuchKey:
            raise NotFoundError(f"there is no {self.name}/{connection_id}/{name}") from None
        return answer["Body"].read()

    def key(self, connection_id: str, name: str) -> str:
        """Of an object in the bucket."""
        return f"{self.name}/{connection_id}/{name}"


def _joined(bodies: Iterable[str]) -> bytes:
    """A line each. JSON has line ends between its tokens alone, where all white space means the same (RFC 8259, 2)."""
    return "\n".join(body.replace(_LINE_END, " ").replace("\n", _LINE_END) for body in bodies).encode()


def _bodies(stored: bytes) -> list[str]:
    """The bodies with their own line ends, by which their events are told apart (queue/envelopes.py)."""
    return [line.replace(_LINE_END, "\n") for line in stored.decode().split("\n")]
