"""What can be set while the simulator runs."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from marketo_simulator.decode import decode

MAX_SECONDS: Final = 366 * 24 * 3600
"""The longest time that can be set."""
MAX_COUNT: Final = 10**9

_SECONDS: Final = (
    "window_seconds",
    "token_seconds",
    "latency",
    "import_queue_seconds",
    "import_seconds",
    "export_queue_seconds",
    "export_seconds",
)
_COUNTS: Final = (
    "calls_per_window",
    "concurrency",
    "daily_quota",
    "import_jobs",
    "import_jobs_executing",
    "activities_kept",
    "activities_list_members",
    "export_daily_bytes",
    "calls_kept",
)
_CHOICES: Final = {
    "import_busy_list": ("refuse", "queue"),
    "import_blank_cells": ("keep", "clear"),
    "import_several_matches": ("newest", "fail"),
    "import_equal_rows": ("last", "first"),
    "import_other_partition": ("refuse", "update", "create"),
    "import_unknown_columns": ("fail", "ignore"),
    "import_id_only": ("accept", "fail"),
    "import_list_by_id": ("join", "ignore"),
    "export_empty_file": ("header", "null"),
    "import_long_values": ("cut", "fail"),
    "import_short_rows": ("fail", "fill"),
}


def _check_seconds(name: str, seconds: float) -> None:
    if seconds < 0:
        raise ValueError(f"{name} is negative; give seconds from 0 up")
    if not seconds <= MAX_SECONDS:  # not a number is refused as well
        raise ValueError(f"{name} is too long; give seconds from 0 to {MAX_SECONDS}")


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
    search_ignores_case: bool = False
    """Leads are found whatever the case of the value; otherwise only by e-mail and by fields with `ignores_case`."""
    text_ends_beyond_bmp: bool = False
    """Text is cut at its first character beyond the Basic Multilingual Plane, an emoji for example."""
    dedupe_fields: tuple[str, ...] = ("email",)
    """What leads are matched by where a call names no `lookupField`; `leadPartitionId` keeps partitions apart."""
    companies_managed: bool = False
    """A CRM or Sync Companies manages companies: a record that writes a field of the company is skipped with 1021."""
    durable_unsubscribe: bool = True
    """Who unsubscribed stays so: their other leads too, and those that are made again under the same address."""
    token_answer: Mapping[str, object] = field(default_factory=dict)
    """Properties put into the answer with a token, whatever is true; null leaves one out."""
    import_queue_seconds: float = 1.0
    import_seconds: float = 5.0
    import_rows_per_second: float | None = None
    """How many rows an import writes a second, beside `import_seconds`; null: all at once."""
    import_jobs: int = 10
    """Imports that are queued or executing, then 1016."""
    import_jobs_executing: int = 2
    import_busy_list: str = "refuse"
    """An import into a list that another one fills: 1019 (`refuse`), or it waits for the other (`queue`)."""
    import_blank_cells: str = "keep"
    """A blank cell keeps the value (`keep`), or clears it (`clear`)."""
    import_several_matches: str = "newest"
    """A key of several leads: the most recently updated one is meant (`newest`), or the row fails (`fail`)."""
    import_equal_rows: str = "last"
    """Rows with the same key: all are written, so that the last one wins (`last`), or only the first is (`first`)."""
    import_other_partition: str = "refuse"
    """A key that only another partition has than the named one: the row fails with 1010 (`refuse`), the lead is updated
    where it is (`update`), or there is a second one (`create`)."""
    import_unknown_columns: str = "fail"
    """A column that is no field: the job fails (`fail`), or the column is left out (`ignore`)."""
    import_id_only: str = "accept"
    """A file that has only the column that leads are looked up by: taken (`accept`), or the job fails (`fail`)."""
    import_list_by_id: str = "join"
    """`listId` beside `lookupField=id`: the leads join the list (`join`), or they do not (`ignore`)."""
    import_long_values: str = "cut"
    """A text longer than its field: cut, with a warning (`cut`), or the row fails (`fail`)."""
    import_short_rows: str = "fail"
    """A row with fewer cells than the header: it fails (`fail`), or the rest is blank (`fill`)."""
    import_reports_shift: bool = False
    """The reports of failures and warnings leave out a blank last cell, so that the reason stands in its place."""
    activities_kept: int = 100_000
    """The latest activities that are remembered, of all leads together."""
    activities_list_members: int | None = 10_000
    """From so many members on, a list cannot narrow activities (Marketo REST, Activities, as of December 2026)."""
    export_queue_seconds: float = 1.0
    export_seconds: float = 5.0
    export_daily_bytes: int | None = 500_000_000
    """Bytes of all files that exports wrote on a day of the quota's time zone."""
    export_empty_file: str = "header"
    """A file without rows: its header alone (`header`), or the word null (`null`)."""
    export_all_filters: bool = False
    """Whether leads can be exported by `updatedAt`, which not every subscription has."""
    calls_kept: int = 5000
    """Length of the call log; the statistics cover all calls."""
    body_bytes_kept: int = 32 * 1024 * 1024
    """Bytes of the bodies in the call log, together; the oldest are forgotten first."""
    latency_per_record: float = 0.0
    """Seconds that every record of a call adds to its latency."""
    max_seconds: float | None = None
    """A call that would take longer is answered 604 after that time, and takes effect all the same."""
    max_records: int | None = None
    """Records that a call may have, where that is less than the 300 of Marketo (1003)."""

    def __post_init__(self) -> None:
        for name in _SECONDS:
            _check_seconds(name, getattr(self, name))
        for name in _COUNTS:
            if not 0 <= (getattr(self, name) or 0) <= MAX_COUNT:
                raise ValueError(f"{name} is a whole number from 0 to {MAX_COUNT}")
        self._check_bulk()
        if not self.dedupe_fields:
            raise ValueError('dedupe_fields names nothing; give at least one field, such as "email"')
        for pattern, seconds in self.latency_by_path.items():
            _check_seconds(f"latency_by_path '{pattern}'", seconds)
            try:
                re.compile(pattern)
            except (re.error, OverflowError, RecursionError) as error:
                raise ValueError(f"latency_by_path: '{pattern}' is not a regular expression: {error}") from error
        try:
            ZoneInfo(self.quota_time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError) as error:
            raise ValueError(
                f"quota_time_zone '{self.quota_time_zone}' is unknown; give a name like America/Chicago"
            ) from error
        for name in ("body_bytes_kept", "latency_per_record", "max_seconds", "max_records"):
            if not 0 <= (getattr(self, name) or 0) <= 10**9:
                raise ValueError(f"{name} is out of reach; give a number from 0 to {10**9}")

    def _check_bulk(self) -> None:
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} '{getattr(self, name)}' is unknown; use {' or '.join(choices)}")
        if min(self.import_jobs, self.import_jobs_executing) < 1:
            raise ValueError("import_jobs and import_jobs_executing count from 1")
        if self.import_rows_per_second is not None and not 0.001 <= self.import_rows_per_second <= MAX_COUNT:
            raise ValueError(f"import_rows_per_second is a number from 0.001 to {MAX_COUNT}; null is without bound")

    def latency_of(self, path: str) -> float:
        """Seconds a call of this path takes."""
        for pattern, seconds in self.latency_by_path.items():
            if re.search(pattern, path):
                return seconds
        return self.latency


def changed(settings: Settings, changes: object, where: str) -> Settings:
    """The settings with those changed that are named; whole Settings take their place. Raises DecodeError."""
    if isinstance(changes, Mapping):
        changes = {each.name: getattr(settings, each.name) for each in fields(Settings)} | dict(changes)
    return decode(Settings, changes, where)
