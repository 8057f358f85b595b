"""What a call names: its records and parameters, as name and value pairs. Read from the request when first asked."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Final

from marketo_simulator import tables
from marketo_simulator.message import Request

Pairs = Sequence[tuple[str, str]]
"""Names and values of one record, or of all parameters; the values as `plain` shows them."""

_LEAD_IN_PATH: Final = re.compile(r"/leads?/(\d{1,19})(?=[/.])")
_LEAD_IDS: Final = frozenset({"id", "leadId", "leadIds"})


def plain(value: object) -> str:
    """The form in which values are compared: text without case and space around, true and false as in JSON."""
    text = json.dumps(value) if isinstance(value, bool) or value is None else str(value)
    return text.strip().lower()


class Names:
    """What the call names. What cannot be read names nothing."""

    def __init__(self, request: Request, params: Mapping[str, Sequence[str]]) -> None:
        self._request = request
        self._type = request.header("Content-Type").lower()
        self._given = params

    @cached_property
    def _params(self) -> Mapping[str, Sequence[str]]:
        """Parameters of the query, of a form, and of a multipart body without its file."""
        parts = {name: [_text(part)] for name, part in self._parts.items() if name != "file"}
        return {**parts, **self._given}

    @cached_property
    def _parts(self) -> Mapping[str, bytes]:
        if not self._type.startswith("multipart/"):
            return {}
        try:
            parts = self._request.parts()
        except ValueError:
            return {}
        return {name: part.content for name, part in parts.items()}

    @cached_property
    def text(self) -> str:
        """The body, bytes that are no UTF-8 replaced."""
        return _text(self._request.body)

    @cached_property
    def _content(self) -> object:
        if "json" not in self._type:
            return None
        try:
            return json.loads(self._request.body)
        except (ValueError, RecursionError):
            return None

    @cached_property
    def records(self) -> Sequence[Pairs]:
        """The records in the order of the call: rows of `input`, of an imported file, looked up values or lead ids."""
        if isinstance(self._content, dict):
            rows = self._content.get("input")
            return [_pairs(row) for row in rows] if isinstance(rows, list) else [_pairs(self._content)]
        if "file" in self._parts:
            return self._imported
        searched = self._first("filterType")
        named = [(searched, value) for value in self._each("filterValues")] if searched else []
        named += [("id", value) for name in sorted(_LEAD_IDS) for value in self._each(name)]
        return [[(name, plain(value))] for name, value in named]

    @cached_property
    def rest(self) -> Pairs:
        """Parameters, the properties beside `input`, and the lead in the path."""
        pairs = [(name, plain(value)) for name, values in self._params.items() for value in values]
        if isinstance(self._content, dict):
            pairs += _pairs({name: value for name, value in self._content.items() if name != "input"})
        pairs += [("id", number) for number in _LEAD_IN_PATH.findall(self._request.path)]
        return pairs

    @cached_property
    def lookup(self) -> str:
        """The field by which the call finds leads."""
        given = self._content.get("lookupField") if isinstance(self._content, dict) else None
        return str(given) if given else self._first("lookupField") or self._first("filterType") or "email"

    def leads(self) -> Iterator[int]:
        """Ids of leads that the call names by their ids."""
        for pairs in (self.rest, *self.records):
            for name, value in pairs:
                if name in _LEAD_IDS:
                    yield from (int(part) for part in value.split(",") if re.fullmatch(r"[0-9]{1,19}", part.strip()))

    @cached_property
    def _imported(self) -> Sequence[Pairs]:
        """The rows of an imported file; its first line names the fields."""
        delimiter = tables.DELIMITERS.get(self._first("format"), ",")
        try:
            header, *rows = tables.read(self._parts["file"], delimiter)
        except ValueError:
            return []
        return [[(name, plain(cell)) for name, cell in zip(header, row, strict=False)] for row in rows]

    def _first(self, name: str) -> str:
        return next(iter(self._params.get(name, ())), "").strip()

    def _each(self, name: str) -> list[str]:
        return [item for part in self._params.get(name, ()) for item in part.split(",") if item.strip()]


def _text(content: bytes) -> str:
    return content.decode("utf-8", "replace")


def _pairs(row: object) -> Pairs:
    if not isinstance(row, Mapping):
        return []
    return [(str(name), plain(value)) for name, value in row.items() if not isinstance(value, dict | list)]
