"""EventBridge Scheduler over time, as far as the template uses it: what AWS documents and no emulator does.

Its rules, in our words, each with the page of the EventBridge Scheduler User Guide that it stands on:

- `cron(0/n * * * ? *)` is due at each minute of the hour that is a multiple of n ("Schedule types on EventBridge
  Scheduler").
- In the input of the target it replaces four words by what they stand for: `<aws.scheduler.scheduled-time>`, when the
  schedule was due, to the second, in UTC with a Z; `<aws.scheduler.schedule-arn>`; `<aws.scheduler.execution-id>`,
  another one for each attempt; `<aws.scheduler.attempt-number>`, from 1 on ("Adding context attributes").
- An invocation that could not be made is tried again, at most so often as the retry policy says, and no later than its
  greatest age; so the time that it is told is the same, however late it is. Then it goes to the dead-letter queue, as
  it was to be made ("Configuring a dead-letter queue").
- The same time may be told more than once, since delivery is at least once ("What is Amazon EventBridge Scheduler?").

How long it waits between two attempts is not said there, but that it is longer each time; here it is a minute.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from testing.timeline import Timeline

_CRON: Final = re.compile(r"cron\(0/(\d+) \* \* \* \? \*\)")
_ARN: Final = "arn:aws:scheduler:eu-central-1:123456789012:schedule/default/schedule"
_BETWEEN: Final = 60.0
"""Seconds between two attempts."""


def filled(text: str, scheduled_at: datetime, attempt: int = 1) -> Any:
    """The input as its target gets it, for the time at which the schedule was due."""
    time = f"{scheduled_at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    words = {
        "scheduled-time": time,
        "schedule-arn": _ARN,
        "execution-id": f"{scheduled_at.timestamp():.0f}-{attempt}",
        "attempt-number": str(attempt),
    }
    for word, value in words.items():
        text = text.replace(f"<aws.scheduler.{word}>", value)
    return json.loads(text)


@dataclass
class EventBridgeSchedule:
    """Calls `target` with the input, at each time that it is due from the `start` of the timeline on.

    `properties`: of the schedule in the settled template, `minutes` what its parameter is worth. `target` raises
    ConnectionError when it cannot be invoked. `dead_letters`: inputs that nobody took.
    """

    timeline: Timeline
    start: datetime
    properties: Mapping[str, Any]
    minutes: int
    target: Callable[[Any], object]
    dead_letters: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        expression = self.properties["ScheduleExpression"]
        text = expression["Fn::Sub"] if isinstance(expression, dict) else expression
        found = _CRON.fullmatch(text.replace("${MonitorMinutes}", str(self.minutes)))
        assert found is not None, text
        self._every = int(found[1])
        self._plan(self.start)

    def _plan(self, after: datetime) -> None:
        due = after.replace(second=0, microsecond=0) + timedelta(minutes=1)
        while due.minute % self._every:
            due += timedelta(minutes=1)
        self.timeline.at((due - self.start).total_seconds(), lambda: self._begin(due))

    def _begin(self, due: datetime) -> None:
        self._plan(due)
        self._try(due, 1)

    def _try(self, due: datetime, attempt: int) -> None:
        target, policy = self.properties["Target"], self.properties["Target"]["RetryPolicy"]
        event = filled(target["Input"], due, attempt)
        try:
            self.target(event)
        except ConnectionError:
            at = self.timeline.now + _BETWEEN
            age = at - (due - self.start).total_seconds()
            if attempt <= policy["MaximumRetryAttempts"] and age <= policy["MaximumEventAgeInSeconds"]:
                self.timeline.at(at, lambda: self._try(due, attempt + 1))
            else:
                self.dead_letters.append(event)
