"""CloudWatch's metrics and alarms over time, as far as the template uses them: what AWS documents and no emulator does.

Its rules, in our words, each with the page of the Amazon CloudWatch User Guide that it stands on:

- A metric is its namespace, its name and all of its dimensions; another dimension is another metric ("Metrics
  concepts").
- What is told within a period makes one data point of a statistic; a period in which nothing is told has none
  ("Metrics concepts").
- An alarm is raised when the data points of its last EvaluationPeriods periods breach the threshold, all of them, and
  is over when they do not ("Alarm evaluation").
- It looks back at more periods than these. Where there are enough data points among them, it takes the newest;
  otherwise, what lacks is taken for breaching, or for not breaching; with `ignore` the alarm stays as it is unless a
  data point shows that it is over ("Configuring how CloudWatch alarms treat missing data"). How far it looks back is
  not said; the examples show two periods.
- An alarm on metrics of the namespace AWS/DynamoDB ignores missing data, whatever it is told (the same page).
- FILL(m, 0) gives a metric a data point of 0 in each period without one, METRICS() are all metrics of the alarm, and
  SUM adds series up ("Using math expressions").

A period is judged as soon as it is over; CloudWatch takes a minute or two longer, for data comes late.
"""

import functools
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from testing.template import Template, of_type

LOOKED_BACK: Final = 2
"""Periods before those that are evaluated."""

STATISTICS: Final[Mapping[str, Callable[[Sequence[float]], float]]] = {"Maximum": max, "Sum": sum, "SampleCount": len}
COMPARISONS: Final[Mapping[str, Callable[[float, float], bool]]] = {
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
}
FILLED: Final = ("FILL({}, 0)", "SUM(FILL(METRICS(), 0))")
"""The expressions that are known: of one metric, and of all."""

Metric = tuple[str, str, frozenset[tuple[str, str]]]
"""Namespace, name, and dimensions with their values."""


class State(StrEnum):
    OK = "OK"
    ALARM = "ALARM"
    INSUFFICIENT_DATA = "INSUFFICIENT_DATA"


@dataclass(frozen=True, slots=True)
class Series:
    """A metric with its statistic."""

    metric: Metric
    statistic: str


@dataclass(slots=True)
class Alarm:
    """An alarm of the template. `is_filled`: its series have data points of 0 where they have none."""

    series: Sequence[Series]
    is_filled: bool
    period: int
    periods: int
    threshold: float
    comparison: str
    missing: str
    state: State = State.INSUFFICIENT_DATA

    @classmethod
    def of(cls, properties: Mapping[str, Any], template: Template) -> "Alarm":
        """`template`: settled; a resource is named by its logical id, a parameter has its default."""
        told = _resolved(properties, template)
        assert "DatapointsToAlarm" not in told
        asked = [one["MetricStat"] for one in told.get("Metrics", ()) if "MetricStat" in one]
        series = [Series(_metric(one["Metric"]), one["Stat"]) for one in asked] or [
            Series(_metric(told), told["Statistic"])
        ]
        for one in told.get("Metrics", ()):
            assert one.get("Expression") in {None, FILLED[0].format(told["Metrics"][0]["Id"]), FILLED[1]}
        is_filled = bool(asked)
        of_dynamodb = any(one.metric[0] == "AWS/DynamoDB" for one in series)
        return cls(
            series=series,
            is_filled=is_filled,
            period=asked[0]["Period"] if asked else told["Period"],
            periods=told["EvaluationPeriods"],
            threshold=told["Threshold"],
            comparison=told["ComparisonOperator"],
            missing="ignore" if of_dynamodb else told["TreatMissingData"],
        )

    def judge(self, points: Sequence[float | None]) -> None:
        """`points`: of the periods that are looked at, oldest first."""
        real = [one for one in points if one is not None][-self.periods :]
        breaches = [COMPARISONS[self.comparison](one, self.threshold) for one in real]
        if len(breaches) == self.periods or not all(breaches):
            self.state = State.ALARM if all(breaches) else State.OK
        elif self.missing != "ignore":
            self.state = State.ALARM if self.missing == "breaching" else State.OK


@dataclass
class CloudWatch:
    """All alarms of a template, and what their metrics were told: times in seconds, with values."""

    alarms: dict[str, Alarm]
    _told: defaultdict[Metric, list[tuple[float, float]]] = field(default_factory=lambda: defaultdict(list))

    @functools.cached_property
    def watched(self) -> frozenset[Metric]:
        """The metrics that alarms are on."""
        return frozenset(series.metric for alarm in self.alarms.values() for series in alarm.series)

    @classmethod
    def of(cls, template: Template) -> "CloudWatch":
        alarms = of_type(template, "AWS::CloudWatch::Alarm")
        return cls({name: Alarm.of(properties, template) for name, properties in alarms.items()})

    def tell(self, now: float, namespace: str, name: str, value: float, **dimensions: str) -> None:
        """In the order of time. Only what an alarm watches can be told, for all else would be a slip of the test."""
        metric = (namespace, name, frozenset(dimensions.items()))
        assert metric in self.watched, metric
        self._told[metric].append((now, value))

    def evaluate(self, now: float) -> set[str]:
        """Judge all alarms at the end of a period; the names of those that are raised."""
        for alarm in self.alarms.values():
            ends = [now - number * alarm.period for number in range(alarm.periods + LOOKED_BACK)]
            alarm.judge([self._point(alarm, end) for end in reversed(ends)])
        return {name for name, alarm in self.alarms.items() if alarm.state is State.ALARM}

    def _point(self, alarm: Alarm, end: float) -> float | None:
        found = [self._statistic(series, end - alarm.period, end) for series in alarm.series]
        real = [one for one in found if one is not None]
        return sum(real) if real or alarm.is_filled else None

    def _statistic(self, series: Series, begin: float, end: float) -> float | None:
        told = self._told[series.metric]
        first, last = (bisect_left(told, time, key=lambda one: one[0]) for time in (begin, end))
        values = [value for _, value in told[first:last]]
        return STATISTICS[series.statistic](values) if values else None


def _metric(told: Mapping[str, Any]) -> Metric:
    dimensions: Iterable[Mapping[str, str]] = told["Dimensions"]
    return told["Namespace"], told["MetricName"], frozenset((one["Name"], one["Value"]) for one in dimensions)


def _resolved(node: Any, template: Template) -> Any:
    match node:
        case {"Ref": name}:
            return template["Parameters"].get(name, {}).get("Default", name)
        case {"Fn::GetAtt": [name, _]}:
            return name
        case dict():
            return {key: _resolved(value, template) for key, value in node.items()}
        case list():
            return [_resolved(value, template) for value in node]
    return node
