"""Secrets Manager: the credentials of each connection, and the access token that all workers share.

Names: `<prefix>/credentials/<connection id>` holds `{client_id, client_secret}`,
`<prefix>/tokens/<munchkin id>/<client id>` holds `{access_token, expires_at, made_with}`.
"""

import hashlib
import json
from typing import TYPE_CHECKING

from destination.domain.credentials import AccessToken, ClientCredentials
from destination.domain.times import format_time, parse_time
from destination.store.errors import NotFoundError

if TYPE_CHECKING:
    from mypy_boto3_secretsmanager import SecretsManagerClient


class Credentials:
    """The credentials of the connections, one secret each."""

    def __init__(self, client: "SecretsManagerClient", prefix: str) -> None:
        self._client = client
        self._prefix = prefix

    def get(self, connection_id: str) -> ClientCredentials:
        """Raises NotFoundError when the connection has none."""
        content = _read(self._client, self._name(connection_id))
        if content is None:
            raise NotFoundError(f"connection {connection_id} has no credentials")
        return ClientCredentials(content["client_id"], content["client_secret"])

    def find(self, connection_id: str) -> ClientCredentials | None:
        """None: there are none."""
        try:
            return self.get(connection_id)
        except NotFoundError:
            return None

    def put(self, connection_id: str, credentials: ClientCredentials) -> None:
        content = {"client_id": credentials.client_id, "client_secret": credentials.client_secret}
        _write(self._client, self._name(connection_id), content)

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
        content = {
            "access_token": token.value,
            "expires_at": format_time(token.expires_at),
            "made_with": self._made_with,
        }
        _write(self._client, self._name, content)

    def delete(self) -> None:
        """Remove the token at once; who still needs one obtains it again. None there is as good."""
        _delete(self._client, self._name)


def _read(client: "SecretsManagerClient", name: str) -> dict[str, str] | None:
    try:
        content: dict[str, str] = json.loads(client.get_secret_value(SecretId=name)["SecretString"])
    except client.exceptions.ResourceNotFoundException:
        return None
    return content


def _write(client: "SecretsManagerClient", name: str, content: dict[str, str]) -> None:
    """Secrets Manager has no upsert; losing the race to create is answered by writing the version after all."""
    text = json.dumps(content)
    try:
        client.put_secret_value(SecretId=name, SecretString=text)
    except client.exceptions.ResourceNotFoundException:
        try:
            client.create_secret(Name=name, SecretString=text)
        except client.exceptions.ResourceExistsException:
            client.put_secret_value(SecretId=name, SecretString=text)


def _delete(client: "SecretsManagerClient", name: str) -> None:
    try:
        client.delete_secret(SecretId=name, ForceDeleteWithoutRecovery=True)
    except client.exceptions.ResourceNotFoundException:
        return
