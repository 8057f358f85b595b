"""Signing keys, made by KMS."""

from base64 import urlsafe_b64encode
from collections.abc import Iterator

import boto3
import pytest
from moto import mock_aws

from destination.composition.aws import signing_keys
from destination.store.signing import MAX_KEPT, KmsClient, SigningKeys


class CountingKms:
    """Answers as KMS does, by the text alone, and counts."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes, str]] = []

    def generate_mac(self, *, KeyId: str, Message: bytes, MacAlgorithm: str) -> dict[str, bytes]:  # noqa: N803
        self.asked.append((KeyId, Message, MacAlgorithm))
        return {"Mac": Message.ljust(32, b"~")[:32]}


@pytest.fixture
def key() -> Iterator[str]:
    with mock_aws():
        made = boto3.client("kms").create_key(KeySpec="HMAC_256", KeyUsage="GENERATE_VERIFY_MAC")
        yield made["KeyMetadata"]["Arn"]


def test_a_key_is_of_one_connection_and_one_token_and_the_same_in_every_process(key: str) -> None:
    client: KmsClient = boto3.client("kms")
    made = {of: SigningKeys(client, key)(*of) for of in (("c-1", "0f"), ("c-1", "1f"), ("c-2", "0f"))}
    assert len(set(made.values())) == 3
    assert SigningKeys(client, key)("c-1", "0f") == made["c-1", "0f"]
    assert {len(one) for one in made.values()} == {43}


def test_kms_is_asked_once_for_each_and_the_memory_for_them_is_bounded() -> None:
    kms = CountingKms()
    keys = SigningKeys(kms, "key-1")
    assert keys("c-1", "0f") == keys("c-1", "0f") == urlsafe_b64encode(b"c-1 0f".ljust(32, b"~")).rstrip(b"=")
    assert kms.asked == [("key-1", b"c-1 0f", "HMAC_SHA_256")]
    for number in range(MAX_KEPT):
        keys("c-1", str(number))
    keys("c-1", "0f")
    assert [message for _, message, _ in kms.asked].count(b"c-1 0f") == 2


def test_a_stack_without_the_key_has_none() -> None:
    assert signing_keys("") is None
