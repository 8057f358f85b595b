"""Edge: who wants to know is told, through an SNS topic (people) and the EventBridge bus (programs).

Both may tell the same twice after a crash; the `id` in what is told is the same then.
"""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from mypy_boto3_sns import SNSClient

SOURCE: Final = "marketo-destination"
_AT_ONCE: Final = 10
"""PutEvents takes so many (Amazon EventBridge, "PutEvents")."""

_WAITS: Final = (0.2, 1.0, 3.0)
_MAX_SUBJECT_LENGTH: Final = 99


class NotToldError(Exception):
    """EventBridge did not take an event, and not after some patience either; the code is its own."""

    def __init__(self, code: str) -> None:
        super().__init__(f"EventBridge did not take an event: {code}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Announcement:
    """What programs are told: the kind of thing that happened (EventBridge's detail-type), and its details."""

    kind: str
    detail: Mapping[str, Any]


class Bus:
    """The EventBridge bus, the account's default one."""

    def __init__(self, client: "EventBridgeClient", sleep: Callable[[float], None] = time.sleep) -> None:
        self._client = client
        self._sleep = sleep

    def put(self, announcements: Sequence[Announcement]) -> None:
        """Announce all, in this order. Raises NotToldError."""
        entries: list[PutEventsRequestEntryTypeDef] = [
            {"Source": SOURCE, "DetailType": one.kind, "Detail": json.dumps(one.detail)} for one in announcements
        ]
        for start in range(0, len(entries), _AT_ONCE):
            self._put(entries[start : start + _AT_ONCE])

    def _put(self, entries: "list[PutEventsRequestEntryTypeDef]") -> None:
        for wait in (*_WAITS, None):
            results = self._client.put_events(Entries=entries)["Entries"]
            failed = [(entry, one) for entry, one in zip(entries, results, strict=True) if "ErrorCode" in one]
            if not failed:
                return
            if wait is None:
                raise NotToldError(failed[0][1]["ErrorCode"])
            entries = [entry for entry, _ in failed]
            self._sleep(wait)


class Topic:
    """The SNS topic of alerts: e-mail subscribers get plain text, all others JSON."""

    def __init__(self, client: "SNSClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def publish(self, subject: str, text: str, detail: Mapping[str, Any], attributes: Mapping[str, str]) -> None:
        """Tell subscribers; `attributes` are what their filter policies can choose by."""
        content = json.dumps(detail)
        message = {"default": content, "email": text, "sms": subject}
        self._client.publish(
            TopicArn=self._arn,
            Subject=_line(subject),
            Message=json.dumps(message),
            MessageStructure="json",
            MessageAttributes={
                name: {"DataType": "String", "StringValue": value} for name, value in attributes.items()
            },
        )


def _line(text: str) -> str:
    """What SNS takes as a subject: printable ASCII on one line (Amazon SNS, "Publish")."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
    return plain[:_MAX_SUBJECT_LENGTH]
