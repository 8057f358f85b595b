"""The event bus and the alerts' topic in memory, with what their subscribers get.

What each of them does is what the real one does over AWS: tests/contract/stores holds both to it.
"""

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from destination.notify import Announcement, NotToldError

_AT_ONCE: Final = 10
"""What is sent together with one that is not taken is told all the same; what comes after these is not."""


@dataclass
class MemoryBus:
    """`refusal` says with which code an announcement is not taken, however often it is sent; None: it is taken."""

    told: list[Announcement] = field(default_factory=list)
    refusal: Callable[[Announcement], str | None] = lambda _: None

    def put(self, announcements: Sequence[Announcement]) -> None:
        sent = [replace(one, detail=_as_received(one.detail)) for one in announcements]
        for start in range(0, len(sent), _AT_ONCE):
            at_once = sent[start : start + _AT_ONCE]
            self.told += [one for one in at_once if self.refusal(one) is None]
            codes = [code for one in at_once if (code := self.refusal(one)) is not None]
            if codes:
                raise NotToldError(codes[0])


@dataclass(frozen=True)
class Notification:
    """What subscribers of the topic get: people the subject and the text, programs the detail."""

    subject: str
    text: str
    detail: Mapping[str, Any]
    attributes: Mapping[str, str]


@dataclass
class MemoryTopic:
    told: list[Notification] = field(default_factory=list)

    def publish(self, subject: str, text: str, detail: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        line = re.sub("[^ -~]", "?", subject)[:99]
        self.told.append(Notification(line, text, _as_received(detail), dict(attributes)))


def _as_received(detail: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(detail))
