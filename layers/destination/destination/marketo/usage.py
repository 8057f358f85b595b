"""What Marketo itself counted: the calls of its day, by all integrations of the instance.

Source: Marketo REST API, "Usage"; "Limits" for the daily quota, whose size no call tells. The call counts itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from destination.marketo.errors import UNEXPECTED_ANSWER, InstanceWaitsError
from destination.marketo.transport import Request

_TODAY: Final = Request("count calls", "GET", "/rest/v1/stats/usage.json", 35.0)


@dataclass(frozen=True, slots=True)
class Usage:
    """The calls of one of Marketo's days; `date` is that day as Marketo names it."""

    date: str
    total: int


def calls_today(send: Callable[[Request], Sequence[Mapping[str, Any]]]) -> Usage:
    """Ask for the calls of the current day; `send` answers a request's result. Raises MarketoError."""
    match send(_TODAY):
        case [{"date": str() as date, "total": int() as total}, *_]:
            return Usage(date, total)
    raise InstanceWaitsError(UNEXPECTED_ANSWER, _TODAY.operation)
