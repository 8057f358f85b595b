"""What holds a connection up, as every command shows it: why, since when, until when, and what to do."""

from collections.abc import Iterator, Mapping
from typing import Any


def lines(hold: Mapping[str, Any] | None) -> Iterator[str]:
    """Each begins with what it is about, so that none is cut on a narrow screen; none where nothing holds it up."""
    if hold is None:
        return
    yield f"held up: {hold['waits_for']}"
    yield f"because: {hold['cause']}"
    if hold["since"]:
        yield f"since: {hold['since']}"
    yield f"tried again: {hold['until'] or 'once it is enabled'}"
    yield f"to do: {hold['remedy']}"
