"""The log of API calls with their bodies, what can be asked of it, and its statistics."""

import json
import re
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import UTC, date, datetime, timedelta
from typing import Final

from marketo_simulator.faults import Fault
from marketo_simulator.masking import masked_body, masked_headers
from marketo_simulator.message import Request, Response
from marketo_simulator.names import Names, plain
from marketo_simulator.settings import Settings

MAX_SHOWN: Final = 64 * 1024
"""Characters of a body, where the log is shown."""
_GIVES_LEADS: Final = re.compile(r"/(?:lead|leads)(?:/[^/]+)?\.json$")
_GIVES_OTHERS: Final = re.compile(r"/(?:listMembership|describe2?|partitions)\.json$|^/bulk/")


@dataclass(frozen=True, slots=True)
class Call:
    """One API call as it ended.

    `number` counts from 1. `endpoint` is the path with `{id}` for numbers, `operation` what Adobe's definitions call it
    (`Sync Leads`; empty: they have none such). `code` is the top-level error code, `""`
    for success, with its `message`; HTTP-level ends stand in `status` (0: the connection broke). `records` is the
    length of `input` or of the ids. `concurrent` counts the calls executing at its start, itself included;
    `in_window` and `of_quota` the counted calls of the rate window and of the quota day up to it (0: it was not
    counted). `by_limit`: a limit of the instance refused it. `fault`: its end was scripted.
    """

    number: int
    time: datetime
    method: str
    path: str
    endpoint: str
    operation: str
    params: Mapping[str, str]
    body_bytes: int
    records: int
    status: int
    code: str
    message: str
    executed: bool
    counted: bool
    concurrent: int
    in_window: int
    of_quota: int
    by_limit: bool
    scripted: Fault | None
    user: str
    request_id: str
    seconds: float
    """That it was made to take."""
    settings: Settings
    """Those that held for it."""

    @property
    def fault(self) -> bool:
        """Whether its end was scripted."""
        return self.scripted is not None

    def json(self) -> dict[str, object]:
        """For the control interface; `params` have their secrets masked already."""
        shown: dict[str, object] = {name: getattr(self, name) for name in _SHOWN}
        return shown | {"time": self.time.isoformat(), "fault": self.fault}


_SHOWN: Final = tuple(each.name for each in fields(Call) if each.name not in ("scripted", "settings"))


@dataclass(frozen=True, slots=True)
class Exchange:
    """What came and what left, as it was, with the secrets: only `json` is for showing."""

    request: Request
    params: Mapping[str, Sequence[str]]
    answer: Response | None
    """None: the connection broke."""

    @property
    def size(self) -> int:
        """Bytes of its bodies."""
        return len(self.request.body) + (0 if self.answer is None else len(self.answer.body))

    def json(self) -> dict[str, object]:
        """Headers and bodies as text: secrets masked, long ones cut."""
        body = _shown(self.request.body, self.request.header("Content-Type"))
        shown: dict[str, object] = {"headers": masked_headers(self.request.headers), "body": body}
        if self.answer is not None:
            content_type = self.answer.content_type
            shown["answer_headers"] = masked_headers({"Content-Type": content_type, **self.answer.headers})
            shown["answer_body"] = _shown(self.answer.body, content_type)
        return shown

    def result(self) -> Sequence[object]:
        """The rows of `result` in the answer."""
        try:
            content = json.loads(self.answer.body) if self.answer is not None else None
        except (ValueError, RecursionError):
            return []
        rows = content.get("result") if isinstance(content, dict) else None
        return rows if isinstance(rows, list) else []

    def concerns(self, lead_id: int) -> bool:
        """Whether the call names the lead by its id, or its answer gives it."""
        if lead_id in Names(self.request, self.params).leads():
            return True
        path = self.request.path
        if not _GIVES_LEADS.search(path) or _GIVES_OTHERS.search(path):
            return False
        return any(isinstance(row, dict) and row.get("id") == lead_id for row in self.result())

    def names(self, key: str, value: str | None) -> bool:
        """Whether the call names the key, or the value (under that key, where one is given)."""
        names = Names(self.request, self.params)
        wanted = None if value is None else plain(value)
        return any(
            (not key or name == key) and (wanted is None or held == wanted)
            for pairs in (names.rest, *names.records)
            for name, held in pairs
        )


