"""Runs as JSON, in their published shape."""

import json
from collections import Counter
from datetime import timedelta

from destination.api.run_reports import report
from destination.domain.audience import activation_id
from destination.domain.latency import Latency
from destination.domain.loss import LOSSES, RECORD_NO_OBJECT, UNKNOWN_PROPERTY, Loss, Lost
from destination.domain.outcome import MESSAGES, MISSING_DEDUPE_VALUE, rejected
from destination.domain.run import Run, Tally
from destination.domain.schema import AttributeWarning
from testing.world import START, audience, name_of

A, B = audience("a"), audience("b")
HOUR = "2026-11-21T10:00Z"


def test_the_report_has_the_published_shape() -> None:
    tally = Tally(
        Counter(
            received=120,
            activated=95,
            unchanged=5,
            excluded=15,
            failed=5,
            created=10,
            updated=80,
            added=90,
            removed=4,
            warnings=2,
            ignored=7,
            rejected=6,
            left_out=2,
            marketo_calls=14,
        ),
        Counter({rejected("1006"): 5, MISSING_DEDUPE_VALUE: 15}),
        {rejected("1006"): "5f0c"},
        dropped=Counter(company=2),
        warned=Counter({AttributeWarning("unsubscribed", "OPT_IN_KEPT"): 3}),
        latency=Latency.of({1500: 94, 40_000: 1}),
        first_at=START,
        last_at=START + timedelta(minutes=59),
        losses={UNKNOWN_PROPERTY: 2, RECORD_NO_OBJECT: 5, Loss(Lost.REJECTED, "TO_COME"): 1},
    )
    tally.audiences[B].count(rejected("1006"), None, name_of)
    tally.audiences[A].counts.update(received=110, activated=90, unchanged=3, excluded=12, failed=5)
    given = report(Run("connection-1", HOUR, 3, tally), START + timedelta(hours=2), lambda code: f"about {code}")
    assert json.loads(json.dumps(given)) == {
        "id": HOUR,
        "status": "completed",
        "received": 120,
        "activated": {"created": 10, "updated": 80, "added": 90, "removed": 4, "persons": 95},
        "unchanged": 5,
        "excluded": 15,
        "failed": 5,
        "ignored": 7,
        "rejected": 6,
        "left_out": 2,
        "losses": [
            {"code": "RECORD_NO_OBJECT", "class": "rejected", "count": 5, "message": LOSSES[RECORD_NO_OBJECT]},
            {"code": "UNKNOWN_PROPERTY", "class": "left_out", "count": 2, "message": LOSSES[UNKNOWN_PROPERTY]},
            {
                "code": "TO_COME",
                "class": "rejected",
                "count": 1,
                "message": "A reason that this release does not know.",
            },
        ],
        "warnings": 2,
        "dropped": [{"field": "company", "count": 2}],
        "warned": [{"field": "unsubscribed", "code": "OPT_IN_KEPT", "count": 3}],
        "reasons": [
            {
                "code": "MISSING_DEDUPE_VALUE",
                "class": "excluded",
                "count": 15,
                "message": "about MISSING_DEDUPE_VALUE",
                "example": None,
            },
            {
                "code": "MARKETO_1006",
                "class": "failed",
                "count": 5,
                "message": "about MARKETO_1006",
                "example": "5f0c",
            },
        ],
        "audiences": [
            {
                "activation_id": activation_id(audience("a")),
                "id": "a",
                "namespace": "ups",
                "received": 110,
                "activated": 90,
                "unchanged": 3,
                "excluded": 12,
                "failed": 5,
                "reasons": [],
            },
            {
                "activation_id": activation_id(audience("b")),
                "id": "b",
                "namespace": "ups",
                "received": 1,
                "activated": 0,
                "unchanged": 0,
                "excluded": 0,
                "failed": 1,
                "reasons": [
                    {
                        "code": "MARKETO_1006",
                        "class": "failed",
                        "count": 1,
                        "message": "about MARKETO_1006",
                        "example": None,
                    }
                ],
            },
        ],
        "latency": {"p50_ms": 1542, "p95_ms": 1542, "max_ms": 40_000},
        "first_activity_at": "2026-11-21T10:00:00Z",
        "last_activity_at": "2026-11-21T10:59:00Z",
        "marketo_calls": 14,
    }


def test_an_empty_run_reports_zeros() -> None:
    given = report(Run("connection-1", HOUR), START, MESSAGES.__getitem__)
    assert (given["received"], given["activated"]["persons"], given["reasons"], given["audiences"]) == (0, 0, [], [])
    assert given["status"] == "processing"
    assert (given["latency"], given["first_activity_at"], given["last_activity_at"]) == (None, None, None)
