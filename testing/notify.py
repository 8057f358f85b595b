"""The event bus and the alerts' topic in memory, with what their subscribers get.

What each of them does is what the real one does over AWS: tests/contract/stores holds both to it.
"""

import json
import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from destination.domain.recipient import Recipient
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


@dataclass
class MemorySubscriptions:
    """`confirms`: whether recipients confirm at once, as SNS takes it from a queue. What waits to be confirmed cannot
    be ended, and who is subscribed cannot be subscribed otherwise (Amazon SNS, "Unsubscribe", "Subscribe").

    `policies`: the connections by ARN; `asked`: who was asked to confirm.
    """

    confirms: bool = True
    confirmed: dict[Recipient, str] = field(default_factory=dict)
    pending: dict[Recipient, str] = field(default_factory=dict)
    policies: dict[str, frozenset[str]] = field(default_factory=dict)
    asked: list[Recipient] = field(default_factory=list)

    def standing(self) -> dict[Recipient, str | None]:
        return {**dict.fromkeys(self.pending), **self.confirmed}

    def subscribe(self, recipient: Recipient, connection_ids: Collection[str]) -> str:
        arn = f"arn-{len(self.asked)}"
        assert recipient not in self.standing(), "Subscription already exists with different attributes"
        (self.confirmed if self.confirms else self.pending)[recipient] = arn
        self.asked.append(recipient)
        self.policies[arn] = frozenset(connection_ids)
        return arn

    def choose(self, arn: str, connection_ids: Collection[str]) -> None:
        assert arn in {*self.confirmed.values(), *self.pending.values()}
        self.policies[arn] = frozenset(connection_ids)

    def end(self, arn: str) -> bool:
        if arn in self.pending.values():
            return False
        self.confirmed = {one: its for one, its in self.confirmed.items() if its != arn}
        self.policies.pop(arn, None)
        return True

    def confirm(self, recipient: Recipient) -> None:
        """What the recipient does."""
        self.confirmed[recipient] = self.pending.pop(recipient)

    def reaches(self, connection_id: str) -> set[str]:
        """The endpoints that get the alerts of a connection."""
        return {one.endpoint for one, arn in self.confirmed.items() if connection_id in self.policies[arn]}


def _as_received(detail: Mapping[str, Any]) -> Any:
    return json.loads(json.dumps(detail))
