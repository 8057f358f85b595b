"""What a source tells its sender."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Reply:
    """A body in JSON's types, and the status; None: the one that there is for it otherwise."""

    body: Any
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
