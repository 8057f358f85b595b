"""Bulk extract: Marketo writes the leads of a list, or of a time, into a file, as a job, and the file is read.

    create ──▶ Created ──enqueue──▶ Queued ──▶ Processing ──▶ Completed ──▶ its file, for a week
                  └── cancel ──▶ Cancelled ◀──┘                Failed

Two jobs run and ten wait at a time, and 500 MB are written a day, for all tools of the instance together (1029 beyond).
Only the API user who created a job sees it. It knows no workspaces: who may extract gets the leads of all of them.

Source: Marketo REST API, "Bulk Extract" and "Bulk Lead Extract".
"""

import codecs
import csv
import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

from destination.domain.times import format_time, parse_time
from destination.marketo.client import ASSET_TIMEOUT, DEFAULT_TIMEOUT, Client, json_body
from destination.marketo.errors import (
    FILE_DAMAGED,
    FILE_GONE,
    UNEXPECTED_ANSWER,
    ConnectionBlockedError,
    InstanceWaitsError,
    ListMissingError,
    RequestRejectedError,
)
from destination.marketo.transport import Request

PIECE: Final = 8 * 1024 * 1024
"""Bytes of a file that one call asks for; so much of it is held in memory."""

NO_VALUE: Final = "null"
"""What stands in a file for no value, and for a file without rows."""

_PATH: Final = "/bulk/v1/leads/export"
_SHA256: Final = "sha256:"
_NO_FILE: Final = frozenset({"404", "610"})
"""What is answered for a file that is not there, also of a job that is Completed."""


class ExtractStatus(StrEnum):
    """How far a job is; it changes once a minute at most."""

    CREATED = "Created"
    QUEUED = "Queued"
    PROCESSING = "Processing"
    CANCELLED = "Cancelled"
    COMPLETED = "Completed"
    FAILED = "Failed"


_OTHER_WORDS: Final = {"Canceled": ExtractStatus.CANCELLED}


@dataclass(frozen=True, slots=True)
class ExtractState:
    """A job as Marketo tells of it. What follows its status is of one that is completed, None before.

    `rows`: how many leads the file has; `size`: its bytes; `checksum`: its SHA-256, as hexadecimal digits, None where
    Marketo tells none. `started_at`: since when its leads were read, None where that is not told.
    """

    status: ExtractStatus
    rows: int | None = None
    size: int | None = None
    checksum: str | None = None
    started_at: datetime | None = None


Row = tuple[str | None, ...]
"""The values of one lead, in the order of the fields that were asked for; None: it has none."""


