"""The same thousand people by every source, in each of its forms, end in the same state of Marketo."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from destination.domain.audience import ANY_NAMESPACE, Activation, AudienceKey
from destination.ingest.sources import SOURCES
from testing.senders import AUDIENCE, FORMS, people
from testing.webhook import WebhookStand, submission
from testing.world import World, connection

MANY = 1_000
FIELDS = ("firstName", "lastName", "company", "leadScore")


def test_every_source_of_the_stack_has_a_form() -> None:
    assert {form.source for form in FORMS.values()} == set(SOURCES)


@pytest.mark.parametrize("name", FORMS)
def test_the_same_people_by_every_source_end_in_the_same_state(name: str) -> None:
    """All enter, every third leaves, and the first body comes again."""
    form, who = FORMS[name], people(MANY)
    webhook, world = WebhookStand(source_format=form.source), World(connection(source_format=form.source))
    webhook.ingresses.known = replace(webhook.ingresses.known, rows=form.row_form)
    key = AudienceKey(ANY_NAMESPACE, AUDIENCE)
    activations = {key: Activation(key, "Webinar", list_id=1001, list_name="a", may_hold_others=False)}
    world.connections.stored["connection-1"] = replace(world.target, activations=activations)
    for number, body in form.course(who):
        webhook.now += timedelta(seconds=1)
        taken = webhook.ingest(submission(body))
        assert (taken.accepted, taken.rejected, taken.warnings) == (number, (), ())
        world.queue.send("connection-1", webhook.sqs.bodies())
        webhook.sqs.sent.clear()
        world.deliver()
    assert world.queue.waiting == {}
    leads, members = world.leads_now(), set(world.members("a"))
    found: dict[str, Any] = {
        one["email"]: (*(one.get(field) for field in FIELDS), lead_id in members) for lead_id, one in leads.items()
    }
    assert len(leads) == MANY
    assert found == {
        one["email"]: (one["firstName"], one["lastName"], one["company"], one["score"], number % 3 != 0)
        for number, one in enumerate(who)
    }
