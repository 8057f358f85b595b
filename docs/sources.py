"""Writes the table of docs/sources.md from what the sources say of their senders: `python -m docs.sources`."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from destination.ingest.source import Source
from destination.ingest.sources import SOURCES, source

TARGET: Final = Path(__file__).with_name("sources.md")
BEGIN: Final = "<!-- written by docs/sources.py -->\n"
END: Final = "<!-- end -->\n"
_HEAD: Final = (
    "| `source.format` | sender | records in a body | deadline | sent again | signature | documented |\n"
    "|---|---|---|---|---|---|---|\n"
)


def table() -> str:
    """A row for each of the stack's own sources; a cell is empty where the sender says nothing."""
    return _HEAD + "".join(f"| {' | '.join(_cells(source(name)))} |\n" for name in SOURCES)


def _cells(one: Source) -> Iterator[str]:
    limits, signature = one.limits, one.signature
    yield f"`{one.name}`"
    yield one.label
    yield "" if limits.max_records is None else f"{limits.max_records:,}"
    yield "" if limits.deadline is None else f"{limits.deadline.total_seconds():g} s"
    statuses = "" if limits.retried is None else ", ".join(map(str, sorted(limits.retried)))
    yield "; ".join(filter(None, (limits.retries, statuses)))
    yield "" if signature is None else f"`{signature.header}`: HMAC-{signature.algorithm.upper()}, {signature.encoding}"
    yield limits.documented


def render(text: str) -> str:
    """The document with the table as it is now."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + table() + END + rest.partition(END)[2]


if __name__ == "__main__":
    TARGET.write_text(render(TARGET.read_text()))
