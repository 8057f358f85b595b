"""Files: what was asked for and how far it is, in RunsTable; the objects themselves and what became of their rows, in
the bucket.

    connection_id          id = file#<id>                     the file; expires_at
    files                  id = <connection id>#<id>          those that are not at their end yet

    uploads/<connection id>/asked/<file id>/<name>                     put there by an address that was given for it
    uploads/<connection id>/<mode>/<activation id>/<name>              dropped there
    files/<connection id>/<file id>/outcomes/<part>-<time>-<tally>-<id>    what became of rows, one a line
    files/<connection id>/<file id>/result.csv                         the same, row by row, at the end
"""

import contextlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from destination.domain.file import (
    File,
    FileCode,
    FileObject,
    FileStatus,
    MirrorHold,
    Mode,
    OutcomesKey,
    RowOutcome,
    counts_in,
)
from destination.domain.file_form import FileForm, FileFormat
from destination.domain.file_text import FileBrokenError
from destination.domain.run import RETENTION
from destination.domain.times import format_time, parse_time
from destination.store.errors import aws_code
from destination.store.folders import Folder
from destination.store.items import Attributes, known, known_words
from destination.store.versioned import Ongoing, state_in, state_of

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

FILES: Final = "files"
"""The folder of what became of rows."""

UPLOADS: Final = "uploads"
"""The folder of the files themselves."""

ASKED: Final = "asked"

CHUNK: Final = 1_048_576
"""Of an object that is read."""

MAX_MANIFEST: Final = 1_000_000

PIECE: Final = 8_388_608
"""Of an object that is written piece by piece; S3 takes at least 5 MiB, but for the last."""

_OUTCOMES: Final = "outcomes"
_GONE: Final = frozenset({"NoSuchKey", "404", "NotFound"})
_CHANGED: Final = frozenset({"PreconditionFailed", "412"})
_TIMES: Final = ("created_at", "received_at", "claimed_until", "read_at", "cancelled_at", "finished_at", "approved_at")

_encode = json.JSONEncoder(separators=(",", ":")).encode


class Files(Ongoing[File]):
    """The files of all connections, in their table."""

    def __init__(self, client: "DynamoDBClient", table: str) -> None:
        super().__init__(
            client, table, "file", write=_written, read=_file, expires=lambda one: one.created_at + RETENTION
        )


