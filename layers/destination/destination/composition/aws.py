"""The clients of AWS, and what every function has."""

import functools
from typing import TYPE_CHECKING

import boto3

from destination.queue import EventQueue
from destination.settings import Settings
from destination.store.connections import Connections

if TYPE_CHECKING:
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
    return boto3.client("s3")


@functools.cache
def secretsmanager() -> "SecretsManagerClient":
    return boto3.client("secretsmanager")


@functools.cache
def sns() -> "SNSClient":
    return boto3.client("sns")


@functools.cache
def events() -> "EventBridgeClient":
    return boto3.client("events")


def connections(settings: Settings) -> Connections:
    return Connections(dynamodb(), settings.connections_table)


def queue(settings: Settings) -> EventQueue:
    return EventQueue(sqs(), settings.queue_url)
