"""Edge: who wants to know is told, through an SNS topic (people) and the EventBridge bus (programs).

Both may tell the same twice after a crash; the `id` in what is told is the same then.
"""

import json
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from destination.domain.recipient import Protocol, Recipient

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_events.type_defs import PutEventsRequestEntryTypeDef
    from mypy_boto3_sns import SNSClient

SOURCE: Final = "marketo-destination"
_AT_ONCE: Final = 10
"""PutEvents takes so many (Amazon EventBridge, "PutEvents")."""

_PROTOCOLS: Final = frozenset(one.value for one in Protocol)
_PENDING, _DELETED = "PendingConfirmation", "Deleted"
"""In the place of an ARN."""

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


class Subscriptions:
    """The subscriptions to the topic of alerts. Each chooses the connections whose alerts it gets."""

    def __init__(self, client: "SNSClient", arn: str) -> None:
        self._client = client
        self._arn = arn

    def standing(self) -> dict[Recipient, str | None]:
        """All that are confirmed, with their ARN, and all that wait for it, with None.

        Whose endpoint ended it is listed for some time (Amazon SNS, "ListSubscriptionsByTopic").
        """
        found: dict[Recipient, str | None] = {}
        for page in self._client.get_paginator("list_subscriptions_by_topic").paginate(TopicArn=self._arn):
            for one in page["Subscriptions"]:
                arn = one["SubscriptionArn"]
                if one["Protocol"] in _PROTOCOLS and arn != _DELETED:
                    recipient = Recipient(Protocol(one["Protocol"]), one["Endpoint"])
                    found[recipient] = None if arn == _PENDING else arn
        return found

    def subscribe(self, recipient: Recipient, connection_ids: Collection[str]) -> str:
        """The ARN of a new subscription, which the recipient is asked to confirm."""
        return self._client.subscribe(
            TopicArn=self._arn,
            Protocol=recipient.protocol.value,
            Endpoint=recipient.endpoint,
            Attributes={"FilterPolicyScope": "MessageAttributes", "FilterPolicy": _filter(connection_ids)},
            ReturnSubscriptionArn=True,
        )["SubscriptionArn"]

    def choose(self, arn: str, connection_ids: Collection[str]) -> None:
        """Have a subscription get the alerts of these connections, and of no other."""
        self._client.set_subscription_attributes(
            SubscriptionArn=arn, AttributeName="FilterPolicy", AttributeValue=_filter(connection_ids)
        )

    def end(self, arn: str) -> bool:
        """End a subscription; False: it waits to be confirmed, when nobody can end it, and ends by itself after two
        days.
        """
        try:
            self._client.unsubscribe(SubscriptionArn=arn)
        except self._client.exceptions.InvalidParameterException:
            return False
        return True


def _filter(connection_ids: Collection[str]) -> str:
    """A policy chooses by one value at least; no connection has the id `none`."""
    return json.dumps({"connection_id": sorted(connection_ids) or ["none"]})


def _line(text: str) -> str:
    """What SNS takes as a subject: printable ASCII on one line (Amazon SNS, "Publish")."""
    plain = "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)
    return plain[:_MAX_SUBJECT_LENGTH]
