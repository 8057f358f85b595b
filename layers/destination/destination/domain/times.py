"""Times on the wire: what event sources write, and what this system writes."""

import re
from datetime import UTC, datetime
from typing import Final

_SHORTEST: Final = len("2026-01-01T00:00")
_LEAP_SECOND: Final = re.compile("(?<=T[0-9]{2}:[0-9]{2}:)60")
EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def parse_time(text: str) -> datetime:
    """Read an ISO 8601 time as UTC; a time without an offset is UTC.

    Sources write `Z`, `+00:00` and `+0000`, with none to nine digits of a second's fraction (Adobe Experience Platform,
    `lastQualificationTime`); digits below the microsecond are cut. RFC 3339, which XDM's `date-time` is, has `t` and
    `z` as well, and leap seconds, which count as the second before them.

    Raises ValueError when the text is no date and time, or one outside the years 1 to 9999 in UTC.
    """
    if len(text) < _SHORTEST:
        raise ValueError("not an ISO 8601 date and time")
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = datetime.fromisoformat(_LEAP_SECOND.sub("59", text.upper()))
    if parsed.tzinfo is UTC:  # As it nearly always is.
        return parsed
    try:
        return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("outside the years 1 to 9999") from error


def format_time(time: datetime) -> str:
    """Write a time as ISO 8601 UTC, to the microsecond only where there is a fraction."""
    return time.astimezone(UTC).isoformat().replace("+00:00", "Z")
