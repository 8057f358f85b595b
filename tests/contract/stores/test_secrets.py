"""Credentials and shared access tokens: in memory as in Secrets Manager."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from destination.control.previews import Credentials as ReadCredentials
from destination.domain.credentials import AccessToken, ClientCredentials
from destination.marketo.token import TokenStore
from destination.store.errors import NotFoundError
from destination.store.secrets import Credentials, TokenSecret
from testing.aws import Aws
from testing.memory import MemoryCredentials, MemoryToken
from testing.world import connection

EXPIRES = datetime(2026, 11, 21, 11, tzinfo=UTC)
FIRST, SECOND = ClientCredentials("client-1", "secret-1"), ClientCredentials("client-2", "secret-2")

Given = dict[str, ClientCredentials]
Stored = Callable[[Given], Callable[[str], ClientCredentials]]
"""Makes a store of what connections were given, and reads of it by the id of a connection."""


@pytest.fixture(params=["memory", "secrets"])
def credentials_of(request: pytest.FixtureRequest) -> Stored:
    if request.param == "memory":
        return lambda given: reader(MemoryCredentials(given), {})
    stack: Aws = request.getfixturevalue("stack")

    def stored(given: Given) -> Callable[[str], ClientCredentials]:
        credentials = Credentials(stack.secrets, "destination")
        return reader(credentials, {owner: credentials.put(owner, one) for owner, one in given.items()})

    return stored


def reader(credentials: ReadCredentials, versions: Mapping[str, str]) -> Callable[[str], ClientCredentials]:
    return lambda owner: credentials.get(connection(id=owner, credentials_version=versions.get(owner)))


@pytest.fixture(params=["memory", "secrets"])
def token(request: pytest.FixtureRequest) -> TokenStore:
    if request.param == "memory":
        return MemoryToken()
    stack: Aws = request.getfixturevalue("stack")
    return TokenSecret(stack.secrets, "destination", "123-ABC-456", FIRST)


def test_credentials_are_those_of_the_connection(credentials_of: Stored) -> None:
    credentials = credentials_of({"c-1": FIRST, "c-2": SECOND})
    assert (credentials("c-1"), credentials("c-2")) == (FIRST, SECOND)


def test_a_connection_without_credentials_is_told(credentials_of: Stored) -> None:
    with pytest.raises(NotFoundError, match="connection c-2 has no credentials"):
        credentials_of({"c-1": FIRST})("c-2")


def test_before_any_token_was_put_there_is_none(token: TokenStore) -> None:
    assert token.get() is None


def test_a_token_is_read_as_it_was_put_last_ended_or_not(token: TokenStore) -> None:
    token.put(AccessToken("t-1", EXPIRES))
    token.put(AccessToken("t-2", EXPIRES - timedelta(days=365, microseconds=1)))
    assert token.get() == AccessToken("t-2", EXPIRES - timedelta(days=365, microseconds=1))
