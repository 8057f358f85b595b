"""One API call on its way through its endpoint: decoded input, the state it works on, the envelopes to answer with."""

import json
from base64 import b32decode, b32encode
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from heapq import nsmallest
from typing import Final

from marketo_simulator.calls import Calls
from marketo_simulator.errors import CallError, Reason, spelled
from marketo_simulator.exports import Exports
from marketo_simulator.faults import Fault
from marketo_simulator.fields import MAX_ID, MAX_ID_DIGITS, Field
from marketo_simulator.identity import Client
from marketo_simulator.imports import Imports
from marketo_simulator.message import Request, Response, json_response
from marketo_simulator.settings import Settings
from marketo_simulator.state import State, id_of

PAGE: Final = 300
"""Most records a lead-database call takes or gives (Marketo REST, Leads)."""


@dataclass(slots=True)
class Context:
    """What an endpoint sees of a call."""

    request: Request
    params: Mapping[str, list[str]]
    """Query and form parameters together."""
    ids: tuple[int, ...]
    """Numbers in the path, in order."""
    request_id: str
    now: datetime
    settings: Settings
    state: State
    calls: Calls
    imports: Imports
    client: Client
    fault: Fault | None = None
    absent: set[str] = field(default_factory=set)
    """Keys nobody had when this call began (mode `create_race`)."""
    records: int = 0
    """Length of the input, for the call log."""
    names: tuple[str, ...] = ()
    """What varies in the path and is no number, in order."""
    exports: Exports = field(default_factory=Exports)

    # Input

    def param(self, name: str) -> str:
        """The first value of a parameter, empty when absent."""
        values = self.params.get(name)
        return values[0].strip() if values else ""

    def values(self, name: str) -> list[str]:
        """All values of a parameter: repeated ones and comma-separated ones."""
        return [text for part in self.params.get(name, ()) for item in part.split(",") if (text := item.strip())]

    def number(self, name: str, default: int, most: int) -> int:
        """A whole number from 0 up, at most `most`. Raises CallError 1001."""
        text = self.param(name)
        if not text:
            return default
        return min(whole_number(text), most)

    def content(self) -> Mapping[str, object]:
        """The JSON object in the body. Raises CallError 612 (content type) or 609 (not a JSON object)."""
        if "json" not in self.request.header("Content-Type").lower():
            raise CallError("612")
        try:
            decoded = json.loads(self.request.body)
        except (ValueError, RecursionError) as error:
            raise CallError("609") from error
        if not isinstance(decoded, dict):
            raise CallError("609")
        return decoded

    def input(self, content: Mapping[str, object]) -> list[object]:
        """The records of a JSON body. Raises CallError 1002 for none, 1003 for too many."""
        records = content.get("input")
        if not isinstance(records, list) or not records:
            raise CallError("1002", "Missing value for required parameter 'input'")
        self.records = len(records)
        if len(records) > PAGE:
            raise CallError("1003", f"Number of records exceeds the limit of {PAGE}")
        return records

    def lead_ids(self) -> list[int]:
        """Ids from the JSON body `{"input": [{"id": …}]}`, else from the parameter `id`.

        Raises CallError 1003 for none, too many, or one that is no number.
        """
        given: Sequence[object]
        if self.request.body.strip() and "form-urlencoded" not in self.request.header("Content-Type").lower():
            rows = self.content().get("input")
            given = [row.get("id") if isinstance(row, dict) else None for row in rows] if isinstance(rows, list) else []
        else:
            given = self.values("id")
        if not given:
            raise CallError("1003", "Lead ids not specified")
        self.records = len(given)
        if len(given) > PAGE:
            raise CallError("1003", f"Number of lead ids exceeds the limit of {PAGE}")
        return [self._lead_id(each) for each in given]

    def _lead_id(self, given: object) -> int:
        if isinstance(given, str) and (number := id_of(given)):
            return number
        if type(given) is int and abs(given) <= MAX_ID:
            return given
        raise CallError("1003", f"Invalid value '{spelled(given)}' for lead id")

    @property
    def visible(self) -> frozenset[int] | None:
        """Ids of the partitions the API user sees; None = all."""
        if self.client.partitions is None:
            return None
        return frozenset(p.id for p in self.state.partitions.values() if p.name in self.client.partitions)

    def find(self, searched: Field, values: Iterable[str]) -> list[int]:
        """Ids of the leads the API user sees whose field has one of the values, ascending."""
        return self.state.find(searched, values, self.visible, any_case=self.settings.search_ignores_case)

    def seen(self, lead_ids: Iterable[int]) -> Iterable[int]:
        """Those of the leads that exist and are in a partition the API user sees."""
        leads, visible = self.state.leads, self.visible
        return (each for each in lead_ids if each in leads and (visible is None or leads[each].partition_id in visible))

    def sees(self, lead_id: int) -> bool:
        """Whether the lead exists and the API user sees its partition."""
        return any(self.seen([lead_id]))

    def skip(self, index: int) -> Reason | None:
        """The scripted reason to skip the record at this position."""
        return self.fault.reason if self.fault is not None and self.fault.skips(index) else None

    # Paging by position (Marketo REST, Paging Tokens)

    def after(self) -> int:
        """The id the page starts behind. Raises CallError 1003 for a token that is none."""
        text = self.param("nextPageToken")
        if not text:
            return 0
        try:
            kind, _, position = b32decode(text).decode("ascii").partition(":")
        except ValueError:  # no base32, or no ASCII
            kind, position = "", ""
        if kind != "position" or not id_of(position):
            raise CallError("1003", "Invalid value for nextPageToken")
        return id_of(position)

    def page(self, ids: Iterable[int]) -> tuple[Sequence[int], str]:
        """The next page of the ids, ascending, and the token of the page behind it (empty: none)."""
        size = self.number("batchSize", PAGE, PAGE) or PAGE
        after = self.after()
        rest = nsmallest(size + 1, (number for number in ids if number > after))
        token = b32encode(f"position:{rest[size - 1]}".encode()).decode() if len(rest) > size else ""
        return rest[:size], token

    # Output

    def lead_answer(self, result: Sequence[object] | None, token: str = "", *, says_more: bool = False) -> Response:
        """The lead-database envelope; of the paged calls only the lead query says `moreResult`."""
        answer: dict[str, object] = {"requestId": self.request_id}
        if result is not None:
            answer["result"] = result
        answer["success"] = True
        if token:
            answer["nextPageToken"] = token
            if says_more:
                answer["moreResult"] = True
        return json_response(answer)

    def asset_answer(self, result: Sequence[object]) -> Response:
        """The asset envelope: nothing found is success with a warning and without `result`."""
        found = bool(result)
        answer: dict[str, object] = {
            "success": True,
            "errors": [],
            "requestId": self.request_id,
            "warnings": [] if found else ["No assets found for the given search criteria."],
        }
        return json_response(answer | {"result": result} if found else answer)


def whole_number(text: str) -> int:
    """The number that a parameter gives. Raises CallError 1001."""
    if not (text.isascii() and text.isdecimal()) or len(text) > MAX_ID_DIGITS:
        raise CallError("1001", f"Invalid value '{text}'. Required of type 'Integer'")
    return int(text)


def skipped(why: Sequence[Reason], lead_id: int | None = None) -> dict[str, object]:
    """A skipped record; Sync Leads leaves the id out, list and delete calls give it."""
    known: dict[str, object] = {} if lead_id is None else {"id": lead_id}
    return known | {"status": "skipped", "reasons": [each.json() for each in why]}
