"""What is read from API Gateway's requests."""

from collections.abc import Mapping

import pytest

from destination.api.http import caller_of, expected_version, ingest_url, shared_with

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


ROLE = "arn:aws:sts::111122223333:assumed-role/destination-ConsoleMarketerRole-AB12"
USER_POOL = "cognito-idp.eu-central-1.amazonaws.com/eu-central-1_Ab12"
PERSON = "3f0e8a52-6d5b-4a5e-9f57-0c8f3a1d2b4c"


@pytest.mark.parametrize(
    ("identity", "caller"),
    [
        ({"userArn": "arn:aws:iam::111122223333:user/ops"}, "arn:aws:iam::111122223333:user/ops"),
        ({"userArn": f"{ROLE}/ops", "cognitoAuthenticationProvider": None}, f"{ROLE}/ops"),
        (
            {
                "userArn": f"{ROLE}/CognitoIdentityCredentials",
                "cognitoAuthenticationProvider": f"{USER_POOL},{USER_POOL}:CognitoSignIn:{PERSON}",
            },
            f"{ROLE}/{PERSON}",
        ),
        ({"userArn": f"{ROLE}/CognitoIdentityCredentials"}, f"{ROLE}/CognitoIdentityCredentials"),
        ({"userArn": None}, "local"),
    ],
)
def test_people_of_the_console_are_told_apart(identity: Mapping[str, str | None], caller: str) -> None:
    """Amazon API Gateway, "$context variables": the provider names the person, whose session has everybody's name."""
    assert caller_of({"requestContext": {"identity": identity}}) == caller


def test_an_answer_is_shared_with_one_origin_or_none() -> None:
    headers = shared_with("https://console.example.org")
    assert headers["Access-Control-Allow-Origin"] == ["https://console.example.org"]
    assert {"ETag", "Retry-After"} <= set(headers["Access-Control-Expose-Headers"][0].split(", "))
    assert "Access-Control-Allow-Credentials" not in headers, "there are no cookies"
    assert shared_with("") == {}
