"""Which sources there are, and what the webhook does with what they say."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from destination.domain.connection import Status
from destination.ingest.reply import Reply
from destination.ingest.sources import SOURCES, UnknownSourceError, names, source
from destination.ingest.webhook_errors import (
    NoEventsError,
    NotEnabledError,
    NotJsonError,
    UnauthorizedError,
    UnavailableError,
)
from testing.sources import installed
from testing.webhook import WebhookStand, submission

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_source_goes_by_the_name_that_a_connection_gives(name: str) -> None:
    assert source(name).name == name


def test_a_name_that_nobody_has_is_unknown() -> None:
    with pytest.raises(UnknownSourceError):
        source("carrier-pigeon")


def test_a_source_is_imported_where_it_is_used_only() -> None:
    code = """
import sys
from destination.ingest.sources import source
before = {name for name in sys.modules if name.startswith("destination.ingest.sources.")}
source("canonical")
print(before, "destination.ingest.sources.aep" in sys.modules, "importlib.metadata" in sys.modules)
"""
    path = {"PYTHONPATH": str(ROOT / "layers/destination")}
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True, env=path)  # noqa: S603
    assert told.stdout.split() == ["set()", "False", "False"]


PIGEON = """
import json
from destination.ingest.reply import Reply
from destination.ingest.source import Source
from destination.ingest.sources import canonical

def read(request, times):
    parsed = canonical.SOURCE.read(request, times)
    parsed.note = request.headers.get("x-pigeon")
    return parsed

def answer(handled):
    if handled.refused:
        return Reply({"coo": handled.refused, "problems": len(handled.problems)}, headers={"X-Coo": "no"})
    rejected = [index for index, _ in handled.rejected]
    return Reply({"coo": handled.note, "took": handled.accepted, "rejected": rejected}, status=299)

SOURCE = Source("pigeon", "Pigeon post", read, answer=answer)
"""


@pytest.fixture
def pigeon(tmp_path: Path) -> Iterator[WebhookStand]:
    with installed(tmp_path, "pigeon", PIGEON):
        yield WebhookStand(source_format="pigeon")


def test_a_package_that_a_layer_brings_has_its_source_under_the_name_of_its_entry_point(pigeon: WebhookStand) -> None:
    assert source("pigeon").label == "Pigeon post"
    assert names() == sorted([*SOURCES, "pigeon"])


def test_no_package_takes_the_name_of_one_of_the_stacks_own_sources(tmp_path: Path) -> None:
    with installed(tmp_path, "aep", PIGEON):
        assert source("aep").label != "Pigeon post"
        assert names() == sorted(SOURCES)


def test_a_source_answers_its_sender_of_what_was_stored(pigeon: WebhookStand) -> None:
    taken = pigeon.ingest(submission([{"id": "a"}, 7], headers={"x-pigeon": "Ada"}))
    assert taken.reply == Reply({"coo": "Ada", "took": 1, "rejected": [1]}, status=299)
    assert pigeon.queued() == ["a"]


def test_a_source_answers_its_sender_of_a_body_that_was_not_taken(pigeon: WebhookStand) -> None:
    with pytest.raises(NotJsonError) as refused:
        pigeon.ingest(submission(b"{"))
    assert refused.value.reply == Reply({"coo": "not-json", "problems": 0}, headers={"X-Coo": "no"})
    with pytest.raises(NoEventsError) as refused_records:
        pigeon.ingest(submission([7, 8]))
    assert refused_records.value.reply == Reply({"coo": "no-events", "problems": 2}, headers={"X-Coo": "no"})


def test_nothing_is_answered_of_success_before_the_queue_has_it(pigeon: WebhookStand) -> None:
    pigeon.sqs.down = 99
    with pytest.raises(Exception, match="were not stored") as refused:
        pigeon.ingest(submission([{"id": "a"}]))
    assert json.loads(json.dumps(vars(refused.value)["reply"].body)) == {"coo": "unavailable", "problems": 1}


def test_who_is_not_admitted_gets_no_answer_of_the_sources(pigeon: WebhookStand) -> None:
    with pytest.raises(UnauthorizedError) as refused:
        pigeon.ingest(submission([{}], authorization=None))
    assert refused.value.reply is None


def test_a_source_whose_layer_was_taken_away_is_unavailable_so_that_its_sender_tries_again() -> None:
    webhook = WebhookStand(source_format="pigeon")
    with pytest.raises(UnavailableError, match="pigeon") as refused:
        webhook.ingest(submission([{}]))
    assert refused.value.cause == "UnknownSourceError"
    assert webhook.sqs.sent == []


def test_a_connection_that_is_not_enabled_is_told_in_the_webhooks_words(pigeon: WebhookStand) -> None:
    webhook = WebhookStand(status=Status.DISABLED, source_format="pigeon")
    with pytest.raises(NotEnabledError) as refused:
        webhook.ingest(submission([{}]))
    assert refused.value.reply is None
