"""Writes the tables of docs/cost.md: `python -m docs.cost`.

`benchmarks.units` counts what the functions do, in the units that AWS charges, with the simulator as Marketo;
docs/prices.json has the prices, and what is assumed where nothing can be counted.
"""

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from benchmarks import marketo, parking, workload
from benchmarks.units import PERSONS
from destination.queue import MAX_BATCH_ENTRIES

FOLDER: Final = Path(__file__).parent
TARGET: Final = FOLDER / "cost.md"
PRICES: Final = FOLDER / "prices.json"
BEGIN: Final = "<!-- written by docs/cost.py: {} -->\n"
END: Final = "<!-- end -->\n"

MILLION: Final = 1_000_000
MONTH: Final = 30 * 24 * 3600
METRICS: Final = 23
"""Of the stack, whatever its connections are, but those by reason and by status (docs/monitoring.md)."""
GAUGES: Final = 2
"""Those of them that are written in every hour, whether there are events or not."""
ALARMS: Final = 27
"""Metrics that alarms of the stack watch, each alarm its own (template.yaml): an alarm is charged for each of them."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Prices by name, and what is assumed."""

    prices: Mapping[str, float]
    assumed: Mapping[str, float]

    @classmethod
    def load(cls) -> "Rates":
        told = json.loads(PRICES.read_text())
        return cls(told["prices"], told["assumed"])

    def cost(self, counts: Mapping[str, float]) -> float:
        """US dollars of what has a price."""
        return sum(number * self.prices[name] for name, number in counts.items())


SERVICES: Final = ("API Gateway", "Lambda", "SQS", "DynamoDB", "logs", "traces")


def of_a_million(counts: Mapping[str, float], calls: float, log_bytes: float, rates: Rates) -> dict[str, float]:
    """By service, the dollars of a million persons, of whom PERSONS took `counts`, so many calls and bytes of log."""
    assumed, many = rates.assumed, MILLION / PERSONS
    requests, invocations = counts["ingest_requests"], counts["lambda_request"]
    ingest = requests * assumed["ingest_seconds_a_request"] + PERSONS * assumed["ingest_seconds_a_profile"]
    sync = calls / assumed["marketo_calls_a_second"] * assumed["sync_invocations_at_once"]
    written = log_bytes + requests * assumed["access_log_bytes"] + invocations * assumed["lambda_log_bytes"]
    dynamodb = {name: counts[name] for name in ("dynamodb_write_unit", "dynamodb_read_unit")}
    charged: dict[str, Mapping[str, float]] = {
        "API Gateway": {"api_request": requests},
        "Lambda": {"lambda_request": invocations, "lambda_gb_second": ingest + sync},
        "SQS": {"sqs_request": counts["sqs_request"]},
        "DynamoDB": dynamodb,
        "logs": {"log_gb": written / 1e9},
        "traces": {"trace": 2 * requests * assumed["traced_share"]},
    }
    return {service: many * rates.cost(charged[service]) for service in SERVICES}


def of_a_month(connections: int, rates: Rates) -> dict[str, float]:
    """By what it is for, the dollars of a month without events."""
    assumed = rates.assumed
    starts = MONTH / 300
    seconds = starts * (assumed["monitor_seconds"] + connections * assumed["monitor_seconds_a_connection"])
    reads = starts * (7 + 5 * connections)
    hours = MONTH / 3600
    return {
        "secrets": rates.cost({"secret_month": 1 + 2 * connections}),
        "alarms": rates.cost({"alarm_month": ALARMS}),
        "gauges": rates.cost({"metric_month": GAUGES}),
        "dashboard": rates.cost({"dashboard_month": 1}),
        "empty receives": rates.cost({"sqs_request": MONTH * assumed["empty_receives_a_second"]}),
        "monitor": rates.cost(
            {
                "lambda_request": starts,
                "schedule_start": starts,
                "lambda_gb_second": seconds / 2,
                "dynamodb_read_unit": reads,
                "dynamodb_write_unit": hours * connections,
                "event": hours * connections,
                "s3_list": 2 * starts,
                "log_gb": (hours * connections * 1200 + starts * 400) / 1e9,
            }
        ),
        "files": rates.cost(
            {
                "lambda_request": starts,
                "schedule_start": starts,
                "lambda_gb_second": starts * assumed["files_seconds"] / 2,
                "dynamodb_read_unit": starts,
                "s3_list": starts,
                "log_gb": starts * assumed["lambda_log_bytes"] / 1e9,
            }
        ),
    }


