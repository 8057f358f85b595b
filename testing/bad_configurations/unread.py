"""Requests that cannot be read: each way in which a property can be wrong by itself (`api/problems.py`)."""

from collections.abc import Sequence
from typing import Final

from testing.bad_configurations import DROP, Case
from testing.bad_configurations.asking import Asked
from testing.bad_configurations.requests import (
    CONNECTIONS,
    EVALUATIONS,
    FILES,
    LABELLED,
    LABELS,
    LISTS,
    OWN,
    PEOPLE,
    POLICIES,
    RUNS,
)

_DURATION: Final = "must be an ISO 8601 duration such as PT24H"
_MANY: Final = [f"label-{number}" for number in range(31)]
_SOURCE: Final = next(iter(LABELLED["sources"]))

UNREAD: Final[Sequence[tuple[Asked, Sequence[Case]]]] = (
    (
        CONNECTIONS,
        [
            ({"resend_unchanged_after": "P1X"}, "resend_unchanged_after", _DURATION),
            ({"alerts": [{"alert": "failure_rate", "threshold": "x"}]}, "alerts[0].threshold", "must be a number"),
        ],
    ),
    (
        PEOPLE,
        [
            ({"value": DROP}, "value", "must be given"),
            ({"email": "ada@example.org"}, "email", "is not a known property; leave it out"),
            ({"value": 7}, "value", "must be a string"),
            ({"value": "\ud800"}, "value", "must be a string of valid Unicode (no lone surrogates)"),
            ({"value": ""}, "value", "must not be empty"),
            ({"value": "x" * 256}, "value", "must have at most 255 characters"),
        ],
    ),
    (
        FILES,
        [
            ({"mode": "all"}, "mode", "must be 'add', 'incremental' or 'mirror'"),
            ({"size": "many"}, "size", "must be a whole number"),
            ({"size": None}, "size", "must be a whole number"),
            ({"activation_id": "aud-1"}, "activation_id", "must match ^[0-9a-f]{12}$"),
        ],
    ),
    (
        LABELS,
        [
            ({"sources": []}, "sources", "must be an object"),
            ({"sources": {_SOURCE: "I1"}}, f"sources.{_SOURCE}", "must be a list"),
            ({"sources": {_SOURCE: _MANY}}, f"sources.{_SOURCE}", "must have a length of at most 30"),
        ],
    ),
    (
        POLICIES,
        [
            ({"policies": ["own"]}, "policies[0]", "must be an object"),
            ({"policies": [{**OWN, "marketing_actions": []}]}, "policies[0].marketing_actions", "must not be empty"),
            (
                {"policies": [{**OWN, "deny": {"operator": "OR"}}]},
                "policies[0].deny",
                "must have either a label, or an operator and its operands",
            ),
        ],
    ),
    (
        EVALUATIONS,
        [
            ({"include_drafts": "yes"}, "include_drafts", "must be true or false"),
            (
                {"labels": DROP},
                "",
                "must have marketing_actions and labels, or a connection with its audiences",
            ),
        ],
    ),
    (
        LISTS,
        [
            ({"limit": "many"}, "limit", "must be a whole number"),
            ({"limit": "0"}, "limit", "must be at least 1"),
            ({"limit": "301"}, "limit", "must be at most 300"),
        ],
    ),
    (
        RUNS,
        [
            ({"failures_only": "perhaps"}, "failures_only", "must be true or false"),
            ({"format": "csv"}, "format", "must be 'run' or 'flow-run'"),
        ],
    ),
)
