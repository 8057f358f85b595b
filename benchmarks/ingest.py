"""The webhook's use case, its AWS clients in this process: 1,000 people by each source, and the largest bodies.

Nothing in it waits, so its time is its CPU time, which other programs on the machine disturb less.
"""

import gc
import json
import math
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from statistics import median
from typing import Any, Final
from uuid import uuid4

from benchmarks import aws, workload
from benchmarks.bodies import bodies
from benchmarks.row import BenchmarkRow, Say, best
from benchmarks.yardstick import Yardstick
from destination.ingest.sources import SOURCES
from destination.ingest.webhook import AcceptEvents, Submission
from destination.ingest.webhook_errors import WebhookError
from destination.queue import EventQueue
from destination.store.ingress import Ingresses
from testing.senders import ENTERED, FORMS, Form

PROFILES: Final = 1000
ROUNDS: Final = 25
MAX_YARDSTICKS: Final = 4
"""Of `json.loads` plus `json.dumps` of the same profiles, one at a time, as for the CPU of sync."""
MAX_YARDSTICKS_OF_SOURCE: Final = 8
"""Of the yardstick of AEP's profiles, by any other source: a sender may write more around a person than is of them."""
FULL: Final = 8_100
"""Profiles that make a body of 6 MB."""
MAX_YARDSTICKS_OF_FULL: Final = 10
"""Of `json.loads` plus `json.dumps` of these, which is 0.15 s on a quiet machine, where any body may take 1.5 s."""
TAKES: Final = 3
"""At most; the first that reaches its target is the last."""


class Webhook:
    """The use case with its real stores, and one connection, which reads a form (None: AEP's profiles)."""

    def __init__(self, form: Form | None = None) -> None:
        self.sqs = aws.Sqs()
        dynamodb: Any = aws.DynamoDB()
        client: Any = self.sqs
        connection = workload.connection()
        if form is not None:
            connection = replace(connection, source_format=form.source, rows=form.row_form)
        workload.store(dynamodb, workload.active(connection))
        ingresses = Ingresses(dynamodb, aws.CONNECTIONS)
        self.ingest = AcceptEvents(
            ingresses, EventQueue(client, "queue"), lambda: datetime.now(UTC), lambda: uuid4().hex
        )

    def take(self, body: bytes) -> None:
        """From the request's body to the messages handed to SQS's client, or to the refusal."""
        self.sqs.sent.clear()
        with suppress(WebhookError):
            headers = {"authorization": f"Bearer {workload.TOKEN}", "content-type": "application/json"}
            acceptance = self.ingest(Submission(workload.CONNECTION_ID, headers, body))
            assert acceptance.accepted, acceptance


def run(say: Say) -> list[BenchmarkRow]:
    """The usual body, one by each other source, and of the largest ones the one that takes longest."""
    webhook = Webhook()
    say(f"ingest of {PROFILES:,} profiles")
    usual = best(TAKES, lambda: [_usual(webhook)])
    for source in SOURCES:
        if source != workload.connection().source_format:
            say(f"ingest of {PROFILES:,} people by {source}")
            usual += best(TAKES, partial(_by_source, source))
    yardstick = Yardstick(
        lambda text: json.dumps(json.loads(text)), map(json.dumps, map(workload.profile, range(FULL)))
    )
    least = {}
    for name, body in bodies():
        say(f"ingest of 6 MB: {name}")
        least[name] = _least(webhook, body, yardstick)
    slowest, *others = sorted(least, key=lambda name: least[name], reverse=True)
    rest = ", ".join(f"{name} {least[name][0]:.1f}" for name in others[:4])
    ratio, seconds = least[slowest]
    how = (
        f"of {len(least)} bodies: {slowest}, {seconds:.2f} s; next {rest}; the least of up to {TAKES} takes; "
        f"yardstick {yardstick.each * FULL:.2f} s for {FULL:,} profiles"
    )
    what = "ingest of the slowest body of 6 MB"
    return [*usual, BenchmarkRow(what, ratio, MAX_YARDSTICKS_OF_FULL, "yardsticks", how)]


def _least(webhook: Webhook, body: bytes, yardstick: Yardstick) -> tuple[float, float]:
    """Yardsticks and CPU seconds; tried again while it takes too long, which may be the machine's fault."""
    least = (math.inf, math.inf)
    for _ in range(TAKES):
        before = _alone(lambda: yardstick.take(FULL))
        seconds = _alone(lambda: webhook.take(body))
        after = _alone(lambda: yardstick.take(FULL))
        least = min(least, (seconds / ((before + after) / 2), seconds))
        if least[0] <= MAX_YARDSTICKS_OF_FULL:
            break
    return least


def _usual(webhook: Webhook) -> BenchmarkRow:
    profiles = list(map(workload.profile, range(PROFILES)))
    body = workload.body(profiles)
    ratio, how = _rounds(webhook, body)
    how += f"; {len(body) / PROFILES:.0f} bytes a profile"
    return BenchmarkRow(f"ingest of a body of {PROFILES:,} profiles", ratio, MAX_YARDSTICKS, "yardsticks", how)


def _by_source(source: str) -> list[BenchmarkRow]:
    """The form of the source that takes longest, of people with the attributes of the usual profiles."""
    people = list(map(_person, range(PROFILES)))
    taken = []
    for name, form in FORMS.items():
        if form.source == source:
            body = json.dumps(form.body(people, ENTERED, True), separators=(",", ":")).encode()
            ratio, how = _rounds(Webhook(form), body)
            taken.append((ratio, f"{name}: {how}; {len(body) / PROFILES:.0f} bytes a person"))
    ratio, how = max(taken)
    what = f"ingest of {PROFILES:,} people by {source}"
    return [BenchmarkRow(what, ratio, MAX_YARDSTICKS_OF_SOURCE, "yardsticks", how)]


def _person(number: int) -> workload.Payload:
    """The attributes of a usual profile. What it has of audiences and identities, each source says in its own form."""
    found = workload.profile(number)
    del found["segmentMembership"], found["identityMap"]
    return {"email": found["personalEmail"]["address"], **found}


def _rounds(webhook: Webhook, body: bytes) -> tuple[float, str]:
    """Each round is between two takes of the yardstick; the median of the ratios is free of what befell a few."""
    yardstick = Yardstick(
        lambda text: json.dumps(json.loads(text)), map(json.dumps, map(workload.profile, range(PROFILES)))
    )
    ours, ratios = [], []
    for _ in range(ROUNDS):
        before = _alone(lambda: yardstick.take(PROFILES))
        ours.append(_alone(lambda: webhook.take(body)))
        after = _alone(lambda: yardstick.take(PROFILES))
        ratios.append(ours[-1] / ((before + after) / 2))
    return median(ratios), (
        f"{median(ours) * 1000:.0f} ms; yardstick {yardstick.each * 1e6:.1f} µs a profile; "
        f"median of {ROUNDS} rounds, {min(ratios):.1f} to {max(ratios):.1f}"
    )


def _alone(work: Callable[[], None]) -> float:
    """Its CPU seconds. What existed before is none of the garbage collector's business meanwhile."""
    gc.collect()
    gc.freeze()
    try:
        start = time.thread_time()
        work()
        return time.thread_time() - start
    finally:
        gc.unfreeze()
