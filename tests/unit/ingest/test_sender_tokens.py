"""The token endpoint's use case, over one connection in memory: RFC 6749, sections 2.3.1, 4.4, 5.1 and 5.2."""

import base64
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from urllib.parse import quote_plus, urlencode

import pytest
from botocore.exceptions import EndpointConnectionError
from hypothesis import given
from hypothesis import strategies as st

from destination.domain.connection import Status
from destination.domain.sender_credentials import SenderCredentials, SenderTokens, hash_of
from destination.ingest.sender_tokens import (
    FORM,
    GrantTokens,
    InvalidClientError,
    InvalidRequestError,
    NoTokenNowError,
    TokenError,
    TokenRequest,
    UnsupportedGrantTypeError,
)
from destination.ingest.webhook_errors import UnauthorizedError
from testing.webhook import NOW, KnownIngresses, WebhookStand, submission

SECRET = "secret-of-connection-1"
GRANT = {"grant_type": "client_credentials"}
CLIENT = {"client_id": "connection-1", "client_secret": SECRET}


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"authorization": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


def request(form: Mapping[str, str] | bytes, headers: Mapping[str, str] | None = None) -> TokenRequest:
    body = form if isinstance(form, bytes) else urlencode(form).encode()
    return TokenRequest(body, {"content-type": FORM, **(headers or {})})


class Stand:
    """A connection with sender credentials, its token endpoint, and its webhook, at a time that the test sets."""

    def __init__(self) -> None:
        self.webhook = WebhookStand()
        self.now = NOW
        self.know(SenderCredentials(hash_of(SECRET)), SenderTokens(hash_of(SECRET)))
        self.grant = GrantTokens(self.ingresses, clock=lambda: self.now)

    @property
    def ingresses(self) -> KnownIngresses:
        return self.webhook.ingresses

    def know(self, credentials: SenderCredentials | None, tokens: SenderTokens | None) -> None:
        self.ingresses.known = replace(self.ingresses.known, sender_credentials=credentials, sender_tokens=tokens)

    def opens(self, token: str, at: datetime) -> bool:
        """Whether a token opens the webhook at a time."""
        ingest = replace(self.webhook.ingest, clock=lambda: at)
        try:
            ingest(submission({"id": "1"}, authorization=f"Bearer {token}"))
        except UnauthorizedError:
            return False
        return True


@pytest.mark.parametrize(
    "asked",
    [
        request({**GRANT, **CLIENT}),
        request({**GRANT, **CLIENT, "scope": "events"}),
        request(GRANT, basic("connection-1", SECRET)),
        request({**GRANT, "client_id": "connection-1"}, basic("connection-1", SECRET)),
        TokenRequest(urlencode({**GRANT, **CLIENT}).encode(), {"content-type": f"{FORM}; charset=UTF-8"}),
    ],
    ids=["body", "scope", "basic", "basic, id repeated", "charset"],
)
def test_whoever_has_the_secret_gets_a_token_that_opens_the_webhook_for_a_day(asked: TokenRequest) -> None:
    stand = Stand()
    granted = stand.grant(asked)
    assert granted.expires_in == 86_400
    assert stand.opens(granted.token, NOW + timedelta(hours=24) - timedelta(microseconds=1))
    assert not stand.opens(granted.token, NOW + timedelta(hours=31))
    assert granted.token not in repr(granted) + repr(stand.ingresses.known)


def test_basic_is_encoded_like_a_form() -> None:
    stand, secret = Stand(), "a secret: with +%/ signs"
    stand.know(SenderCredentials(hash_of(secret)), SenderTokens(hash_of(secret)))
    assert stand.grant(request(GRANT, basic("connection-1", quote_plus(secret)))).expires_in == 86_400


def test_a_sender_that_asks_again_gets_the_same_token_and_nothing_is_written() -> None:
    stand = Stand()
    first = stand.grant(request({**GRANT, **CLIENT}))
    stand.ingresses.is_read_only = True
    assert stand.grant(request({**GRANT, **CLIENT})).token == first.token


