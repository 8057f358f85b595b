"""What can be set while the simulator runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError


@dataclass(frozen=True, slots=True)
class Settings:
    """Limits (null = without limit), pace and modes of one Marketo instance.

    The defaults are Marketo's documented limits (Marketo REST, Rest API, "Limits").
    """

    calls_per_window: int | None = 100
    window_seconds: float = 20.0
    concurrency: int | None = 10
    daily_quota: int | None = 50_000
    quota_time_zone: str = "America/Chicago"
    """The daily quota starts again at midnight of this zone."""
    token_seconds: int = 3600
    latency: float = 0.0
    """Seconds every executed call takes."""
    latency_by_path: Mapping[str, float] = field(default_factory=dict)
    """Regular expression over the path -> seconds; the first that matches replaces `latency`."""
    create_race: bool = False
    """Overlapping creations of one new key both create, as Marketo documents for concurrent calls."""
    import_queue_seconds: float = 1.0
    import_seconds: float = 5.0
    calls_kept: int = 5000
    """Length of the call log; the statistics cover all calls."""

    def __post_init__(self) -> None:
        for name in ("window_seconds", "latency", "import_queue_seconds", "import_seconds", "token_seconds"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is negative; give seconds from 0 up")
        for pattern in self.latency_by_path:
            try:
                re.compile(pattern)
            except re.error as error:
                raise ValueError(f"latency_by_path: '{pattern}' is not a regular expression: {error}") from error
        try:
            ZoneInfo(self.quota_time_zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(
                f"quota_time_zone '{self.quota_time_zone}' is unknown; give a name like America/Chicago"
            ) from error

    def latency_of(self, path: str) -> float:
        """Seconds a call of this path takes."""
        for pattern, seconds in self.latency_by_path.items():
            if re.search(pattern, path):
                return seconds
        return self.latency
