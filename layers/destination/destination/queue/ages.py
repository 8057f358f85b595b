"""How old the queue's oldest message is, by the metric that SQS tells CloudWatch each minute.

It counts what is in flight, and leaves out what was received three times or more and not deleted (Amazon SQS,
"Available CloudWatch metrics"): whoever received that has noted that it waits.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

from botocore.exceptions import BotoCoreError, ClientError

from destination.queue.events import COUNTS_LAG

if TYPE_CHECKING:
    from mypy_boto3_cloudwatch import CloudWatchClient

KEEPS_UP: Final = COUNTS_LAG
"""Where the oldest message is no older, what is to be received is received within that time, requeued messages too."""

LOOKED_BACK: Final = timedelta(minutes=15)
"""A minute is known some minutes after it is over."""

_MINUTE: Final = 60


@dataclass(frozen=True, slots=True)
class QueueAges:
    """The ages of a queue's oldest message."""

    client: "CloudWatchClient"
    queue_name: str

    def received_until(self, now: datetime) -> datetime | None:
        """Until when all that was sent is known to have been received by now; None: that is not known.

        Where CloudWatch does not answer nothing is known, which does no harm.
        """
        try:
            answer = self.client.get_metric_statistics(
                Namespace="AWS/SQS",
                MetricName="ApproximateAgeOfOldestMessage",
                Dimensions=[{"Name": "QueueName", "Value": self.queue_name}],
                StartTime=now - LOOKED_BACK,
                EndTime=now,
                Period=_MINUTE,
                Statistics=["Maximum"],
            )
        except (BotoCoreError, ClientError):
            return None
        keeps_up = KEEPS_UP.total_seconds()
        minutes = [one["Timestamp"] for one in answer["Datapoints"] if one["Maximum"] <= keeps_up]
        return max(minutes) - KEEPS_UP if minutes else None