def test_a_token_of_the_secret_before_says_when_it_ends() -> None:
    stand = Stand()
    stand.know(SenderCredentials(hash_of("new"), hash_of(SECRET), NOW + timedelta(hours=1)), SenderTokens("of"))
    granted = stand.grant(request({**GRANT, **CLIENT}))
    assert granted.expires_in == 3_600
    assert stand.opens(granted.token, NOW)
    assert not stand.opens(granted.token, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    ("asked", "error"),
    [
        (request({**GRANT, **CLIENT, "client_secret": "other"}), InvalidClientError),
        (request({**GRANT, **CLIENT, "client_id": "connection-2"}), InvalidClientError),
        (request({**GRANT, **CLIENT, "client_id": "no id, but text"}), InvalidClientError),
        (request(GRANT), InvalidClientError),
        (request({**GRANT, "client_secret": SECRET}), InvalidClientError),
        (request(GRANT, {"authorization": f"Bearer {SECRET}"}), InvalidClientError),
        (request(GRANT, {"authorization": "Basic é"}), InvalidClientError),
        (request(GRANT, {"authorization": "Basic bm8="}), InvalidClientError),
        (request({**GRANT, **CLIENT}, basic("connection-1", SECRET)), InvalidRequestError),
        (request({**GRANT, "client_id": "connection-2"}, basic("connection-1", SECRET)), InvalidRequestError),
        (request(CLIENT), InvalidRequestError),
        (request({**CLIENT, "grant_type": ""}), InvalidRequestError),
        (request({**CLIENT, "grant_type": "password"}), UnsupportedGrantTypeError),
        (request(b"grant_type=client_credentials&grant_type=client_credentials"), InvalidRequestError),
        (request(b"\xff"), InvalidRequestError),
        (request(b"a=1" * 10_000), InvalidRequestError),
        (request(b"&".join(b"%d=1" % number for number in range(51))), InvalidRequestError),
        (TokenRequest(b"{}", {"content-type": "application/json"}), InvalidRequestError),
    ],
)
def test_whoever_proves_nothing_gets_none(asked: TokenRequest, error: type[TokenError]) -> None:
    stand = Stand()
    with pytest.raises(TokenError) as refused:
        stand.grant(asked)
    assert type(refused.value) is error
    assert SECRET not in str(refused.value)
    assert stand.ingresses.known.sender_tokens == SenderTokens(hash_of(SECRET))


def test_id_and_secret_are_refused_in_the_same_words() -> None:
    stand, messages = Stand(), set()
    for wrong in ({"client_secret": "other"}, {"client_id": "connection-2"}):
        with pytest.raises(InvalidClientError) as refused:
            stand.grant(request({**GRANT, **CLIENT, **wrong}))
        messages.add(str(refused.value))
    assert len(messages) == 1


@pytest.mark.parametrize("status", Status)
def test_a_connection_that_is_being_deleted_gives_no_token_and_any_other_does(status: Status) -> None:
    stand = Stand()
    stand.ingresses.known = replace(stand.ingresses.known, status=status)
    if status is Status.DELETING:
        with pytest.raises(InvalidClientError):
            stand.grant(request({**GRANT, **CLIENT}))
    else:
        assert stand.grant(request({**GRANT, **CLIENT})).expires_in == 86_400


def test_a_secret_that_is_revoked_while_a_token_is_given_gives_none() -> None:
    stand = Stand()
    stand.ingresses.before_writes = [lambda: stand.know(None, None)]
    with pytest.raises(InvalidClientError):
        stand.grant(request({**GRANT, **CLIENT}))


def test_of_tokens_that_are_given_at_once_none_is_lost() -> None:
    stand, others = Stand(), []
    stand.ingresses.before_writes = [lambda: others.append(stand.grant(request({**GRANT, **CLIENT})).token)]
    token = stand.grant(request({**GRANT, **CLIENT})).token
    assert [token] == others
    assert stand.opens(token, NOW)


def test_a_table_that_does_not_answer_is_no_refusal() -> None:
    stand = Stand()
    stand.ingresses.fails = EndpointConnectionError(endpoint_url="https://dynamodb")
    with pytest.raises(NoTokenNowError):
        stand.grant(request({**GRANT, **CLIENT}))


texts = st.text(max_size=40)


@given(
    form=st.dictionaries(
        st.sampled_from(["grant_type", "client_id", "client_secret", "scope"]),
        texts | st.sampled_from(["client_credentials", "connection-1", "secret"]),
    ),
    body=st.none() | st.binary(max_size=60),
    authorization=st.none() | texts | st.binary(max_size=40).map(lambda raw: f"Basic {base64.b64encode(raw).decode()}"),
)
def test_whatever_is_sent_without_the_secret_gives_no_token_and_no_other_error(
    form: dict[str, str], body: bytes | None, authorization: str | None
) -> None:
    stand = Stand()
    headers = {} if authorization is None else {"authorization": authorization}
    with pytest.raises(TokenError):
        stand.grant(request(urlencode(form, errors="replace").encode() if body is None else body, headers))
    assert stand.ingresses.known.sender_tokens == SenderTokens(hash_of(SECRET))
