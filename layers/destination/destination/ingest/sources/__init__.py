"""Which sources there are, by the name that a connection's `source.format` gives.

One of the stack's own has a line here. One of another's is an entry point of the group `destination.sources`, in a
package that an extra layer brings. Either is imported only where it is used.
"""

import functools
from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from importlib.metadata import EntryPoints

    from destination.ingest.source import Source

SOURCES: Final[Mapping[str, str]] = {
    "adobe_sdk": "destination.ingest.sources.adobe_sdk",
    "aep": "destination.ingest.sources.aep",
    "canonical": "destination.ingest.sources.canonical",
    "census": "destination.ingest.sources.census",
    "rows": "destination.ingest.sources.rows",
    "rudderstack": "destination.ingest.sources.rudderstack",
    "segment": "destination.ingest.sources.segment",
}
"""The modules of the stack's own sources, each with its SOURCE."""

GROUP: Final = "destination.sources"
"""Of the entry points of others: `name = "package.module:SOURCE"`. None takes the name of one of the stack's own."""


class UnknownSourceError(Exception):
    """No source has the name: there never was one, or its layer was taken away."""


@functools.cache
def source(name: str) -> "Source":
    """Raises UnknownSourceError."""
    if name in SOURCES:
        own: Source = import_module(SOURCES[name]).SOURCE
        return own
    for entry in _others(name=name):
        found: Source = entry.load()
        return found
    raise UnknownSourceError(name)


def names() -> list[str]:
    """The names of all sources, those of others too."""
    return sorted({*SOURCES, *(entry.name for entry in _others())})


def _others(**wanted: str) -> "EntryPoints":
    """Read only where it is asked for: the list of what is installed takes longer than all sources together."""
    found: EntryPoints = import_module("importlib.metadata").entry_points(group=GROUP, **wanted)
    return found
