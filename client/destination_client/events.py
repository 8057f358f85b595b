"""Files of events, cut into bodies that the webhook takes."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from destination.domain.problem import Problem
from destination_client.errors import CommandError

MAX_RECORDS: Final = 1_000
"""In a body, of the 20,000 that the webhook takes: the shorter the call, the less has to be sent again."""

MAX_BYTES: Final = 4_500_000
"""Of a body: Lambda takes it in Base64, which is a third longer, up to 6 MB (AWS Lambda, "Lambda quotas")."""

TOO_DEEP: Final = "It is nested too deeply."

CONTAINERS: Final = ("events", "profiles")
"""The property that has the records, of canonical events and of Experience Platform's."""


SAID_FOR_ALL: Final = frozenset({"audienceId", "audience_id", "segmentId", "segment_id", "segmentStatus", "action"})
"""Of an object that holds profiles: which audience all of them join or leave. One record, as the webhook has it."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """A body, and the places of its records in the file: `first`, and so many from there."""

    first: int
    count: int
    body: bytes


def read(file: Path) -> list[Any]:
    """The records of a file: one, an array, an object that has the array, or one a line. Raises CommandError."""
    try:
        text = file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read", str(error)) from error
    try:
        content = json.loads(text)
    except RecursionError as error:
        raise CommandError(f"{file} cannot be read", TOO_DEEP) from error
    except ValueError:  # not by `splitlines`, which takes characters for line ends that JSON has within strings
        return [_record(file, number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    for container in CONTAINERS:
        is_held = isinstance(content, dict) and isinstance(content.get(container), list)
        if is_held and SAID_FOR_ALL.isdisjoint(content):
            content = content[container]
    return content if isinstance(content, list) else [content]


def content_of(file: Path) -> Any:
    """The JSON of a file. Raises CommandError."""
    try:
        return json.loads(file.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise CommandError(f"{file} is not JSON", str(error)) from error
    except RecursionError as error:
        raise CommandError(f"{file} cannot be read", TOO_DEEP) from error


def chunks(records: Sequence[Any], max_records: int = MAX_RECORDS, max_bytes: int = MAX_BYTES) -> Iterator[Chunk]:
    """The records in order, in as few bodies as the limits allow. A record beyond them goes by itself."""
    held: list[str] = []
    size, first = 1, 0
    for index, record in enumerate(records):
        text = json.dumps(record, separators=(",", ":"))
        length = len(text) + 1
        if held and (len(held) == max_records or size + length > max_bytes):
            yield _chunk(first, held)
            held, size, first = [], 1, index
        held.append(text)
        size += length
    if held:
        yield _chunk(first, held)


def _chunk(first: int, records: Sequence[str]) -> Chunk:
    return Chunk(first, len(records), f"[{','.join(records)}]".encode())


def _record(file: Path, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except RecursionError as error:
        raise CommandError(f"{file} cannot be read", f"Line {number}: {TOO_DEEP}") from error
    except ValueError as error:
        hint = [Problem(f"{file}:{number}", f"is not JSON ({error})")]
        raise CommandError(f"{file} is neither JSON nor one JSON object per line", "", hint) from error
