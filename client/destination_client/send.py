"""Posts records to the webhook, and adds up what became of them."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from destination.domain.problem import Problem
from destination_client.errors import ApiRefusedError, CommandError
from destination_client.events import Chunk, chunks
from destination_client.http import Api

MAX_SHOWN: Final = 20
_INDEX: Final = re.compile(r"^\[(\d+)\]")


@dataclass(slots=True)
class Sent:
    """What was taken, what was not, and the first problems by the place of the record in the file."""

    accepted: int = 0
    rejected: int = 0
    problems: list[Problem] = field(default_factory=list)

    def note(self, path: str, message: str) -> None:
        if len(self.problems) < MAX_SHOWN:
            self.problems.append(Problem(path, message))


def send(api: Api, connection_id: str, token: str, records: Sequence[Any], sent: Sent) -> Iterator[int]:
    """Post the records, adding to `sent`; the number of records that each body had. Raises CommandError.

    A body is sent again while the webhook is busy, which does no harm: what was delivered already changes nothing.
    """
    for chunk in chunks(records):
        _send(api, connection_id, token, chunk, sent)
        yield chunk.count


def _send(api: Api, connection_id: str, token: str, chunk: Chunk, sent: Sent) -> None:
    try:
        answer = api.send(connection_id, token, chunk.body)
    except ApiRefusedError as error:
        if error.status != 400:
            raise
        # None of the body's records is an event, and the webhook says so of the body as a whole.
        sent.rejected += chunk.count
        for problem in error.problems:
            sent.note(_INDEX.sub(lambda found: f"[{chunk.first + int(found[1])}]", problem.path), problem.message)
        return
    if "accepted" not in answer:
        raise CommandError("The source answers in its sender's form", "What became of the events, the run says.")
    sent.accepted += answer["accepted"]
    sent.rejected += answer.get("rejected_count", len(answer["rejected"]))
    for one in answer["rejected"]:
        for problem in one["errors"]:
            path = f"[{chunk.first + one['index']}].{problem['path']}".removesuffix(".")
            sent.note(path, problem["message"])
