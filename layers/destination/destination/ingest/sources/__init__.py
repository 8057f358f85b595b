"""Payload formats of the event sources, by the name that a connection's `source.format` gives."""

from collections.abc import Callable, Mapping

from destination.ingest.sources import aep, canonical
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import RecordTimes

FORMATS: Mapping[str, Callable[[bytes, RecordTimes], Parsed]] = {"aep": aep.parse, "canonical": canonical.parse}
