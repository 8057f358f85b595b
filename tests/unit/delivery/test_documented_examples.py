"""The examples of docs/delivery.md end as it says."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from destination.domain.event import ProfileEvent
from destination.ingest.sources.record import RecordTimes
from testing.counts import reasons
from testing.sources import read_body
from testing.template import ROOT
from testing.world import START, World

ADA: Mapping[str, object] = {"id": 7, "email": "ada@example.org", "leadScore": 3}
HOUR = timedelta(hours=1)


def example(heading: str, number: int = 0) -> Sequence[ProfileEvent]:
    """The events of an example below a heading, received an hour after the start."""
    _, _, below = (ROOT / "docs/delivery.md").read_text().partition(f"# {heading}\n")
    section, *_ = re.split(r"^#+ ", below, maxsplit=1, flags=re.MULTILINE)
    body = re.findall(r"^```json\n(.*?)^```", section, re.DOTALL | re.MULTILINE)[number]
    parsed = read_body("canonical", body.replace("aud-1", "a").encode(), RecordTimes(START + HOUR))
    assert not parsed.rejected
    return [event for _, event in parsed.events]


def delivered(*batches: Sequence[ProfileEvent], leads: Sequence[Mapping[str, object]] = ()) -> World:
    world = World(leads=leads)
    world.now += HOUR
    for batch in batches:
        world.deliver(*batch)
    return world


@pytest.mark.parametrize("in_one_batch", [True, False])
def test_a_repetition_without_id_and_times_is_news(*, in_one_batch: bool) -> None:
    events = example("Order")

    def members(*said: ProfileEvent) -> list[int]:
        return delivered(*([said] if in_one_batch else ([one] for one in said)), leads=[ADA]).members("a")

    assert members(*events) == [7]
    entry, exited, again = events
    assert members(replace(entry, id="evt-1"), exited, replace(again, id="evt-1")) == []
    timed = [
        replace(one, memberships=tuple(joined._replace(at=at) for joined in one.memberships))
        for one, at in zip(events, (START, START + HOUR / 2, START), strict=True)
    ]
    assert members(*timed) == []


def test_two_incomplete_events_complete_each_other_in_one_batch_alone() -> None:
    first, second = example("Where grouping still decides")
    together = delivered([first, second])
    [lead] = together.leads_now().values()
    assert (lead["firstName"], lead["lastName"]) == ("Ada", "Lovelace")
    assert together.members("a") == [lead["id"]]
    apart = delivered([first], [second])
    assert apart.leads_now() == {}
    assert reasons(apart) == {"MISSING_REQUIRED_ATTRIBUTE": 2}


def test_an_older_incomplete_event_that_comes_last_counts_in_the_same_batch_alone() -> None:
    newer, older = example("Where grouping still decides", 1)

    def names(*batches: Sequence[ProfileEvent]) -> tuple[object, object]:
        lead = delivered(*batches, leads=[ADA]).leads_now()[7]
        return lead.get("firstName"), lead.get("lastName")

    assert names([newer, older]) == names([older], [newer]) == ("Ada", "Lovelace")
    assert names([newer], [older]) == (None, "Lovelace")
    assert reasons(delivered([newer], [older], leads=[ADA])) == {"SUPERSEDED": 1}


def test_an_older_value_is_sent_before_a_newer_invalid_one_is_known() -> None:
    first, second = example("Where grouping still decides", 2)
    assert delivered([first, second], leads=[ADA]).leads_now()[7]["leadScore"] == 3
    assert delivered([first], [second], leads=[ADA]).leads_now()[7]["leadScore"] == 5


def test_an_exit_takes_the_old_address_off() -> None:
    (left,) = example("When somebody's address changes")
    world = delivered(leads=[{"id": 8, "email": "old@example.org"}, ADA])
    world.simulator.state.lists[1001].members.update({7, 8})
    world.deliver(left)
    assert world.members("a") == [7]
