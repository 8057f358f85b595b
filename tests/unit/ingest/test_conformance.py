"""The conformance kit: the stack's own sources keep every rule, and a source that breaks one is found out by it."""

import base64
import json
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from destination.domain.event import ProfileEvent
from destination.domain.loss import ATTRIBUTE_UNREADABLE
from destination.domain.problem import Problem
from destination.ingest.admission import Refused, Signature, SourceRequest
from destination.ingest.calls import CallError, CallRequest, CreateAudience
from destination.ingest.conformance import RULES, breaches
from destination.ingest.plain_calls import PLAIN_CALLS
from destination.ingest.reply import Reply
from destination.ingest.samples import Sample, folder_of, samples_of
from destination.ingest.source import Handled, SenderLimits, Source
from destination.ingest.sources import SOURCES, source
from destination.ingest.sources.body import Parsed
from destination.ingest.sources.record import RecordTimes

GOOD = source("canonical")
SAMPLES = samples_of(folder_of(GOOD))
SIGNED = replace(GOOD, signature=Signature("X-Signature"))


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_the_stacks_own_sources_keep_every_rule(name: str) -> None:
    one = source(name)
    assert breaches(one, samples_of(folder_of(one))) == []


def test_a_source_whose_sender_signs_keeps_every_rule() -> None:
    assert breaches(SIGNED, SAMPLES) == []


def read_with(change: Callable[[SourceRequest, RecordTimes, Parsed], None]) -> Source:
    """A source that reads as the good one does, and then changes something."""

    def read(request: SourceRequest, times: RecordTimes) -> Parsed:
        parsed = GOOD.read(request, times)
        change(request, times, parsed)
        return parsed

    return replace(GOOD, read=read)


def of_events(change: Callable[[ProfileEvent], ProfileEvent]) -> Source:
    def changed(_: SourceRequest, __: RecordTimes, parsed: Parsed) -> None:
        parsed.events[:] = [(index, change(event)) for index, event in parsed.events]

    return read_with(changed)


def truthy(event: ProfileEvent) -> ProfileEvent:
    return replace(event, profile={name: value for name, value in event.profile.items() if value})


def as_text(event: ProfileEvent) -> ProfileEvent:
    return replace(event, profile={name: str(value) for name, value in event.profile.items()})


def later(event: ProfileEvent) -> ProfileEvent:
    return replace(event, at=event.received_at + timedelta(seconds=1))


class Twice:
    """It remembers what it read."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, event: ProfileEvent) -> ProfileEvent:
        self.count += 1
        return replace(event, id=str(self.count))


def backwards(_: SourceRequest, __: RecordTimes, parsed: Parsed) -> None:
    parsed.events.reverse()


def refuses_unknown(request: SourceRequest, _: RecordTimes, parsed: Parsed) -> None:
    if b"x_unknown" in request.body:
        parsed.events.clear()


def blabs(request: SourceRequest, _: RecordTimes, parsed: Parsed) -> None:
    losses = parsed.of_record()
    losses.add(ATTRIBUTE_UNREADABLE, "profile", f"must not be {request.body.decode(errors='replace')}")
    parsed.warnings += [(0, problem) for problem in losses.problems()]


def blabs_of_records(request: SourceRequest, _: RecordTimes, parsed: Parsed) -> None:
    parsed.rejected += (
        [(1, Problem(request.body.decode(errors="replace"), "is bad"))] if b"marker" in request.body else []
    )


def naive(request: SourceRequest, times: RecordTimes) -> Parsed:
    json.loads(request.body)["events"]
    return GOOD.read(request, times)


def slow(request: SourceRequest, times: RecordTimes) -> Parsed:
    for _ in range(20):
        GOOD.read(request, times)
    return GOOD.read(request, times)


def open_door(*_: object) -> None:
    return None


def only_known_scheme(request: SourceRequest, _: object) -> Refused | None:
    given = request.headers.get("authorization", "").split(" ")[-1].encode()
    return None if base64.b64decode(given) == b"open" else Refused("Say open.")


def of_length(request: SourceRequest) -> tuple[bytes, ...]:
    return (request.body[:1],)


def liar(_: Handled) -> Reply:
    return Reply({"ok": True}, status=200)


def no_number(handled: Handled) -> Reply:
    return Reply({"share": float("nan") if handled.rejected else 1}, status=503 if handled.refused else None)


def no_json(handled: Handled) -> Reply:
    return Reply({"ok": handled}, status=500)


def trusts(asked: CallRequest) -> CreateAudience:
    return CreateAudience(json.loads(asked.request.body)["name"])


def vague(_: CallRequest) -> CreateAudience:
    raise CallError("teapot", "It is short and stout.")


BROKEN: dict[str, Iterable[Source]] = {
    "the events of its samples": (of_events(as_text), read_with(backwards)),
    "the same of the same": (of_events(Twice()),),
    "order and time": (of_events(later), read_with(backwards)),
    '0, false and ""': (of_events(truthy), of_events(as_text)),
    "unknown properties": (read_with(refuses_unknown),),
    "nobody without proof": (replace(GOOD, admit=open_door), replace(GOOD, admit=only_known_scheme)),
    "signatures": (
        replace(SIGNED, signature=Signature("X-Signature", signed=of_length)),
        replace(SIGNED, admit=open_door),
    ),
    "no value in a message": (read_with(blabs), read_with(blabs_of_records)),
    "arbitrary bodies": (replace(GOOD, read=naive), replace(GOOD, answer=no_number)),
    "arbitrary calls": tuple(replace(GOOD, calls=replace(PLAIN_CALLS, read=read)) for read in (trusts, vague)),
    "answers": (
        replace(GOOD, answer=liar),
        replace(GOOD, answer=no_json),
        replace(GOOD, limits=SenderLimits(retried=frozenset({429}))),
    ),
    "the deadline": (replace(GOOD, read=slow, limits=SenderLimits(max_records=10**7, deadline=timedelta(seconds=1))),),
}


def test_every_rule_is_broken_by_somebody() -> None:
    assert BROKEN.keys() == RULES.keys()


@pytest.mark.parametrize(
    ("rule", "one"), [(rule, one) for rule, sources in BROKEN.items() for one in sources], ids=lambda one: str(one)[:25]
)
def test_a_source_that_breaks_a_rule_is_found_out(rule: str, one: Source) -> None:
    found = breaches(one, SAMPLES)
    assert rule in {breach.rule for breach in found}
    assert all("example.org" not in breach.what for breach in found)


def test_without_samples_nothing_is_proved() -> None:
    assert {one.rule for one in breaches(GOOD, [])} == {"the events of its samples", '0, false and ""'}


def test_a_body_without_its_events_is_no_sample(tmp_path: Path) -> None:
    (tmp_path / "alone.json").write_text("{}")
    with pytest.raises(ValueError, match=r"alone\.json has no alone\.expected\.json"):
        samples_of(tmp_path)


def test_a_sample_says_with_what_its_body_came(tmp_path: Path) -> None:
    (tmp_path / "one.bin").write_bytes(b"\xff")
    expected: dict[str, Any] = {"headers": {"x-a": "1"}, "query": {"b": "2"}, "rejected": [0]}
    (tmp_path / "one.expected.json").write_text(json.dumps(expected))
    assert samples_of(tmp_path) == [Sample("one", b"\xff", {"x-a": "1"}, {"b": "2"}, (), [0])]
