"""What is sent to a connection that lets nothing in is seen: its names go into the queue, and nothing else of it."""

import json

import pytest

from destination.domain.audience import AudienceKey
from destination.domain.connection import Status
from destination.domain.seen import Seen
from destination.ingest.webhook import Submission
from destination.ingest.webhook_errors import NotEnabledError, UnauthorizedError, WebhookError
from destination.queue import MAX_MESSAGE_BYTES, decode
from testing.webhook import NOW, WebhookStand, submission

EVENT = {
    "id": "event-1",
    "profile": {"person": {"name": "Marker"}, "marker@example.org": {"x": 1}},
    "identities": {"email": ["marker@example.org"]},
    "audiences": [{"id": "aud-1", "namespace": "ups", "name": "Webinar"}],
}


def refuse(webhook: WebhookStand, given: Submission) -> list[Seen]:
    """What the queue is told of a body that is refused."""
    before = len(webhook.sqs.bodies())
    with pytest.raises(WebhookError):
        webhook.ingest(given)
    told = []
    for body in webhook.sqs.bodies()[before:]:
        envelope = decode(body)
        assert (envelope.events, envelope.losses, envelope.connection_id) == ((), {}, "connection-1")
        assert envelope.received_at == NOW
        assert envelope.seen is not None
        told.append(envelope.seen)
    return told


@pytest.mark.parametrize("status", [Status.DRAFT, Status.DISABLED])
def test_what_is_refused_is_seen_by_its_names(status: Status) -> None:
    webhook = WebhookStand(status)
    [seen] = refuse(webhook, submission([EVENT, 7]))
    assert (set(seen.attributes), set(seen.identities)) == ({"person.name"}, {"email"})
    assert [(one, found.realized, found.name) for one, found in seen.audiences.items()] == [
        (AudienceKey("ups", "aud-1"), 1, "Webinar")
    ]
    assert (seen.events, seen.unnamed) == (1, 1)
    assert "marker" not in "".join(webhook.sqs.bodies()).lower()


@pytest.mark.parametrize(
    ("status", "given"),
    [
        (Status.DELETING, submission([EVENT])),
        (Status.DRAFT, submission([EVENT], authorization="Bearer another")),
        (Status.DRAFT, submission([EVENT], connection_id="elsewhere")),
        (Status.DRAFT, submission(b"not JSON")),
        (Status.DRAFT, submission([7])),
        (Status.DRAFT, submission([{}])),
        (Status.DRAFT, submission([EVENT], content_type="text/csv")),
    ],
)
def test_nothing_is_seen_where_nothing_is_to_be(status: Status, given: Submission) -> None:
    assert refuse(WebhookStand(status), given) == []


def test_who_goes_on_sending_fills_no_queue() -> None:
    webhook = WebhookStand(Status.DISABLED)
    told = [refuse(webhook, submission([EVENT])) for _ in range(5)]
    assert [len(one) for one in told] == [1, 0, 0, 0, 0]
    [new] = refuse(webhook, submission([{"profile": {"city": "x"}}]))
    assert (new.events, "city" in new.attributes) == (5, True)


def test_what_the_queue_does_not_take_is_told_later() -> None:
    webhook = WebhookStand(Status.DRAFT)
    webhook.sqs.down = 99
    assert refuse(webhook, submission([EVENT])) == []
    webhook.sqs.down = 0
    [seen] = refuse(webhook, submission([EVENT]))
    assert seen.events == 2


def test_what_is_let_in_is_not_told_beside_its_events() -> None:
    webhook = WebhookStand(Status.ENABLED)
    webhook.ingest(submission([EVENT]))
    assert [decode(body).seen for body in webhook.sqs.bodies()] == [None]


def test_what_is_seen_fits_into_a_message_whatever_is_sent() -> None:
    audiences = [{"id": "\u0001" * 200 + str(number), "name": "😀" * 200} for number in range(500)]
    body = [{"audiences": audiences}]
    [seen] = refuse(webhook := WebhookStand(Status.DRAFT), submission(body))
    assert seen.is_cut
    assert len(webhook.sqs.bodies()[0]) < MAX_MESSAGE_BYTES


def test_nobody_is_refused_otherwise_for_what_is_seen() -> None:
    with pytest.raises(NotEnabledError, match="draft"):
        WebhookStand(Status.DRAFT).ingest(submission(json.dumps([EVENT]).encode()))
    with pytest.raises(UnauthorizedError):
        WebhookStand(Status.DRAFT).ingest(submission([EVENT], authorization=None))
