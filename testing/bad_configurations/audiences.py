"""Audiences that cannot be activated."""

from collections.abc import Mapping
from typing import Any, Final

from testing.bad_configurations import DROP, Case, unseen

AUDIENCE: Final[Mapping[str, Any]] = {"id": "aud-1", "name": "Webinar"}

AUDIENCES: list[Case] = [
    ({"id": DROP}, "id", "must be given"),
    ({"id": ""}, "id", "must not be empty"),
    ({"id": "a "}, "id", "must not begin or end with space, which no id of a source does; leave it out"),
    ({"id": "a\u202eb"}, "id", unseen("U+202E", 2)),
    ({"id": "x" * 257}, "id", "must have at most 256 characters"),
    ({"id": 7}, "id", "must be a string"),
    ({"namespace": "a#b"}, "namespace", "must match ^[A-Za-z0-9_.:-]+$"),
    ({"name": DROP}, "name", "must be given"),
    ({"name": ""}, "name", "must not be empty"),
    ({"name": "Webinar\u2066"}, "name", unseen("U+2066", 8)),
    ({"origin": "CSV\n"}, "origin", unseen("U+000A", 4)),
    ({"members": []}, "members", "is not a known property; leave it out"),
    (
        {"data_type": "account"},
        "data_type",
        "Account audiences hold companies, and leads are people; activate a people audience",
    ),
    (
        {"data_type": "prospect"},
        "data_type",
        (
            "Prospect audiences hold people who are not your customers' profiles, and leads are people; "
            "activate a people audience"
        ),
    ),
    (
        {"data_type": "dataset"},
        "data_type",
        "Dataset exports hold tables, and leads are people; activate a people audience",
    ),
    (
        {"data_type": "devices"},
        "data_type",
        "Other audiences hold no people, and leads are people; activate a people audience",
    ),
    ({"start": "tomorrow"}, "start", "must be an ISO 8601 date and time such as 2026-11-21T10:00:00Z"),
    ({"start": 1790000000}, "start", "must be an ISO 8601 date and time such as 2026-11-21T10:00:00Z"),
    ({"start": "2026-11-02T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "end", "must be later than start"),
    ({"start": "2026-11-01T00:00:00Z", "end": "2026-11-01T00:00:00Z"}, "end", "must be later than start"),
    ({"list": 1001}, "list", "must be an object"),
    ({"list": {"id": "1001"}}, "list.id", "must be a whole number"),
    ({"list": {"id": 0}}, "list.id", "must be at least 1"),
    (
        {"list": {"id": 4711}},
        "list.id",
        "Marketo has no list 4711 that this API user can see; leave list out to have one made",
    ),
    ({"labels": ["C/4"]}, "labels[0]", "must match ^[A-Za-z0-9_-]{1,64}$"),
    ({"when_list_missing": "ignore"}, "when_list_missing", "must be 'block' or 'create'"),
    ({"origin": ""}, "origin", "must not be empty"),
]

OVER: list[Case] = [
    (
        {"end": "2020-01-01T00:00:00Z"},
        "end",
        "has passed (2020-01-01T00:00:00Z), so nobody is delivered; give a later one, or leave it out",
    ),
]

OF_PROFILES: list[Case] = [
    ({"list": {"id": 1001}}, "list", "leave it out: a connection with sync type profile_only keeps no lists"),
]
"""At a connection with sync type profile_only."""

NAMED: Final[Mapping[str, Any]] = {"id": "aud-1", "namespace": "ups", "name": "Webinar"}

BY_SENDERS: list[Case] = [
    ({"name": " "}, "name", "must have from 1 to 255 characters that can be seen"),
    ({"id": "a "}, "id", "must have from 1 to 256 characters that can be seen, and no space around them"),
    ({"namespace": "a#b"}, "namespace", "must match ^[A-Za-z0-9_.:-]+$, at most 64 long"),
]
"""What a sender's call may name an audience."""
