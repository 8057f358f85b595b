"""What programs are told, through the event bus: in memory as in EventBridge."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

import boto3
import pytest

from destination.monitoring import alerts, summaries
from destination.notify import Announcement, Bus, NotToldError
from testing.aws import Inbox, inbox
from testing.notify import MemoryBus

ANNOUNCEMENTS = [Announcement(f"Kind {number % 2}", {"number": number, "name": "ü"}) for number in range(23)]
REFUSAL = "InvalidArgument"

Refuses = Callable[[Announcement], bool]
Told = list[tuple[str, dict[str, Any]]]


class AnyBus(alerts.Bus, summaries.Bus, Protocol):
    """What the monitor asks of a bus."""


class BusStand(Protocol):
    @property
    def bus(self) -> AnyBus: ...
    def told(self) -> Told:
        """What a subscriber got since it asked last, by kind."""


@dataclass
class BusInMemory:
    bus: MemoryBus = field(default_factory=MemoryBus)

    def told(self) -> Told:
        told, self.bus.told = self.bus.told, []
        return [(one.kind, dict(one.detail)) for one in told]


@dataclass
class BusInEventBridge:
    inbox: Inbox
    waits: list[float] = field(default_factory=list)
    bus: Bus = field(init=False)

    def __post_init__(self) -> None:
        self.client = boto3.client("events")
        self.bus = Bus(self.client, sleep=self.waits.append)

    def told(self) -> Told:
        return self.inbox.announced()

    @contextmanager
    def refusing(self, refuses: Refuses) -> Iterator[None]:
        """While the block runs, entries are sent in a way in which EventBridge does not take them: without a kind."""

        def spoil(params: dict[str, Any], **_: object) -> None:
            announcements = [Announcement(one["DetailType"], json.loads(one["Detail"])) for one in params["Entries"]]
            spoiled = [{"DetailType": ""} if refuses(one) else {} for one in announcements]
            params["Entries"] = [one | other for one, other in zip(params["Entries"], spoiled, strict=True)]

        name = "provide-client-params.events.PutEvents"
        self.client.meta.events.register(name, spoil)
        try:
            yield
        finally:
            self.client.meta.events.unregister(name, spoil)


@pytest.fixture
def eventbridge(request: pytest.FixtureRequest) -> BusInEventBridge:
    return BusInEventBridge(inbox(request.getfixturevalue("stack")))


@pytest.fixture(params=["memory", "eventbridge"])
def stand(request: pytest.FixtureRequest) -> BusStand:
    return BusInMemory() if request.param == "memory" else request.getfixturevalue("eventbridge")


@contextmanager
def refusing(stand: BusStand, refuses: Refuses) -> Iterator[None]:
    """While the block runs, some announcements are not taken, however often they are sent."""
    if isinstance(stand, BusInEventBridge):
        with stand.refusing(refuses):
            yield
        return
    assert isinstance(stand, BusInMemory)
    stand.bus.refusal = lambda one: REFUSAL if refuses(one) else None
    yield


def as_told(announcements: list[Announcement]) -> Told:
    return [(one.kind, dict(one.detail)) for one in announcements]


@pytest.mark.parametrize("count", [0, 1, 10, 11, 23])
def test_all_is_announced_once_and_in_order(stand: BusStand, count: int) -> None:
    stand.bus.put(ANNOUNCEMENTS[:count])
    assert stand.told() == as_told(ANNOUNCEMENTS[:count])


def test_what_is_announced_twice_is_told_twice(stand: BusStand) -> None:
    stand.bus.put(ANNOUNCEMENTS[:1])
    stand.bus.put(ANNOUNCEMENTS[:1])
    assert stand.told() == as_told(ANNOUNCEMENTS[:1]) * 2


def test_subscribers_are_told_what_was_so_then(stand: BusStand) -> None:
    counts = {"received": 1, "codes": ["1003"]}
    stand.bus.put([Announcement("Run Summary", {"run": counts})])
    counts |= {"received": 2, "codes": []}
    assert stand.told() == [("Run Summary", {"run": {"received": 1, "codes": ["1003"]}})]


def test_what_is_no_json_keeps_all_from_being_announced(stand: BusStand) -> None:
    with pytest.raises(TypeError):
        stand.bus.put([*ANNOUNCEMENTS, Announcement("Kind 0", {"number": object()})])
    assert stand.told() == []


@pytest.mark.parametrize(
    ("refused", "reached"),
    [({0}, 10), ({3, 9}, 10), ({*range(10)}, 10), ({12}, 20), ({22}, 23)],
    ids=["first", "two-at-once", "all-at-once", "of-the-second-ten", "last"],
)
def test_one_that_is_not_taken_is_told_and_keeps_nothing_from_those_sent_with_it(
    stand: BusStand, refused: set[int], reached: int
) -> None:
    with (
        refusing(stand, lambda one: one.detail["number"] in refused),
        pytest.raises(NotToldError, match=REFUSAL) as error,
    ):
        stand.bus.put(ANNOUNCEMENTS)
    assert error.value.code == REFUSAL
    taken = [one for number, one in enumerate(ANNOUNCEMENTS[:reached]) if number not in refused]
    assert stand.told() == as_told(taken)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_eventbridge_takes_after_some_patience_is_announced_once(
    eventbridge: BusInEventBridge, times: int
) -> None:
    left = {3: times, 17: 1}

    def refuses(one: Announcement) -> bool:
        left[one.detail["number"]] = left.get(one.detail["number"], 0) - 1
        return left[one.detail["number"]] >= 0

    with eventbridge.refusing(refuses):
        eventbridge.bus.put(ANNOUNCEMENTS)
    assert sorted(detail["number"] for _, detail in eventbridge.told()) == [*range(23)]
    assert eventbridge.waits == [*[0.2, 1.0, 3.0][:times], 0.2]


def test_patience_with_eventbridge_ends(eventbridge: BusInEventBridge) -> None:
    with eventbridge.refusing(lambda _: True), pytest.raises(NotToldError):
        eventbridge.bus.put(ANNOUNCEMENTS[:1])
    assert eventbridge.waits == [0.2, 1.0, 3.0]
