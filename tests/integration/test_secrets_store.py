"""Credentials and shared access tokens in Secrets Manager."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_secretsmanager import SecretsManagerClient

from destination.domain.credentials import AccessToken, ClientCredentials
from destination.store.errors import NotFoundError
from destination.store.secrets import Credentials, TokenSecret


@pytest.fixture
def secretsmanager() -> Iterator[SecretsManagerClient]:
    with mock_aws():
        yield boto3.client("secretsmanager")


def test_credentials_read_as_they_were_written_last(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    credentials.put("c-1", ClientCredentials("id-1", "secret-1"))
    credentials.put("c-1", ClientCredentials("id-1", "secret-2"))
    assert credentials.get("c-1") == ClientCredentials("id-1", "secret-2")
    stored = secretsmanager.get_secret_value(SecretId="dest/credentials/c-1")["SecretString"]
    assert json.loads(stored) == {"client_id": "id-1", "client_secret": "secret-2"}


def test_deleted_credentials_are_gone_at_once(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    credentials.put("c-1", ClientCredentials("id-1", "secret-1"))
    credentials.delete("c-1")
    credentials.delete("c-1")
    with pytest.raises(NotFoundError, match="c-1"):
        credentials.get("c-1")
    assert secretsmanager.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []


def shared_token(
    secretsmanager: SecretsManagerClient, client_id: str = "id-1", client_secret: str = "secret-1"
) -> TokenSecret:
    return TokenSecret(secretsmanager, "dest", "123-ABC-456", ClientCredentials(client_id, client_secret))


def test_a_token_is_shared_by_instance_and_api_user(secretsmanager: SecretsManagerClient) -> None:
    expires_at = datetime(2026, 11, 21, 11, 0, tzinfo=UTC)
    mine = shared_token(secretsmanager)
    assert mine.get() is None
    mine.put(AccessToken("t-1", expires_at))
    mine.put(AccessToken("t-2", expires_at + timedelta(hours=1)))
    assert shared_token(secretsmanager).get() == AccessToken("t-2", expires_at + timedelta(hours=1))
    assert shared_token(secretsmanager, client_id="id-2").get() is None


def test_a_token_serves_only_those_who_know_the_client_secret(secretsmanager: SecretsManagerClient) -> None:
    shared_token(secretsmanager).put(AccessToken("t-1", datetime(2026, 11, 21, tzinfo=UTC)))
    assert shared_token(secretsmanager, client_secret="another").get() is None


def test_losing_the_race_to_create_a_secret_writes_it_after_all(secretsmanager: SecretsManagerClient) -> None:
    token = shared_token(secretsmanager)

    def another_worker_creates_it(**_: object) -> None:
        another = boto3.client("secretsmanager")
        another.create_secret(Name="dest/tokens/123-ABC-456/id-1", SecretString="{}")

    secretsmanager.meta.events.register_first("before-call.secretsmanager.CreateSecret", another_worker_creates_it)
    token.put(AccessToken("t-1", datetime(2026, 11, 21, tzinfo=UTC)))
    found = token.get()
    assert found is not None
    assert found.value == "t-1"


def test_no_secret_shows_in_a_representation() -> None:
    token = AccessToken("t-1", datetime(2026, 11, 21, tzinfo=UTC))
    assert "t-1" not in repr(token)
    assert "secret-1" not in repr(ClientCredentials("id-1", "secret-1"))


def test_a_deleted_token_is_gone_for_all_who_shared_it(secretsmanager: SecretsManagerClient) -> None:
    shared_token(secretsmanager).put(AccessToken("token-1", datetime(2026, 11, 21, tzinfo=UTC)))
    for _ in range(2):
        shared_token(secretsmanager).delete()
    assert shared_token(secretsmanager).get() is None
    assert secretsmanager.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