class LeadExtracts:
    """The extracts of leads of one instance that this API user created."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, fields: Sequence[str], list_id: int) -> str:
        """Create a job for the leads of a static list; its id. Nothing happens before `enqueue`.

        Where the answer was lost there may be one more that nobody asks for: it takes no place in the queue.

        Raises MarketoError: RequestRejectedError 1035 for a subscription without this filter, InstanceWaitsError 1029
        when the day's bytes are used up, ConnectionBlockedError 603 without the permission, or 1013 without the list.
        """
        return self._create(fields, {"staticListId": list_id})

    def create_of_time(self, fields: Sequence[str], since: datetime, until: datetime) -> str:
        """Create a job for the leads that were created from a time to another, 31 days later at most; as `create`."""
        first, last = (format_time(one.replace(microsecond=0)) for one in (since, until))
        return self._create(fields, {"createdAt": {"startAt": first, "endAt": last}})

    def _create(self, fields: Sequence[str], chosen: Mapping[str, object]) -> str:
        body = {"fields": list(fields), "format": "CSV", "filter": chosen}
        request = Request(
            "create extract",
            "POST",
            f"{_PATH}/create.json",
            DEFAULT_TIMEOUT,
            body=json_body(body),
            repeatable=False,
        )
        for row in self._client.call(request).result:
            if isinstance(row.get("exportId"), str):
                return str(row["exportId"])
        raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)

    def enqueue(self, extract_id: str) -> ExtractState:
        """Have a job wait for its turn.

        Raises MarketoError: InstanceWaitsError 1029 when ten wait, when the day's bytes are used up, or when it waits
        already; RequestRejectedError FILE_GONE when there is none of this id.
        """
        request = Request(
            "enqueue extract", "POST", f"{_PATH}/{extract_id}/enqueue.json", DEFAULT_TIMEOUT, repeatable=False
        )
        return self._of_job(request)

    def state(self, extract_id: str) -> ExtractState:
        """How far a job is. Raises MarketoError, RequestRejectedError FILE_GONE when there is none of this id."""
        return self._of_job(Request("look at extract", "GET", f"{_PATH}/{extract_id}/status.json", DEFAULT_TIMEOUT))

    def cancel(self, extract_id: str) -> None:
        """Give up a job that has not ended, so that others have its place.

        Raises MarketoError, RequestRejectedError 1003 for one that has ended, FILE_GONE when there is none of this id.
        """
        request = Request("cancel extract", "POST", f"{_PATH}/{extract_id}/cancel.json", DEFAULT_TIMEOUT)
        self._of_job(request)

    def rows(self, extract_id: str, state: ExtractState, fields: Sequence[str]) -> Iterator[Row]:
        """The leads of a completed job, piece after piece of its file; whoever takes them all has the whole file.

        `state`: as it was told; `fields`: as it was created with. Rows that were given count for nothing if this raises
        RequestRejectedError in the end: FILE_GONE when the file is not there, FILE_DAMAGED when it is not the one that
        was told of. Raises MarketoError.
        """
        if not state.size:  # Also a file without rows has bytes: an empty one would empty a list.
            raise RequestRejectedError(FILE_DAMAGED, "read extract")
        count = 0
        for row in _rows(self._pieces(extract_id, state.size, state.checksum), fields):
            count += 1
            yield row
        if state.rows not in {None, count}:
            raise RequestRejectedError(FILE_DAMAGED, "read extract")

    def _pieces(self, extract_id: str, size: int, checksum: str | None) -> Iterator[bytes]:
        """The file, PIECE bytes at a time, held against its size and checksum at the end."""
        digest, first = hashlib.sha256(), 0
        while first < size:
            last = min(first + PIECE, size) - 1
            content = self._piece(extract_id, first, last)
            if len(content) != last + 1 - first:
                raise RequestRejectedError(FILE_DAMAGED, "read extract")
            digest.update(content)
            first = last + 1
            yield content
        if checksum not in {None, digest.hexdigest()}:
            raise RequestRejectedError(FILE_DAMAGED, "read extract")

    def _piece(self, extract_id: str, first: int, last: int) -> bytes:
        path = f"{_PATH}/{extract_id}/file.json"
        try:
            return self._client.piece(Request("read extract", "GET", path, ASSET_TIMEOUT, piece=(first, last)))
        except ConnectionBlockedError as error:
            if error.code in _NO_FILE:
                raise RequestRejectedError(FILE_GONE, error.operation) from error
            raise

    def _of_job(self, request: Request) -> ExtractState:
        try:
            found = self._client.call(request).result
        except ListMissingError as error:  # 1013 of a job: there is none of its id, or it is another user's.
            raise RequestRejectedError(FILE_GONE, error.operation) from error
        for row in found:
            if (state := _state(row)) is not None:
                return state
        raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)


def _state(row: Mapping[str, Any]) -> ExtractState | None:
    word = row.get("status")
    status = _OTHER_WORDS.get(str(word)) or next((one for one in ExtractStatus if one == word), None)
    if status is None:
        return None
    checksum, started = row.get("fileChecksum"), row.get("startedAt")
    told = isinstance(checksum, str) and checksum.startswith(_SHA256)
    return ExtractState(
        status,
        _whole(row.get("numberOfRecords")),
        _whole(row.get("fileSize")),
        str(checksum).removeprefix(_SHA256) if told else None,
        _time(started) if isinstance(started, str) else None,
    )


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and value >= 0 else None


def _time(text: str) -> datetime | None:
    try:
        return parse_time(text)
    except ValueError:
        return None


def _rows(pieces: Iterable[bytes], fields: Sequence[str]) -> Iterator[Row]:
    """The rows of a file in UTF-8, whose first row names the fields; a file that says `null` has none."""
    found = csv.reader(_lines(pieces), strict=True)
    try:
        header = next(found, [NO_VALUE])
        if header == [NO_VALUE]:
            if next(found, None) is None:
                return
            raise RequestRejectedError(FILE_DAMAGED, "read extract")
        if header != list(fields):
            raise RequestRejectedError(FILE_DAMAGED, "read extract")
        for row in found:
            if not row:  # A blank line, such as one at the end.
                continue
            if len(row) != len(fields):
                raise RequestRejectedError(FILE_DAMAGED, "read extract")
            yield tuple([None if cell == NO_VALUE else cell for cell in row])
    except (csv.Error, UnicodeDecodeError) as error:
        raise RequestRejectedError(FILE_DAMAGED, "read extract") from error


def _lines(pieces: Iterable[bytes]) -> Iterator[str]:
    """The lines of a text that comes in pieces, with their ends, whatever stands in quotes."""
    decoder, rest = codecs.getincrementaldecoder("utf-8")(), ""
    for piece in pieces:
        *lines, rest = (rest + decoder.decode(piece)).split("\n")
        for line in lines:
            yield f"{line}\n"
    rest += decoder.decode(b"", final=True)
    if rest:
        yield rest
