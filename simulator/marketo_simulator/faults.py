"""Scripted faults: one list of values that says what goes wrong, and for which calls."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from marketo_simulator.errors import Reason, reason

EFFECTS: Final = frozenset({"error", "skip", "http", "drop", "slow"})


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that goes wrong.

    `effect`: `error` = the call fails with `code`; `skip` = records (all, or those at the positions `records`) are
    skipped with `code`; `http` = HTTP `status` with `body` (empty stays empty); `drop` = the connection breaks;
    `slow` = the answer takes `seconds` more. `seconds` delays the other effects too.

    `executes`: the call takes effect first and its answer is lost (for `error`, `http` and `drop`).

    Which calls: those whose method and path match the regular expressions (searched, empty = any). Of these the
    `nth`, or each `every`-th, or simply the next one. `times` bounds how often; unset it means once, or without end
    if `every` is set. Several faults that are due at once happen one call after the other, in list order.
    """

    effect: str = "error"
    code: str = ""
    message: str = ""
    records: tuple[int, ...] = ()
    status: int = 502
    body: str = "<html><body><h1>Bad Gateway</h1></body></html>"
    seconds: float = 0.0
    executes: bool = False
    method: str = ""
    path: str = ""
    nth: int | None = None
    every: int | None = None
    times: int | None = None

    def __post_init__(self) -> None:
        if self.effect not in EFFECTS:
            raise ValueError(f"effect '{self.effect}' is unknown; use {', '.join(sorted(EFFECTS))}")
        if self.effect in ("error", "skip") and not self.code:
            raise ValueError(f"effect '{self.effect}' needs a code, such as \"606\"")
        if self.nth is not None and self.every is not None:
            raise ValueError("nth and every exclude each other; leave one out")
        if any(number is not None and number < 1 for number in (self.nth, self.every, self.times)):
            raise ValueError("nth, every and times count from 1")
        for pattern in (self.method, self.path):
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"'{pattern}' is not a regular expression: {error}") from error

    @property
    def reason(self) -> Reason:
        """The error that `error` and `skip` answer with."""
        return reason(self.code, self.message)

    @property
    def prevents(self) -> bool:
        """Whether the call does not take effect."""
        return self.effect in ("error", "http", "drop") and not self.executes

    def skips(self, index: int) -> bool:
        """Whether the record at this position of the input is skipped."""
        return self.effect == "skip" and (not self.records or index in self.records)


@dataclass(slots=True)
class _Script:
    fault: Fault
    matched: int = 0
    happened: int = 0

    @property
    def is_due(self) -> bool:
        fault = self.fault
        most = fault.times or (None if fault.every else 1)
        if most is not None and self.happened >= most:
            return False
        if fault.nth is not None:
            return self.matched == fault.nth
        return fault.every is None or self.matched % fault.every == 0


class Faults:
    """The list of faults of an instance."""

    def __init__(self) -> None:
        self._scripts: list[_Script] = []

    def add(self, *faults: Fault) -> None:
        """Append to the list."""
        self._scripts.extend(_Script(fault) for fault in faults)

    def clear(self) -> None:
        """Nothing goes wrong from now on."""
        self._scripts.clear()

    def __iter__(self) -> Iterator[Fault]:
        return (script.fault for script in self._scripts)

    def next(self, method: str, path: str) -> Fault | None:
        """What goes wrong with this call; to be asked once per call."""
        chosen: _Script | None = None
        for script in self._scripts:
            if not (re.search(script.fault.method, method) and re.search(script.fault.path, path)):
                continue
            script.matched += 1
            if chosen is None and script.is_due:
                chosen = script
        if chosen is None:
            return None
        chosen.happened += 1
        return chosen.fault
