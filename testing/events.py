"""Events that differ from others."""

from collections.abc import Mapping
from dataclasses import replace

from destination.domain.event import ProfileEvent


def having(said: ProfileEvent, attributes: Mapping[str, object]) -> ProfileEvent:
    """The same event with other attributes."""
    return replace(said, profile={**said.profile, **attributes})
