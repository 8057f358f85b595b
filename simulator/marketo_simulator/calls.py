"""The log of API calls and its statistics."""

from collections import Counter, deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime

_HIDDEN = frozenset({"client_secret", "access_token"})


@dataclass(frozen=True, slots=True)
class Call:
    """One API call as it ended.

    `endpoint` is the path with `{id}` for numbers. `code` is the top-level error code, `""` for success; HTTP-level
    ends stand in `status` (0: the connection broke). `records` is the length of `input` or of the ids.
    `concurrent` counts the calls executing at its start, itself included. `by_limit`: a limit of the instance
    refused it. `fault`: its end was scripted.
    """

    time: datetime
    method: str
    path: str
    endpoint: str
    params: Mapping[str, str]
    body_bytes: int
    records: int
    status: int
    code: str
    executed: bool
    counted: bool
    concurrent: int
    by_limit: bool
    fault: bool
    user: str

    def json(self) -> dict[str, object]:
        """For the control interface; secrets are left out of `params`."""
        return asdict(self) | {"time": self.time.isoformat()}


class Calls:
    """Keeps the latest calls and counts all."""

    def __init__(self, kept: int) -> None:
        self.log: deque[Call] = deque(maxlen=kept)
        self.total = 0
        self.per_endpoint: Counter[str] = Counter()
        self.per_code: Counter[str] = Counter()
        self.by_limit: Counter[str] = Counter()
        self._usage: dict[date, Counter[str]] = {}
        self._errors: dict[date, Counter[str]] = {}

    def add(self, call: Call, day: date) -> None:
        """Log the call and count it for its quota day."""
        self.log.append(call)
        self.total += 1
        self.per_endpoint[call.endpoint] += 1
        if call.code:
            self.per_code[call.code] += 1
            self._errors.setdefault(day, Counter())[call.code] += 1
        if call.by_limit:
            self.by_limit[call.code] += 1
        if call.counted and call.user:
            self._usage.setdefault(day, Counter())[call.user] += 1

    def usage(self, day: date) -> Counter[str]:
        """Counted calls of that day per API user."""
        return self._usage.get(day, Counter())

    def errors(self, day: date) -> Counter[str]:
        """Top-level errors of that day per code."""
        return self._errors.get(day, Counter())


def shown_params(params: Mapping[str, list[str]]) -> dict[str, str]:
    """Parameters for the log: repeated ones joined by commas, secrets masked."""
    return {name: "***" if name in _HIDDEN else ",".join(values) for name, values in params.items()}