def of_a_flood(rates: Rates) -> dict[str, float]:
    """By what stands in its way, the dollars of a million requests without a valid token."""
    refused = {
        "api_request": 1,
        "lambda_request": 1,
        "lambda_gb_second": rates.assumed["ingest_seconds_a_refusal"],
        "dynamodb_read_unit": 0.5,
        "log_gb": (rates.assumed["access_log_bytes"] + rates.assumed["lambda_log_bytes"] + 500) / 1e9,
    }
    log = rates.assumed["access_log_bytes"] / 1e9
    stopped = {"waf_request": 1, "api_request": 1, "log_gb": log}
    return {
        "nothing": MILLION * rates.cost(refused),
        "`RequestsPerAddress`, what it lets through": MILLION * rates.cost(refused | {"waf_request": 1}),
        "`RequestsPerAddress`, what it stops": MILLION * rates.cost(stopped),
        "`WebhookSources`, the webhook's rate": MILLION * rates.cost({"log_gb": log}),
        "`TruststoreUri`": 0.0,
    }


def of_parked(counts: Mapping[str, float], rates: Rates) -> dict[str, float]:
    """By service, the dollars of what is parked and comes back; `counts`: bundles, and requests to S3 by their names.

    Each bundle has a message, which is sent, received and deleted with others. S3 charges nothing for deletions.
    """
    s3 = {"s3_put": counts["S3 PUT"], "s3_get": counts["S3 GET"], "s3_list": counts["S3 LIST"]}
    return {
        "S3": rates.cost(s3),
        "SQS": rates.cost({"sqs_request": 3 * counts["bundles"] / MAX_BATCH_ENTRIES}),
    }


def computed(rates: Rates) -> dict[str, str]:
    """The tables for which nothing has to be counted, by name."""
    months = {number: of_a_month(number, rates) for number in (1, 50)}
    metrics = f"{rates.cost({'metric_month': METRICS - GAUGES}):.2f}"
    return {
        "month": _table(
            ["connections", "all", *months[1], "beside it, with events in each hour: metrics"],
            [[*_in_all(str(number), one), metrics] for number, one in months.items()],
        ),
        "flood": _table(
            ["in its way", "US $ per million"], [[name, f"{value:.2f}"] for name, value in of_a_flood(rates).items()]
        ),
    }


def main() -> None:
    rates = Rates.load()
    text = TARGET.read_text()
    by_requests, by_audiences = [], []
    for per_request, audiences in ((1, 1), (10, 1), (1000, 1), (10, 20), (10, 100)):
        counts, calls, log_bytes = _ask(per_request, audiences)
        costs = of_a_million(counts, calls, log_bytes, rates)
        row = _in_all(f"{per_request:,}", costs)
        if audiences == 1:
            by_requests.append(row)
        if per_request == 10:
            units = [f"{counts[name] / PERSONS:.1f}" for name in ("dynamodb_write_unit", "dynamodb_read_unit")]
            by_audiences.append([str(audiences), row[1], f"{costs['DynamoDB']:.2f}", *units, f"{calls:.0f}"])
    parked = [
        [way, f"{counts['bundles']:,}", *_in_all("", of_parked(counts, rates))[1:]]
        for way, counts in parking.of_a_million().items()
    ]
    tables = {
        "parked": _table(["events come", "bundles", "all", "S3", "SQS"], parked),
        "requests": _table(["profiles in a request", "all", *SERVICES], by_requests),
        "audiences": _table(
            ["audiences", "all", "DynamoDB", "write units a person", "read units", "Marketo calls per 1,000"],
            by_audiences,
        ),
        **computed(rates),
    }
    for name, table in tables.items():
        before, begin, rest = text.partition(BEGIN.format(name))
        text = before + begin + table + END + rest.partition(END)[2]
    TARGET.write_text(text)


def _in_all(name: str, costs: Mapping[str, float]) -> list[str]:
    return [name, f"**{sum(costs.values()):.2f}**", *(f"{one:.2f}" for one in costs.values())]


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _ask(per_request: int, audiences: int) -> tuple[dict[str, float], float, float]:
    """Counts, calls to Marketo, and bytes of log, of a process in which the functions are fresh."""
    with marketo.running(workload.NO_LIMITS) as simulator:
        command = [sys.executable, "-m", "benchmarks.units", simulator.url, str(per_request), str(audiences)]
        told = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout)  # noqa: S603
        calls = len(simulator.sent(workload.MUNCHKIN))
    return told["counts"], calls, told["log_bytes"]


if __name__ == "__main__":
    main()
