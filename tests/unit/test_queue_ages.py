"""How old the queue's oldest message is, as CloudWatch tells it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import boto3
import pytest
from botocore.stub import Stubber

from destination.queue.ages import KEEPS_UP, QueueAges

NOW = datetime(2026, 11, 21, 10, tzinfo=UTC)
YOUNG, OLD = KEEPS_UP.total_seconds(), KEEPS_UP.total_seconds() + 1
WANTED = {
    "Namespace": "AWS/SQS",
    "MetricName": "ApproximateAgeOfOldestMessage",
    "Dimensions": [{"Name": "QueueName", "Value": "events"}],
    "StartTime": NOW - timedelta(minutes=15),
    "EndTime": NOW,
    "Period": 60,
    "Statistics": ["Maximum"],
}


def minute(ago: int, age: float) -> tuple[datetime, float]:
    return NOW - timedelta(minutes=ago), age


@pytest.mark.parametrize(
    ("told", "until"),
    [
        ([], None),
        ([minute(3, OLD), minute(4, OLD)], None),
        ([minute(3, YOUNG)], NOW - timedelta(minutes=8)),
        ([minute(6, 0), minute(3, OLD), minute(5, YOUNG)], NOW - timedelta(minutes=10)),
    ],
)
def test_all_was_received_that_was_sent_before_the_oldest_message_at_a_minute_when_that_was_young(
    told: Sequence[tuple[datetime, float]], until: datetime | None
) -> None:
    client = boto3.client("cloudwatch", region_name="eu-central-1")
    points = [{"Timestamp": at, "Maximum": age, "Unit": "Seconds"} for at, age in told]
    with Stubber(client) as stubbed:
        stubbed.add_response("get_metric_statistics", {"Datapoints": points}, WANTED)
        assert QueueAges(client, "events").received_until(NOW) == until


def test_nothing_is_known_where_cloudwatch_does_not_answer() -> None:
    client = boto3.client("cloudwatch", region_name="eu-central-1")
    with Stubber(client) as stubbed:
        stubbed.add_client_error("get_metric_statistics", "AccessDenied")
        assert QueueAges(client, "events").received_until(NOW) is None
