"""What is read from API Gateway's requests."""

from collections.abc import Mapping

import pytest

from destination.api.http import expected_version, ingest_url

API_GATEWAY = {
    "headers": {"Host": "abc123.execute-api.eu-west-1.amazonaws.com"},
    "requestContext": {
        "domainName": "abc123.execute-api.eu-west-1.amazonaws.com",
        "path": "/prod/connections",
        "apiId": "abc123",
    },
}
CUSTOM_DOMAIN = {
    "headers": {"Host": "events.example.com"},
    "requestContext": {"domainName": "events.example.com", "path": "/marketo/connections/", "apiId": "abc123"},
}
EMULATOR = {
    "headers": {"host": "127.0.0.1:14566"},
    "requestContext": {"path": "/local/connections", "apiId": "abc123", "stage": "local"},
}


@pytest.mark.parametrize(
    ("event", "url"),
    [
        (API_GATEWAY, "https://abc123.execute-api.eu-west-1.amazonaws.com/prod/connections/c-1/events"),
        (CUSTOM_DOMAIN, "https://events.example.com/marketo/connections/c-1/events"),
        (EMULATOR, "http://127.0.0.1:14566/_aws/execute-api/abc123/local/connections/c-1/events"),
    ],
)
def test_events_are_posted_where_the_connection_was_created(event: Mapping[str, object], url: str) -> None:
    assert ingest_url(event, "c-1") == url


@pytest.mark.parametrize(
    ("header", "version"),
    [
        (None, None),
        ("*", None),
        ('"3"', 3),
        ("3", 3),
        (' "12" ', 12),
        ("", 0),
        ("x", 0),
        ('W/"3"', 0),
        ("٣", 0),
        ("9" * 5000, 0),
    ],
)
def test_if_match_names_a_version_or_none(header: str | None, version: int | None) -> None:
    assert expected_version(header) == version