@dataclass(frozen=True, slots=True)
class CallQuery:
    """Which calls of the log: all that is given has to hold.

    `method` as it was sent; `path` is a regular expression, searched; `endpoint` as in `Call`, with or without its
    method; `operation` as in `Call`, in any case; `code` "" = success; `since` (a time with its zone) and `after` (a
    number of a call) leave older ones out. `key`, `value` (as in a fault's `when`) and `lead` need the bodies, so they
    find calls whose bodies are kept.
    `limit`: the latest so many.
    """

    method: str = ""
    path: str = ""
    endpoint: str = ""
    operation: str = ""
    key: str = ""
    value: str | None = None
    lead: int | None = None
    status: int | None = None
    code: str | None = None
    user: str = ""
    since: str = ""
    after: int = 0
    limit: int | None = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.path)
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"path '{self.path}' is not a regular expression: {error}") from error
        if self.limit is not None and self.limit < 0:
            raise ValueError("limit is negative; give the number of calls, or leave it out")
        if self._since is not None and self._since.tzinfo is None:
            raise ValueError(f"since '{self.since}' has no zone; add Z or an offset")

    @property
    def _since(self) -> datetime | None:
        if not self.since:
            return None
        try:
            return datetime.fromisoformat(self.since)
        except ValueError as error:
            raise ValueError(f"since '{self.since}' is not a time; write it like 2026-01-31T09:00:00Z") from error

    def matches(self, call: Call, exchange: Exchange | None) -> bool:
        """Whether the call is one of them."""
        since = self._since
        plain_ones = (
            self.method in ("", call.method)
            and self.endpoint in ("", call.endpoint, call.endpoint.partition(" ")[2])
            and self.operation.casefold() in ("", call.operation.casefold())
            and self.status in (None, call.status)
            and self.code in (None, call.code)
            and self.user in ("", call.user)
            and call.number > self.after
            and (since is None or call.time >= since)
            and bool(re.search(self.path, call.path))
        )
        if not plain_ones or (self.lead is None and not self.key and self.value is None):
            return plain_ones
        if exchange is None or (self.lead is not None and not exchange.concerns(self.lead)):
            return False
        return (not self.key and self.value is None) or exchange.names(self.key, self.value)


class Calls:
    """Keeps the latest calls, of these the latest bodies, and counts all."""

    def __init__(self, settings: Settings) -> None:
        self.log: deque[Call] = deque(maxlen=settings.calls_kept)
        self.total = 0
        self.per_endpoint: Counter[str] = Counter()
        self.per_code: Counter[str] = Counter()
        self.by_limit: Counter[str] = Counter()
        self._exchanges: dict[int, Exchange] = {}
        self._bytes = 0
        self._usage: dict[date, Counter[str]] = {}
        self._errors: dict[date, Counter[str]] = {}

    def add(self, call: Call, exchange: Exchange, day: date) -> None:
        """Log the call and count it for its quota day."""
        if self.log.maxlen != call.settings.calls_kept:
            self.log = deque(self.log, maxlen=call.settings.calls_kept)
        self.log.append(call)
        self._exchanges[call.number] = exchange
        self._bytes += exchange.size
        self._forget(call.settings)
        self.total += 1
        self.per_endpoint[call.endpoint] += 1
        if call.code:
            self.per_code[call.code] += 1
            self._errors.setdefault(day, Counter())[call.code] += 1
        if call.by_limit:
            self.by_limit[call.code] += 1
        if call.counted and call.user:
            self._usage.setdefault(day, Counter())[call.user] += 1

    def _forget(self, settings: Settings) -> None:
        """Bodies go with their calls, and the oldest ones before them where they are too large together."""
        while len(self._exchanges) > len(self.log) or (self._exchanges and self._bytes > settings.body_bytes_kept):
            self._bytes -= self._exchanges.pop(next(iter(self._exchanges))).size

    def exchange(self, number: int) -> Exchange | None:
        """What was said in the call; None if it is not kept any more."""
        return self._exchanges.get(number)

    def find(self, query: CallQuery) -> list[Call]:
        """The calls of the log that the query asks for, oldest first."""
        found = [call for call in self.log if query.matches(call, self._exchanges.get(call.number))]
        return found if query.limit is None else found[max(0, len(found) - query.limit) :]

    def usage(self, day: date) -> Counter[str]:
        """Counted calls of that day per API user."""
        return self._usage.get(day, Counter())

    def errors(self, day: date) -> Counter[str]:
        """Top-level errors of that day per code."""
        return self._errors.get(day, Counter())

    def windows(self) -> Iterator[dict[str, object]]:
        """How the limits were used over time, of the calls in the log: one row per rate window, oldest first."""
        grouped: dict[datetime, list[Call]] = {}
        for call in self.log:
            grouped.setdefault(_window(call), []).append(call)
        for start, calls in sorted(grouped.items()):
            yield {
                "start": start.isoformat(),
                "calls": len(calls),
                "counted": sum(call.counted for call in calls),
                "codes": dict(Counter(call.code for call in calls if call.code)),
                "by_limit": sum(call.by_limit for call in calls),
                "most_in_window": max(call.in_window for call in calls),
                "most_executing": max(call.concurrent for call in calls),
                "of_quota": max(call.of_quota for call in calls),
            }


def _window(call: Call) -> datetime:
    """When the window of the call starts, windows being laid end to end."""
    seconds = max(call.settings.window_seconds, 1.0)
    start = datetime(2000, 1, 1, tzinfo=UTC)
    return start + timedelta(seconds=(call.time - start).total_seconds() // seconds * seconds)


def _shown(body: bytes, content_type: str) -> str:
    encoding = "utf-16" if body.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) else "utf-8"
    text = masked_body(body.decode(encoding, "replace"), content_type)
    return text if len(text) <= MAX_SHOWN else f"{text[:MAX_SHOWN]}… ({len(text) - MAX_SHOWN} characters more)"
