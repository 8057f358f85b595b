"""Results: who of a run did not arrive, in a folder of the bucket.

    results/<connection id>/<run id>/<ended at>-<persons>-<id>      one person a line, as a JSON array

They are kept as long as the run.
"""

import contextlib
import json
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

from destination.domain.audience import AudienceKey
from destination.domain.flaw import Flaw
from destination.domain.not_arrived import NotArrived, ResultsKey
from destination.domain.outcome import Class
from destination.domain.person import Origin
from destination.domain.times import format_time, parse_time
from destination.store.folders import Folder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RESULTS: Final = "results"
"""The folder's name."""

_PERSON_ID, _PSEUDONYM = 7, 8
"""The places in a line of what names the person."""

_encode = json.JSONEncoder(ensure_ascii=False, check_circular=False, separators=(",", ":")).encode


class Results:
    """The results of all connections."""

    def __init__(self, client: "S3Client", bucket: str) -> None:
        self._folder = Folder(client, bucket, RESULTS)

    def put(self, key: ResultsKey, persons: Sequence[NotArrived]) -> None:
        """Store results."""
        self._folder.put(key.connection_id, f"{key.run_id}/{key.name}", [line_of(one) for one in persons])

    def get(self, key: ResultsKey) -> list[NotArrived]:
        """The persons in results, in the order they were stored in. Raises NotFoundError when they are gone."""
        lines = self._folder.get(key.connection_id, f"{key.run_id}/{key.name}")
        return [person_of(line, key.run_id) for line in lines]

    def of(self, connection_id: str, run_id: str, after: str = "") -> Iterator[ResultsKey]:
        """The results of a run, those that were written first first; `after`: beyond those of that name."""
        for owner, name in self._folder.names(connection_id, f"{run_id}/", after):
            with contextlib.suppress(ValueError):  # It is none of ours: the console makes one for a folder.
                yield ResultsKey.named(owner, run_id, name.removeprefix(f"{run_id}/"))

    def erase(self, connection_id: str) -> bool:
        """Delete some of the results of a connection; whether none is left."""
        return self._folder.erase(connection_id)


def line_of(one: NotArrived) -> str:
    """The line of a person in results."""
    origin = one.origin
    return _encode(
        [
            *(origin.envelope_id, origin.number, origin.attempt, one.shard),
            *(one.outcome.value, one.code, format_time(one.received_at), one.person_id, one.pseudonym),
            *(one.flaws, one.audiences),
        ]
    )


def without_name(line: str) -> str:
    """The line of somebody who is named by nothing any more, as it was erased."""
    stored: list[Any] = json.loads(line)
    stored[_PERSON_ID] = stored[_PSEUDONYM] = None
    return _encode(stored)


def person_of(line: str, run_id: str = "") -> NotArrived:
    """The person of a line in the results of a run."""
    stored: list[Any] = json.loads(line)
    envelope_id, number, attempt, shard, outcome, code, received_at, person_id, pseudonym, flaws, audiences = stored
    return NotArrived(
        Origin(envelope_id, number, run_id, attempt),
        shard,
        Class(outcome),
        code,
        parse_time(received_at),
        person_id,
        pseudonym,
        tuple([Flaw(*one) for one in flaws]),
        tuple([AudienceKey(*one) for one in audiences]),
    )
