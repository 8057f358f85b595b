"""Every recipe is what it says: its template is rendered, its body is posted, and its events arrive.

What each sender's data are is as the sender documents it; the names in them are quoted, broken and foreign, where the
template's language promises to keep them.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from destination.api.connections import SourceIn
from destination.domain.audience import AudienceKey
from destination.domain.event import MembershipStatus, ProfileEvent
from destination.queue import decode
from testing.templates import rendered
from testing.webhook import WebhookStand, submission

RECIPES = Path(__file__).resolve().parents[2] / "docs/recipes.md"
SECTIONS = {one.partition("\n")[0]: one for one in RECIPES.read_text().split("\n## ")[1:]}
OF_RETRIES = "What retries mean"
OF_SEVERAL = {OF_RETRIES, "Everybody once more"}
"""What is told of several senders together."""

NAME = 'Ada "the first"\n\\ Lovelace & Ünal <Ω>'
ADA = {"email": "ada@example.org", "firstName": NAME}
GRACE = {"email": "grace@example.org", "firstName": None}


@dataclass(frozen=True)
class Recipe:
    """The blocks of a section: what the connection's source is, and the template or the body."""

    source: SourceIn
    language: str
    text: str

    @classmethod
    def of(cls, section: str) -> "Recipe":
        (_, source), (language, text) = re.findall(
            r"^```(\w+)\n(.*?)^```$", SECTIONS[section], re.DOTALL | re.MULTILINE
        )
        return cls(SourceIn.model_validate_json(source), language, text)

    def body(self, data: Any = None) -> bytes:
        return (self.text if self.language == "json" else rendered(self.language, self.text, data)).encode()

    @property
    def of_leavers(self) -> "Recipe":
        """The same for who leaves, as the page says how it is made."""
        assert self.text.count('"realized"') == 1
        return replace(self, text=self.text.replace('"realized"', '"exited"'))

    def posted(self, body: bytes, **query: str) -> list[ProfileEvent]:
        """The events that the webhook stored; nothing may have been rejected or left out."""
        webhook = WebhookStand(source_format=self.source.format)
        rows = None if self.source.rows is None else self.source.rows.form()
        webhook.ingresses.known = replace(webhook.ingresses.known, rows=rows, on_rejected=self.source.on_rejected)
        acceptance = webhook.ingest(submission(body, query=query))
        assert (acceptance.rejected, acceptance.warnings) == ((), ())
        return [event for message in webhook.sqs.bodies() for event in decode(message).events]


def said(events: list[ProfileEvent]) -> set[tuple[AudienceKey, MembershipStatus]]:
    return {(one.audience, one.status) for event in events for one in event.memberships}


def webinar(status: MembershipStatus, namespace: str = "ups") -> set[tuple[AudienceKey, MembershipStatus]]:
    return {(AudienceKey(namespace, "webinar"), status)}


REALIZED, EXITED = MembershipStatus.REALIZED, MembershipStatus.EXITED
TEMPLATES: Mapping[str, tuple[Mapping[str, Any], list[Mapping[str, Any]]]] = {
    "Census, HTTP request": (
        {"records": [{"EMAIL": one["email"], "FIRST_NAME": one["firstName"]} for one in (ADA, GRACE)]},
        [ADA, GRACE],
    ),
    "RudderStack": ({"connection": {"audienceId": "webinar"}, "records": [ADA, GRACE]}, [ADA, GRACE]),
    "Customer.io": ({"customer": {"email": ADA["email"], "first_name": NAME}}, [ADA]),
    "Tealium": (ADA, [ADA]),
}
"""Of each template for who joins, or who leaves: what its sender has, and the profiles that it makes."""


@pytest.mark.parametrize("section", TEMPLATES)
def test_a_template_tells_of_who_joins_and_the_other_one_of_who_leaves(section: str) -> None:
    recipe, (data, profiles) = Recipe.of(section), TEMPLATES[section]
    joined, left = recipe.posted(recipe.body(data)), recipe.posted(recipe.of_leavers.body(data))
    assert [event.profile for event in joined] == [event.profile for event in left] == profiles
    assert (said(joined), said(left)) == (webinar(REALIZED), webinar(EXITED))


