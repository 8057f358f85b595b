"""Secrets Manager: the credentials of each connection, and the access token that all workers share.

Names: `<prefix>/credentials/<connection id>` holds `{client_id, client_secret}`,
`<prefix>/tokens/<munchkin id>/<client id>` holds `{access_token, expires_at, made_with}`.

A secret that somebody deleted in the console waits for its end for 7 to 30 days, in which it takes and tells nothing,
and nobody can have another one of its name (InvalidRequestException; AWS Secrets Manager, "Delete a secret"). It is as
good as gone for whoever reads it; whoever writes it restores it first.
"""

import hashlib
import json
import uuid
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Final, TypeVar

from destination.domain.connection import Connection
from destination.domain.credentials import AccessToken, ClientCredentials
from destination.domain.times import format_time, parse_time
from destination.store.errors import NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_secretsmanager.type_defs import GetSecretValueRequestTypeDef


CURRENT: Final = "AWSCURRENT"
Answer = TypeVar("Answer")


def _random_version() -> str:
    return str(uuid.uuid4())


class Credentials:
    """The credentials of the connections, one secret each, of which the connection names the version that it uses.

    No other version is ever read: of two changes at once each writes a version, and the connection that is stored tells
    whose counts. So a secret that is rotated in place, in the console or with `put-secret-value`, changes nothing: new
    credentials are given to the connection.

    Secrets Manager may remove a version that has no staging label, and knows twenty labels of a secret (AWS Secrets
    Manager, "What's in a Secrets Manager secret?", "Quotas"):

        put ──▶ attempt-0 … attempt-f, by the version's first digit ──▶ the connection names it ──▶ keep ──▶ AWSCURRENT

    The version that was current before is AWSPREVIOUS then, for whoever read the connection just before. What was
    written and never named keeps its attempt's label until another attempt takes it.
    """

    def __init__(
        self, client: "SecretsManagerClient", prefix: str, new_version: Callable[[], str] = _random_version
    ) -> None:
        """`new_version` makes UUIDs."""
        self._client = client
        self._prefix = prefix
        self._new_version = new_version

    def get(self, connection: Connection) -> ClientCredentials:
        """Those that the connection names. Raises NotFoundError, with the remedy, when it has none."""
        return self.at(connection.id, connection.credentials_version)

    def at(self, connection_id: str, version: str | None) -> ClientCredentials:
        """Those of a version; raises as `get`."""
        remedy = "give it the client id and client secret of an API-only LaunchPoint service"
        if version is None:
            raise NotFoundError(f"connection {connection_id} has no credentials: {remedy}")
        content = _read(self._client, self._name(connection_id), version)
        if content is None:
            raise NotFoundError(f"the credentials of connection {connection_id} are gone from their secret: {remedy}")
        return ClientCredentials(content["client_id"], content["client_secret"])

    def find(self, connection: Connection) -> ClientCredentials | None:
        """None: there are none."""
        try:
            return self.get(connection)
        except NotFoundError:
            return None

    def put(self, connection_id: str, credentials: ClientCredentials) -> str:
        """Write a version, which counts for nothing until the connection names it; its id."""
        name, version = self._name(connection_id), self._new_version()
        text = json.dumps({"client_id": credentials.client_id, "client_secret": credentials.client_secret})
        labels = [f"attempt-{version[0]}"]

        def write() -> str:
            return self._client.put_secret_value(
                SecretId=name, SecretString=text, ClientRequestToken=version, VersionStages=labels
            )["VersionId"]

        def create() -> str:
            return self._client.create_secret(Name=name, SecretString=text, ClientRequestToken=version)["VersionId"]

        return _written(self._client, name, write, create)

    def keep(self, connection_id: str, version: str) -> None:
        """Make the version that the connection names the current one; one that is gone is left alone."""
        name = self._name(connection_id)
        try:
            labels = self._client.describe_secret(SecretId=name).get("VersionIdsToStages", {})
        except self._client.exceptions.ResourceNotFoundException:
            return
        current = next((one for one, stages in labels.items() if CURRENT in stages), None)
        if version in labels and current not in {None, version}:
            self._client.update_secret_version_stage(
                SecretId=name, VersionStage=CURRENT, MoveToVersionId=version, RemoveFromVersionId=str(current)
            )

    def delete(self, connection_id: str) -> None:
        """Remove the credentials at once, without a recovery window; none there is as good."""
        _delete(self._client, self._name(connection_id))

    def _name(self, connection_id: str) -> str:
        return f"{self._prefix}/credentials/{connection_id}"


def pseudonym_secret(client: "SecretsManagerClient", secret: str) -> bytes:
    """The key that people's pseudonyms are made with; `secret` is its name or ARN. It never changes."""
    return client.get_secret_value(SecretId=secret)["SecretString"].encode()


class TokenSecret:
    """The current access token of one API user of one Marketo instance.

    Marketo answers the same token to all who ask until it expires, so one worker's token serves them all. It serves
    only those who know the client secret that it was obtained with: `made_with` is a digest of it.
    """

    def __init__(
        self, client: "SecretsManagerClient", prefix: str, munchkin_id: str, credentials: ClientCredentials
    ) -> None:
        self._client = client
        self._name = f"{prefix}/tokens/{munchkin_id}/{credentials.client_id}"
        self._made_with = hashlib.sha256(credentials.client_secret.encode()).hexdigest()

    def get(self) -> AccessToken | None:
        """The last token put, expired or not; None when there was none yet, or one of another client secret."""
        content = _read(self._client, self._name)
        if content is None or content.get("made_with") != self._made_with:
            return None
        return AccessToken(content["access_token"], parse_time(content["expires_at"]))

    def put(self, token: AccessToken) -> None:
        """Share the token; while its secret is being removed for good it serves only whoever holds it."""
        content = {
            "access_token": token.value,
            "expires_at": format_time(token.expires_at),
            "made_with": self._made_with,
        }
        with suppress(self._client.exceptions.InvalidRequestException):
            _write(self._client, self._name, content)

    def delete(self) -> None:
        """Remove the token at once; who still needs one obtains it again. None there is as good."""
        _delete(self._client, self._name)


def _read(client: "SecretsManagerClient", name: str, version: str | None = None) -> dict[str, str] | None:
    """A version's content; without one, the current version's. None: there is none."""
    wanted: GetSecretValueRequestTypeDef = {"SecretId": name}
    if version is not None:
        wanted["VersionId"] = version
    try:
        content: dict[str, str] = json.loads(client.get_secret_value(**wanted)["SecretString"])
    except (client.exceptions.ResourceNotFoundException, client.exceptions.InvalidRequestException):
        return None
    return content


def _write(client: "SecretsManagerClient", name: str, content: dict[str, str]) -> None:
    text = json.dumps(content)
    _written(
        client,
        name,
        lambda: client.put_secret_value(SecretId=name, SecretString=text),
        lambda: client.create_secret(Name=name, SecretString=text),
    )


def _written(
    client: "SecretsManagerClient", name: str, write: Callable[[], Answer], create: Callable[[], Answer]
) -> Answer:
    """Secrets Manager has no upsert; losing the race to create is answered by writing the version after all."""
    try:
        return write()
    except client.exceptions.InvalidRequestException:
        client.restore_secret(SecretId=name)  # refused in the same way when the secret is being removed for good
        return write()
    except client.exceptions.ResourceNotFoundException:
        try:
            return create()
        except client.exceptions.ResourceExistsException:
            return write()


def _delete(client: "SecretsManagerClient", name: str) -> None:
    try:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    except client.exceptions.ResourceNotFoundException:
        return
