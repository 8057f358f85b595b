"""The clients of AWS, and what every function has."""

import functools
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config

from destination.queue import EventQueue
from destination.settings import Settings
from destination.store.signing import KmsClient, SigningKeys

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient
    from mypy_boto3_sns import SNSClient
    from mypy_boto3_sqs import SQSClient


@functools.cache
def dynamodb() -> "DynamoDBClient":
    return boto3.client("dynamodb")


@functools.cache
def sqs() -> "SQSClient":
    return boto3.client("sqs")


@functools.cache
def s3() -> "S3Client":
    # Addresses are signed by version 2 otherwise, in some regions, which does for no bucket with a key of KMS; and they
    # name no region, so that S3 redirects from them where a bucket is new, which whoever was given an address cannot
    # follow: the host is signed (Amazon S3, "Making requests to Amazon S3": temporary redirects).
    named = Config(
        signature_version="s3v4", s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"}
    )
    return boto3.client("s3", config=named)


@functools.cache
def secretsmanager() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


@functools.cache
def sns() -> "SNSClient":
    return boto3.client("sns")


@functools.cache
def events() -> "EventBridgeClient":
    return boto3.client("events")


@functools.cache
def cloudwatch() -> "CloudWatchClient":
    # What it tells can be done without, and may have no way to it in a VPC: nobody waits for it for long.
    return boto3.client(
        "cloudwatch", config=Config(connect_timeout=3, read_timeout=10, retries={"total_max_attempts": 2})
    )


@functools.cache
def kms() -> KmsClient:
    client: KmsClient = boto3.client("kms")
    return client


def signing_keys(key: str) -> SigningKeys | None:
    """None: the stack has no key for them."""
    return SigningKeys(kms(), key) if key else None


def queue(settings: Settings) -> EventQueue:
    return EventQueue(sqs(), settings.queue_url)
