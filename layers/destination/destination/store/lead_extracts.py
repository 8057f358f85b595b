"""An extract of leads, as it is kept with what it is for: a verification's check, or an import."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, Final

from destination.domain.lead_extract import ExtractStage, LeadExtract
from destination.domain.times import format_time, parse_time
from destination.store.items import known

_TIMES: Final = ("begun_at", "look_at", "members_at")


def stored_extract(extract: LeadExtract | None) -> dict[str, Any] | None:
    """The extract in the types of JSON."""
    if extract is None:
        return None
    times = {name: getattr(extract, name) for name in _TIMES}
    return asdict(extract) | {name: at and format_time(at) for name, at in times.items()}


def extract_of(stored: Mapping[str, Any] | None) -> LeadExtract | None:
    """The extract that was stored; None where there is none."""
    if stored is None:
        return None
    parsed = {
        "stage": ExtractStage(stored["stage"]),
        "fields": tuple(stored["fields"]),
        **{name: stored[name] and parse_time(stored[name]) for name in _TIMES},
    }
    return LeadExtract(**known(LeadExtract, stored) | parsed)
