"""Recorded bodies of a sender, each with the events that a source makes of it.

    <module>_samples/two-profiles.json             a body as it is sent, byte for byte (any ending but the next one)
    <module>_samples/two-profiles.expected.json    {"headers", "query", "rows", "events", "rejected"}, all optional

They lie beside the module of the source. Events are written as canonical events are, with the index of their record:
times are those of a receipt at RECEIVED_AT, one microsecond a record, unless the body says others.
"""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from destination.domain.event import Membership, ProfileEvent
from destination.domain.row_form import RowForm
from destination.domain.times import format_time
from destination.ingest.admission import SourceRequest
from destination.ingest.source import Source

RECEIVED_AT: Final = datetime(2026, 11, 21, 10, tzinfo=UTC)
_EXPECTED: Final = ".expected.json"


@dataclass(frozen=True, slots=True)
class Sample:
    """A body as it was sent, and the events and rejected records, by index, that are to be made of it.

    `rows`: the properties of a form of rows, for the source that reads such.
    """

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    query: Mapping[str, str] = field(default_factory=dict)
    events: Sequence[Mapping[str, Any]] = ()
    rejected: Sequence[int] = ()
    rows: Mapping[str, Any] | None = None

    @property
    def request(self) -> SourceRequest:
        form = None if self.rows is None else _form(self.rows)
        return SourceRequest(self.body, self.headers, self.query, form)


def _form(given: Mapping[str, Any]) -> RowForm:
    form: dict[str, Any] = {name: tuple(one) if isinstance(one, list) else one for name, one in given.items()}
    return RowForm(**form)


def folder_of(source: Source) -> Path:
    """Where the samples of a source lie."""
    module = Path(str(sys.modules[source.read.__module__].__file__))
    return module.with_name(f"{module.stem}_samples")


def samples_of(folder: Path) -> list[Sample]:
    """The samples of a folder, by name; none where there is no folder. Raises ValueError for a body without events."""
    bodies = [path for path in sorted(folder.glob("*")) if path.is_file() and not path.name.endswith(_EXPECTED)]
    return [_sample(path) for path in bodies]


def _sample(path: Path) -> Sample:
    expected = path.with_name(f"{path.stem}{_EXPECTED}")
    if not expected.is_file():
        raise ValueError(f"{path.name} has no {expected.name} beside it, which says what is to be made of it")
    return Sample(path.stem, path.read_bytes(), **json.loads(expected.read_text()))


def as_canonical(index: int, event: ProfileEvent) -> dict[str, Any]:
    """An event as an expected one is written: what it has none of is left out."""
    properties = {
        "index": index,
        "id": event.id,
        "occurred_at": format_time(event.at),
        "profile": event.profile,
        "identities": {namespace: list(ids) for namespace, ids in event.identities.items()},
        "audiences": [_audience(one) for one in event.memberships],
    }
    return {name: value for name, value in properties.items() if value not in (None, {}, [])}


def _audience(one: Membership) -> dict[str, Any]:
    namespace, audience_id = one.audience
    found = {"namespace": namespace, "id": audience_id, "status": one.status.value, "at": format_time(one.at)}
    return found if one.name is None else found | {"name": one.name}
