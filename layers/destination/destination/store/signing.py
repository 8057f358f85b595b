"""The keys by which senders sign bodies: AWS KMS makes each of them again from what it belongs to, and none is stored.

    signing key = HMAC-SHA256 (the stack's KMS key, "<connection id> <SHA-256 of the ingest token>"), in URL-safe Base64

So a key is replaced together with the token, with the same grace, and who reads the tables cannot sign. KMS answers the
same to the same for ever (AWS KMS, "GenerateMac").
"""

from base64 import urlsafe_b64encode
from typing import Final, Protocol

MAX_KEPT: Final = 1_000
"""How many keys a process remembers; KMS takes some milliseconds for each."""


class KmsClient(Protocol):
    """As much of boto3's as is called here."""

    def generate_mac(self, *, KeyId: str, Message: bytes, MacAlgorithm: str) -> dict[str, bytes]: ...  # noqa: N803


class SigningKeys:
    """The keys of all connections; `key`: the id of the KMS key."""

    def __init__(self, client: KmsClient, key: str) -> None:
        self._client = client
        self._key = key
        self._kept: dict[str, bytes] = {}

    def __call__(self, connection_id: str, token_hash: str) -> bytes:
        """The text, in ASCII, that the holder of the token with this hash signs with."""
        of = f"{connection_id} {token_hash}"
        if of not in self._kept:
            if len(self._kept) >= MAX_KEPT:
                self._kept.clear()
            answer = self._client.generate_mac(KeyId=self._key, Message=of.encode(), MacAlgorithm="HMAC_SHA_256")
            self._kept[of] = urlsafe_b64encode(answer["Mac"]).rstrip(b"=")
        return self._kept[of]