@pytest.mark.parametrize("section", ["Census, HTTP request", "RudderStack"])
def test_a_batch_of_one_record_is_a_batch(section: str) -> None:
    recipe, (data, profiles) = Recipe.of(section), TEMPLATES[section]
    one = {**data, "records": data["records"][:1]}
    assert [event.profile for event in recipe.posted(recipe.body(one))] == profiles[:1]


def test_rudderstack_leaves_out_what_a_record_has_not() -> None:
    recipe = Recipe.of("RudderStack")
    data = {"connection": {"audienceId": "webinar"}, "records": [{"email": "ada@example.org"}]}
    assert [event.profile for event in recipe.posted(recipe.body(data))] == [{"email": "ada@example.org"}]


def test_rudderstack_takes_paths_literals_and_casts_alone() -> None:
    """Its template engine refuses other functions, filters, variables and conditions."""
    text = re.sub(r'"[^"]*"', "", Recipe.of("RudderStack").text)
    assert set(re.findall(r"\$\w+", text)) <= {"$number"}
    assert not re.search(r"[?&=<>%|*+~^#@]|\$\$\[", text)
    assert "[$$.records.{" in text


@pytest.mark.parametrize(("event", "status"), [("enter", REALIZED), ("exit", EXITED)])
def test_lytics_tells_in_one_template_who_joins_and_who_leaves(event: str, status: MembershipStatus) -> None:
    recipe = Recipe.of("Lytics")
    payload = {
        "email": ADA["email"],
        "first_name": NAME,
        "visits": 3,
        "segment_events": [{"id": "42976a26", "event": event, "slug": "webinar", event: "2026-11-21T09:00:00Z"}],
    }
    events = recipe.posted(recipe.body(payload))
    assert [one.profile for one in events] == [ADA]
    assert said(events) == webinar(status, "lytics")


@pytest.mark.parametrize(("word", "status"), [("realized", REALIZED), ("exited", EXITED)])
def test_treasure_data_and_simon_data_say_audience_and_status_in_the_address(
    word: str, status: MembershipStatus
) -> None:
    for section, data, count in (
        ("Treasure Data", {"email": "ada@example.org", "first_name": "Ada"}, 1),
        ("Simon Data", None, 2),
    ):
        recipe = Recipe.of(section)
        assert "…/events?audience=webinar&status=realized" in SECTIONS[section]
        events = recipe.posted(recipe.body(data), audience="webinar", status=word)
        assert (len(events), said(events)) == (count, webinar(status))
        assert events[0].profile == {"email": "ada@example.org", "firstName": "Ada"}
        assert events[0].identities == {"dedupefield": ("ada@example.org",)}


@pytest.mark.parametrize(("in_cohort", "status"), [(True, REALIZED), (False, EXITED)])
def test_amplitude_tells_who_joins_and_who_leaves_and_when(*, in_cohort: bool, status: MembershipStatus) -> None:
    recipe = Recipe.of("Amplitude")
    events = recipe.posted(json.dumps({**json.loads(recipe.body()), "in_cohort": in_cohort}).encode())
    people = [event.identities["dedupefield"] for event in events]
    assert people == [("ada@example.org",), ("grace@example.org",)]
    assert said(events) == webinar(status, "amplitude")
    assert {event.at for event in events} == {datetime(2026, 11, 21, 9, tzinfo=UTC)}


def test_every_sender_of_the_page_is_tried_and_has_its_retries_told() -> None:
    tried = {*TEMPLATES, "Lytics", "Treasure Data", "Simon Data", "Amplitude"}
    assert set(SECTIONS) - OF_SEVERAL == tried
    assert [one for one in sorted(tried) if one not in SECTIONS[OF_RETRIES]] == []