@dataclass(frozen=True, slots=True)
class FileObjects:
    """The objects of files, and what became of their rows, of all connections."""

    client: "S3Client"
    bucket: str

    def upload_key(self, connection_id: str, file_id: str, name: str) -> str:
        return f"{UPLOADS}/{connection_id}/{ASKED}/{file_id}/{name}"

    def upload_address(self, key: str, size: int, within: timedelta) -> str:
        """A URL to which that many bytes can be put for a time, without other credentials.

        S3 refuses another number of bytes, as the length is signed (Amazon S3, "Working with presigned URLs").
        """
        return self.client.generate_presigned_url(
            "put_object",
            Params={"Bucket": self.bucket, "Key": key, "ContentLength": size},
            ExpiresIn=int(within.total_seconds()),
        )

    def result_address(self, file: File, within: timedelta) -> str:
        """A URL at which the result of a file that is at its end can be had for a time."""
        key = self._folder.key(file.connection_id, f"{file.id}/result.csv")
        saved_as = f'attachment; filename="result-{file.id}.csv"'  # A browser saves it, and leaves no page for it.
        wanted = {"Bucket": self.bucket, "Key": key, "ResponseContentDisposition": saved_as}
        return self.client.generate_presigned_url("get_object", Params=wanted, ExpiresIn=int(within.total_seconds()))

    def uploaded(self) -> Iterator[FileObject]:
        """All objects that were uploaded or dropped, and are still there."""
        return self._listed(f"{UPLOADS}/")

    def _listed(self, prefix: str) -> Iterator[FileObject]:
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        for page in pages:
            for one in page.get("Contents", []):
                yield FileObject(one["Key"], one["ETag"], one["Size"], one["LastModified"])

    def find(self, key: str) -> FileObject | None:
        """One of them; None: it is there no more."""
        try:
            one = self.client.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if aws_code(error) not in _GONE:
                raise
            return None
        return FileObject(key, one["ETag"], one["ContentLength"], one["LastModified"])

    def beside(self, found: FileObject) -> dict[str, FileObject]:
        """The objects in the same folder, by their names."""
        folder = found.key.rpartition("/")[0]
        return {one.key.removeprefix(f"{folder}/"): one for one in self._listed(f"{folder}/")}

    def manifest(self, found: FileObject) -> bytes:
        """What is in an object that is small."""
        return b"".join(self.read(found)) if found.size <= MAX_MANIFEST else b""

    def read(self, found: FileObject) -> Iterator[bytes]:
        """An object, chunk by chunk. Raises FileBrokenError where it is gone, or another one now."""
        try:
            answer = self.client.get_object(Bucket=self.bucket, Key=found.key, IfMatch=found.version)
        except ClientError as error:
            if aws_code(error) in _GONE:
                raise FileBrokenError(FileCode.GONE) from None
            if aws_code(error) in _CHANGED:
                raise FileBrokenError(FileCode.CHANGED) from None
            raise
        return answer["Body"].iter_chunks(CHUNK)

    def remove(self, file: File) -> None:
        """Delete the objects of a file, but for those that were written again: these are another file."""
        versions = {one.key: one.version for one in file.objects}
        for key in {file.key, *versions}:
            there = self.find(key)
            if there is not None and versions.get(key, there.version) == there.version:
                self.client.delete_object(Bucket=self.bucket, Key=key)

    def forget_upload(self, file: File) -> None:
        """Delete what was put at the address that was given for a file; none there is as good."""
        self.client.delete_object(Bucket=self.bucket, Key=file.key)

    def put(self, connection_id: str, key: OutcomesKey, outcomes: Sequence[RowOutcome]) -> None:
        """Store what became of rows."""
        self._folder.put(connection_id, f"{key.file_id}/{_OUTCOMES}/{key.name}", map(_line, outcomes))

    def counts(self, file: File) -> dict[str, tuple[int, Counter[str]]]:
        """By the names of all outcomes so far: of which part they are, and how many rows had which."""
        prefix = f"{file.id}/{_OUTCOMES}/"
        found = {}
        for _, name in self._folder.names(file.connection_id, prefix):
            with contextlib.suppress(ValueError):  # It is none of ours: the console makes one for a folder.
                found[name.removeprefix(prefix)] = counts_in(name.removeprefix(prefix))
        return found

    def outcomes(self, file: File, name: str) -> list[RowOutcome]:
        """What became of rows, by the name under which it was stored."""
        return [_outcome(line) for line in self._folder.get(file.connection_id, f"{file.id}/{_OUTCOMES}/{name}")]

    def write_result(self, file: File, pieces: Iterable[bytes]) -> None:
        """Store the result, of however many bytes, a piece in memory at a time."""
        key = self._folder.key(file.connection_id, f"{file.id}/result.csv")
        upload = self.client.create_multipart_upload(Bucket=self.bucket, Key=key, ContentType="text/csv")["UploadId"]
        parts: list[CompletedPartTypeDef] = []
        for number, piece in enumerate(_of_size(pieces), 1):
            answer = self.client.upload_part(
                Bucket=self.bucket, Key=key, UploadId=upload, PartNumber=number, Body=piece
            )
            parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self.client.complete_multipart_upload(
            Bucket=self.bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts}
        )

    def erase(self, connection_id: str) -> bool:
        """Delete some of what there is of a connection; whether nothing is left."""
        return self._folder.erase(connection_id) and Folder(self.client, self.bucket, UPLOADS).erase(connection_id)

    @property
    def _folder(self) -> Folder:
        return Folder(self.client, self.bucket, FILES)


def _of_size(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        if len(held) >= PIECE:
            yield bytes(held)
            held.clear()
    yield bytes(held)


def _line(one: RowOutcome) -> str:
    return _encode([one.number, one.outcome, one.code, one.lead_id, int(one.created), one.attempt])


def _outcome(line: str) -> RowOutcome:
    number, outcome, code, lead_id, created, attempt, *_ = json.loads(line)
    return RowOutcome(number, outcome, code, lead_id, bool(created), attempt)


def _written(file: File) -> Attributes:
    persons = list(file.persons.items())
    objects = [[one.key, one.version, one.size, format_time(one.modified_at)] for one in file.objects]
    return {"state": state_of(file, _TIMES, persons=persons, objects=objects)}


def _file(stored: Attributes) -> File:
    state = state_in(File, stored, _TIMES)
    form = known(FileForm, state["form"])
    parsed = {
        "mode": Mode(state["mode"]),
        "status": FileStatus(state["status"]),
        "code": None if state["code"] is None else FileCode(state["code"]),
        "form": FileForm(**form | {"format": FileFormat(form["format"])}),
        "parts": tuple(state["parts"]),
        "persons": {word: number for word, number, *_ in state["persons"]},
        "objects": tuple(
            [FileObject(key, version, size, parse_time(at)) for key, version, size, at, *_ in state["objects"]]
        ),
        "holds": tuple(known_words(MirrorHold, state["holds"])),
        "absent": tuple(state["absent"]),
        "missing": tuple(state["missing"]),
    }
    return File(**state | parsed)
