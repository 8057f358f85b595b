"""Credentials and shared access tokens in Secrets Manager."""

import json
import uuid
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from moto import mock_aws
from mypy_boto3_secretsmanager import SecretsManagerClient

from destination.domain.credentials import AccessToken, ClientCredentials
from destination.store.errors import NotFoundError
from destination.store.secrets import Credentials, TokenSecret
from testing.world import connection


@pytest.fixture
def secretsmanager() -> Iterator[SecretsManagerClient]:
    with mock_aws():
        yield boto3.client("secretsmanager")


FIRST, SECOND = ClientCredentials("id-1", "secret-1"), ClientCredentials("id-1", "secret-2")


def labels(secretsmanager: SecretsManagerClient) -> dict[str, list[str]]:
    """The staging labels of each version of the credentials of c-1."""
    return secretsmanager.describe_secret(SecretId="dest/credentials/c-1")["VersionIdsToStages"]


def test_a_connection_has_the_credentials_of_the_version_that_it_names(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    first, second = (credentials.put("c-1", one) for one in (FIRST, SECOND))
    for version, given in ((second, SECOND), (first, FIRST)):
        assert credentials.get(connection(id="c-1", credentials_version=version)) == given
    stored = secretsmanager.get_secret_value(SecretId="dest/credentials/c-1", VersionId=second)["SecretString"]
    assert json.loads(stored) == {"client_id": "id-1", "client_secret": "secret-2"}


def test_what_was_written_is_current_when_it_is_kept(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    versions = [credentials.put("c-1", one) for one in (FIRST, SECOND)]
    assert "AWSCURRENT" in labels(secretsmanager)[versions[0]]
    for _ in range(2):
        credentials.keep("c-1", versions[1])
        assert "AWSCURRENT" in labels(secretsmanager)[versions[1]]
        assert "AWSPREVIOUS" in labels(secretsmanager)[versions[0]]
    credentials.keep("c-1", "1" * 36)
    credentials.keep("c-2", versions[1])
    assert "AWSCURRENT" in labels(secretsmanager)[versions[1]]


def test_no_attempt_is_without_a_label_and_a_secret_has_few(secretsmanager: SecretsManagerClient) -> None:
    """Twenty are all that Secrets Manager takes, and what has none it may remove."""
    ids = (f"{number % 16:x}{uuid.UUID(int=number)}"[:36] for number in range(1, 100))
    credentials = Credentials(secretsmanager, "dest", lambda: next(ids))
    kept = credentials.put("c-1", FIRST)
    for _ in range(40):
        newest = credentials.put("c-1", SECOND)
        assert labels(secretsmanager)[newest]
        assert len([label for of_version in labels(secretsmanager).values() for label in of_version]) <= 20
        assert "AWSCURRENT" in labels(secretsmanager)[kept]


def test_credentials_whose_version_is_gone_are_to_be_given_again(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    credentials.put("c-1", FIRST)
    named = connection(id="c-1", credentials_version=str(uuid.uuid4()))
    with pytest.raises(NotFoundError, match="are gone from their secret: give it the client id and client secret"):
        credentials.get(named)
    assert credentials.find(named) is None


def test_losing_the_race_to_create_the_secret_writes_a_version_after_all(secretsmanager: SecretsManagerClient) -> None:
    winner = Credentials(boto3.client("secretsmanager"), "dest")
    won: list[str] = []

    def another_request_creates_it(**_: object) -> None:
        won.append(winner.put("c-1", FIRST))

    secretsmanager.meta.events.register_first("before-call.secretsmanager.CreateSecret", another_request_creates_it)
    credentials = Credentials(secretsmanager, "dest")
    lost = credentials.put("c-1", SECOND)
    assert credentials.at("c-1", lost) == SECOND
    assert credentials.at("c-1", won[0]) == FIRST


def test_deleted_credentials_are_gone_at_once(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    version = credentials.put("c-1", FIRST)
    credentials.delete("c-1")
    credentials.delete("c-1")
    with pytest.raises(NotFoundError, match="c-1"):
        credentials.at("c-1", version)
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


def refuse_writes_to_what_is_being_deleted(client: SecretsManagerClient) -> None:
    """As AWS does, and moto does not (AWS Secrets Manager, "PutSecretValue", InvalidRequestException)."""

    def check(params: dict[str, Any], **_: object) -> None:
        name = json.loads(params["body"])["SecretId"]
        with suppress(client.exceptions.ResourceNotFoundException):
            if client.describe_secret(SecretId=name).get("DeletedDate"):
                raise client.exceptions.InvalidRequestException(
                    {"Error": {"Code": "InvalidRequestException", "Message": ""}}, "PutSecretValue"
                )

    client.meta.events.register_first("before-call.secretsmanager.PutSecretValue", check)


def test_credentials_of_a_secret_that_is_being_deleted_are_to_be_given_again(
    secretsmanager: SecretsManagerClient,
) -> None:
    refuse_writes_to_what_is_being_deleted(secretsmanager)
    credentials = Credentials(secretsmanager, "dest")
    named = connection(id="c-1", credentials_version=credentials.put("c-1", FIRST))
    secretsmanager.delete_secret(SecretId="dest/credentials/c-1", RecoveryWindowInDays=30)
    with pytest.raises(NotFoundError, match="give it the client id and client secret"):
        credentials.get(named)

    given = credentials.put("c-1", SECOND)

    assert credentials.at("c-1", given) == SECOND
    assert credentials.get(named) == FIRST
    credentials.keep("c-1", given)
    assert "AWSCURRENT" in labels(secretsmanager)[given]


def test_a_token_of_a_secret_that_is_being_deleted_is_obtained_and_shared_again(
    secretsmanager: SecretsManagerClient,
) -> None:
    refuse_writes_to_what_is_being_deleted(secretsmanager)
    expires_at = datetime(2026, 11, 21, tzinfo=UTC)
    shared_token(secretsmanager).put(AccessToken("t-1", expires_at))
    secretsmanager.delete_secret(SecretId="dest/tokens/123-ABC-456/id-1", RecoveryWindowInDays=7)
    assert shared_token(secretsmanager).get() is None

    shared_token(secretsmanager).put(AccessToken("t-2", expires_at))

    assert shared_token(secretsmanager).get() == AccessToken("t-2", expires_at)


def test_a_token_whose_secret_is_removed_for_good_meanwhile_is_not_shared(secretsmanager: SecretsManagerClient) -> None:
    """Its removal takes a while, in which the secret takes nothing and cannot be restored."""

    def is_being_removed(**_: object) -> None:
        raise secretsmanager.exceptions.InvalidRequestException(
            {"Error": {"Code": "InvalidRequestException", "Message": ""}}, "RestoreSecret"
        )

    shared_token(secretsmanager).put(AccessToken("t-1", datetime(2026, 11, 21, tzinfo=UTC)))
    for call in ("PutSecretValue", "RestoreSecret"):
        secretsmanager.meta.events.register_first(f"before-call.secretsmanager.{call}", is_being_removed)
    shared_token(secretsmanager).put(AccessToken("t-2", datetime(2026, 11, 21, tzinfo=UTC)))
    found = shared_token(secretsmanager).get()
    assert found is not None
    assert found.value == "t-1"


def test_removing_what_is_being_deleted_already_is_as_good(secretsmanager: SecretsManagerClient) -> None:
    credentials = Credentials(secretsmanager, "dest")
    credentials.put("c-1", FIRST)
    secretsmanager.delete_secret(SecretId="dest/credentials/c-1", RecoveryWindowInDays=7)
    credentials.delete("c-1")
    assert secretsmanager.list_secrets(IncludePlannedDeletion=True)["SecretList"] == []
