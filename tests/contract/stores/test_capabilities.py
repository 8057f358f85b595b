"""What an instance is known to do: in memory as in the table."""

from dataclasses import replace
from typing import Protocol

import pytest

from destination.domain.capabilities import NOTHING_KNOWN, Capabilities
from destination.store.capabilities import CapabilitiesOfInstances
from testing.aws import Aws
from testing.memory import MemoryCapabilities
from testing.persons import MUNCHKIN, START

KNOWN = Capabilities(joins_by_id=True, keeps_blank=False, asked_at=START)
OTHER = "999-ZZZ-999"


class Store(Protocol):
    def get(self, munchkin_id: str, /) -> Capabilities: ...
    def put(self, munchkin_id: str, capabilities: Capabilities, /) -> None: ...


@pytest.fixture(params=["memory", "table"])
def store(request: pytest.FixtureRequest) -> Store:
    if request.param == "memory":
        return MemoryCapabilities()
    stack: Aws = request.getfixturevalue("stack")
    return CapabilitiesOfInstances(stack.dynamodb, "ConnectionsTable")


def test_nothing_is_known_of_an_instance_that_no_canary_was_sent_to(store: Store) -> None:
    store.put(MUNCHKIN, KNOWN)
    assert store.get(OTHER) == NOTHING_KNOWN


def test_what_was_found_out_last_counts(store: Store) -> None:
    store.put(MUNCHKIN, KNOWN)
    store.put(OTHER, NOTHING_KNOWN)
    assert store.get(MUNCHKIN) == KNOWN
    later = replace(KNOWN, joins_by_id=None, updates_newest=True)
    store.put(MUNCHKIN, later)
    assert store.get(MUNCHKIN) == later
    assert store.get(OTHER) == NOTHING_KNOWN
