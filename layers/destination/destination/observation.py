"""What several functions tell of themselves: their metrics, and the lines of the log on calls to Marketo."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit

if TYPE_CHECKING:
    from destination.marketo.transport import Call

ONLY_COUNTS: Final[Mapping[str, str]] = {}


def measure(
    metrics: Metrics, values: Mapping[str, float], dimensions: Mapping[str, str], units: Mapping[str, str] = ONLY_COUNTS
) -> None:
    """Write one line in CloudWatch's embedded metric format. `units`: by metric, of those that are no counts."""
    for name, value in values.items():
        metrics.add_metric(name=name, unit=units.get(name, MetricUnit.Count), value=value)
    for name, dimension in dimensions.items():
        metrics.add_dimension(name=name, value=dimension)
    metrics.flush_metrics()


def log_call(logger: Logger, munchkin_id: str, call: "Call") -> None:
    """One call to an instance: what it was and how it went, and nothing that it said or was answered."""
    told = {"munchkin_id": munchkin_id, **asdict(call)}
    if call.code is None:
        logger.debug("marketo call answered", extra=told)
    else:
        logger.info("marketo call refused", extra=told)
