"""Messages as large as SQS takes: from the webhook to Marketo, by itself and in full batches."""

import pytest

from destination.delivery.carrier import MAX_WAVE_BYTES
from destination.domain.connection import Limits
from destination.domain.event import ProfileEvent
from destination.queue import MAX_EVENT_BYTES, decode
from marketo_simulator import Fault
from testing.counts import assert_balanced, outcomes
from testing.event_source import MAX_PAYLOAD_BYTES, record_bytes
from testing.meddler import calm, creates, poison
from testing.queued_world import Deployed, QueuedWorld
from testing.stages import ADA, REALIZED
from testing.webhook import WebhookStand, submission
from testing.world import World, connection, event

KIB = 1024
NAMED = {"email": ADA, "firstName": "Ada", "lastName": "Lovelace"}
IN_A = {"namespace": "ups", "id": "a", "status": "realized"}
IN_4000 = [IN_A, *({"id": f"c3d0a6a1-5b7e-4c57-9a40-{number:012}", "status": "realized"} for number in range(3_999))]
RECORDS = {
    "in 4,000 audiences": {"profile": NAMED, "audiences": IN_4000},
    "999 KiB": {"profile": {**NAMED, "notes": "x" * (999 * KIB)}, "audiences": [IN_A]},
    "999 KiB in the queue, of another language": {
        "profile": {**NAMED, "notes": "é" * (999 * KIB // len(r"\u00e9"))},
        "audiences": [IN_A],
    },
}


def let_in(world: World, *records: object) -> list[str]:
    """Post records to the webhook, and put the messages that it makes of them into the world's queue."""
    webhook = WebhookStand()
    assert webhook.ingest(submission(list(records))).accepted == len(records)
    bodies = webhook.sqs.bodies()
    world.queue.send(world.connection.id, bodies)
    return bodies


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_large_profile_goes_through_the_webhook_and_is_delivered(record: object) -> None:
    world = World()
    (body,) = let_in(world, record)
    assert len(body) < KIB * KIB
    world.deliver()
    assert outcomes(world) == {"activated": 1}
    assert [lead["email"] for lead in world.leads_by_email(ADA)] == [ADA]
    assert len(world.members("a")) == 1
    assert world.queue.waiting == {}


@pytest.mark.parametrize("record", RECORDS.values(), ids=RECORDS)
def test_a_large_profile_that_marketo_refuses_is_a_letter_that_can_be_redriven(record: object) -> None:
    world = World(connection(limits=Limits(concurrency=1)))
    poison(world, creates, ADA, Fault("skip", "1003"))
    (body,) = let_in(world, record)
    world.deliver()
    assert outcomes(world) == {"failed": 1}
    (letter,) = world.letters.take()
    assert decode(letter).events == decode(body).events

    calm(world)
    world.queue.send(world.connection.id, [letter])
    world.deliver()
    assert outcomes(world) == {"activated": 1}
    assert len(world.members("a")) == 1


def large(number: int) -> ProfileEvent:
    """An event that fills a message."""
    return event(person(number), ("a", REALIZED), notes="x" * (MAX_EVENT_BYTES - 300))


def person(number: int) -> str:
    return f"{number}@example.org"


def test_six_messages_of_a_mebibyte_are_a_batch() -> None:
    queued = QueuedWorld(Deployed.by_template(), settings={"pollers": 1})
    queued.post(*map(large, range(8)))
    queued.run(3 * queued.deployed.window)
    assert [len(batch) for _, batch in queued.begun] == [6, 2]
    for _, batch in queued.begun:
        assert sum(record_bytes(one.body) for one in batch) <= MAX_PAYLOAD_BYTES
        assert sum(len(one.body) for one in batch) <= MAX_WAVE_BYTES
    assert outcomes(queued.world) == {"activated": 8}
    assert len(queued.world.members("a")) == 8
    assert_balanced(queued.world)


@pytest.mark.remedy("send-unreadable-again")
def test_an_event_that_was_damaged_in_the_queue_costs_itself_alone() -> None:
    world = World()
    profiles = [NAMED | {"email": f"{name}{ADA}"} for name in "abc"]
    (body,) = let_in(world, *({"profile": profile, "audiences": [IN_A]} for profile in profiles))
    world.queue.waiting.clear()
    opening, first, second, *rest = body.split("\n")
    world.queue.send(world.connection.id, ["\n".join([opening, first, second[: len(second) // 2], *rest])])
    world.deliver()
    assert outcomes(world) == {"activated": 2, "failed": 1}
    assert len(world.members("a")) == 2
    assert world.letters.codes == ["UNREADABLE_EVENT"]
    assert world.queue.waiting == {}
    assert_balanced(world)

    (letter,) = world.letters.take()
    assert second[: len(second) // 2] in letter
    world.queue.send(world.connection.id, [letter])
    world.deliver()
    assert outcomes(world) == {"activated": 2, "failed": 1}

    let_in(world, {"profile": profiles[1], "audiences": [IN_A]})  # as its remedy says
    world.deliver()
    assert (outcomes(world), len(world.members("a"))) == ({"activated": 3, "failed": 1}, 3)
