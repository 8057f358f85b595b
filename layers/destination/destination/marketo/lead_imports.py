"""Imports of leads: a file of up to 10 MB is queued in Marketo, and written when its turn comes.

Source: Marketo REST API, "Bulk Lead Import".
"""

import csv
import hashlib
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

from destination.marketo.client import DEFAULT_TIMEOUT, SYNC_TIMEOUT, Client
from destination.marketo.errors import UNEXPECTED_ANSWER, InstanceWaitsError, ListMissingError, RequestRejectedError
from destination.marketo.transport import Request

BY_ID: Final = "id"
"""The field by which an import updates leads and creates none."""

MAX_FILE: Final = 10_000_000
"""A file has fewer bytes. The decimal figure, as the documents do not say which is meant."""


class ImportStatus(StrEnum):
    QUEUED = "Queued"
    IMPORTING = "Importing"
    COMPLETE = "Complete"
    FAILED = "Failed"

    @property
    def has_ended(self) -> bool:
        return self in {ImportStatus.COMPLETE, ImportStatus.FAILED}


@dataclass(frozen=True, slots=True)
class ImportState:
    """How far an import is. `batch_id`: by which it is asked for, for seven days.

    `processed`, `failed` and `warned` are numbers of rows, running totals until it has ended; rows with a warning are
    among those that were processed. Why an import failed is said in text alone, and not kept.
    """

    batch_id: int
    status: ImportStatus
    processed: int = 0
    failed: int = 0
    warned: int = 0


class LeadImports:
    """The imports of one instance."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def create(self, file: bytes, lookup_field: str, list_id: int | None, partition: str | None) -> ImportState:
        """Queue an import of a file: UTF-8 with a header of REST field names, less than 10 MB.

        By BY_ID leads are updated; by any other field those that are not found are created, in the `partition`. All
        that are imported join the list. The state may say that it has failed already.

        Raises MarketoError: InstanceWaitsError 1016 where too many imports wait in the instance, 1019 where another one
        into the list does, and with `executed_unknown` where it may be queued all the same; ListMissingError 1013.
        """
        params = {"format": "csv", "lookupField": lookup_field}
        if list_id is not None:
            params["listId"] = str(list_id)
        if partition is not None:
            params["partitionName"] = partition
        boundary = hashlib.blake2b(file, digest_size=20).hexdigest()
        request = Request(
            "import leads",
            "POST",
            "/bulk/v1/leads.json",
            SYNC_TIMEOUT,
            params=params,
            body=_multipart(boundary, file),
            repeatable=lookup_field == BY_ID,
            content_type=f"multipart/form-data; boundary={boundary}",
        )
        return self._state(request)

    def state(self, batch_id: int) -> ImportState:
        """How far an import is. Raises MarketoError; RequestRejectedError where there is none of that id any more."""
        try:
            return self._state(Request("ask for an import", "GET", _path(batch_id), DEFAULT_TIMEOUT))
        except ListMissingError as error:  # Of a list or a batch: the code is the same.
            raise RequestRejectedError(error.code, error.operation) from error

    def failures(self, batch_id: int) -> list[Mapping[str, str]]:
        """The rows that were not imported, by column; of few use where the state counts none. Raises as `state`."""
        return self._rows(batch_id, "failures")

    def warnings(self, batch_id: int) -> list[Mapping[str, str]]:
        """The rows that were imported in another form, by column, as `failures`."""
        return self._rows(batch_id, "warnings")

    def _state(self, request: Request) -> ImportState:
        match self._client.call(request).result:
            case [{"batchId": int() as batch_id, "status": str() as status, **rest}, *_] if status in _STATUSES:
                counters = (rest.get(name) for name in _COUNTERS)
                return ImportState(batch_id, ImportStatus(status), *map(_count, counters))
        raise InstanceWaitsError(UNEXPECTED_ANSWER, request.operation)

    def _rows(self, batch_id: int, which: str) -> list[Mapping[str, str]]:
        operation = f"read {which} of an import"
        path = _path(batch_id, f"/{which}")
        try:
            content = self._client.content(Request(operation, "GET", path, SYNC_TIMEOUT, takes_file=True))
        except ListMissingError as error:
            raise RequestRejectedError(error.code, error.operation) from error
        if not isinstance(content, bytes):
            raise InstanceWaitsError(UNEXPECTED_ANSWER, operation)
        try:
            return _table(content)
        except csv.Error as error:
            raise InstanceWaitsError(UNEXPECTED_ANSWER, operation) from error


_STATUSES: Final = frozenset(ImportStatus)
_COUNTERS: Final = ("numOfLeadsProcessed", "numOfRowsFailed", "numOfRowsWithWarning")


def _path(batch_id: int, rest: str = "") -> str:
    return f"/bulk/v1/leads/batch/{batch_id}{rest}.json"


def _count(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _multipart(boundary: str, file: bytes) -> bytes:
    """A form of one file. The boundary is a digest of the file, so it does not occur in it."""
    head = (
        f"--{boundary}\r\n"
        'Content-Disposition: form-data; name="file"; filename="leads.csv"\r\n'
        "Content-Type: text/csv\r\n\r\n"
    )
    return b"".join((head.encode(), file, f"\r\n--{boundary}--\r\n".encode()))


def _table(content: bytes) -> list[Mapping[str, str]]:
    """The rows by column. The last one is the reason, in words that may hold values, so it is left out.

    A row may be one cell short, as Marketo was seen to drop an empty last one: its columns before that are as named.
    """
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig", "replace"), newline=""))
    header: Sequence[str] = next(reader, [])
    return [dict(zip(header[:-1], row, strict=False)) for row in reader if row]
