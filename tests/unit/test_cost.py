"""The cost page: its arithmetic, and that its tables go with the prices that are there."""

import re

import pytest

from benchmarks.units import PERSONS, MeteredDynamoDB, size
from docs.cost import (
    ALARMS,
    BEGIN,
    END,
    GAUGES,
    METRICS,
    SERVICES,
    TARGET,
    Rates,
    computed,
    of_a_flood,
    of_a_million,
    of_a_month,
    of_parked,
)
from testing.template import ROOT, of_type, source

RATES = Rates.load()
COUNTS = {
    "ingest_requests": 100.0,
    "lambda_request": 101.0,
    "sqs_request": 120.0,
    "dynamodb_write_unit": 2000.0,
    "dynamodb_read_unit": 500.0,
}


def test_a_million_costs_what_was_counted_at_its_prices() -> None:
    costs = of_a_million(COUNTS, calls=12, log_bytes=0, rates=RATES)

    assert tuple(costs) == SERVICES
    assert costs["API Gateway"] == pytest.approx(1000 * 100 * RATES.prices["api_request"])
    assert costs["DynamoDB"] == pytest.approx(
        1000 * (2000 * RATES.prices["dynamodb_write_unit"] + 500 * RATES.prices["dynamodb_read_unit"])
    )
    assert PERSONS == 1000


def test_what_is_sampled_costs_its_share() -> None:
    all_traced = Rates(RATES.prices, {**RATES.assumed, "traced_share": 1.0})
    sampled = of_a_million(COUNTS, 12, 0, RATES)["traces"]
    assert sampled == pytest.approx(of_a_million(COUNTS, 12, 0, all_traced)["traces"] * RATES.assumed["traced_share"])
    assert source()["Parameters"]["TraceSampleRate"]["Default"] == RATES.assumed["traced_share"]


def test_a_connection_costs_its_secrets_and_a_little_work_a_month() -> None:
    costs = [of_a_month(connections, RATES) for connections in (1, 2)]
    grown = {name for name in costs[0] if costs[1][name] > costs[0][name]}
    assert grown == {"secrets", "monitor"}
    assert sum(costs[0].values()) < 8


def test_what_is_parked_costs_a_put_and_a_get_of_each_bundle_and_its_message() -> None:
    counts = {"bundles": 100, "S3 PUT": 100, "S3 GET": 110, "S3 LIST": 2, "S3 DELETE": 100}
    costs = of_parked(counts, RATES)
    assert costs["S3"] == pytest.approx(102 * RATES.prices["s3_put"] + 110 * RATES.prices["s3_get"])
    assert costs["SQS"] == pytest.approx(3 * 10 * RATES.prices["sqs_request"])


def test_what_stops_a_flood_costs_less_than_the_flood() -> None:
    costs = of_a_flood(RATES)
    assert costs["nothing"] > costs["`RequestsPerAddress`, what it stops"] > costs["`TruststoreUri`"]


@pytest.mark.parametrize("name", sorted(computed(RATES)))
def test_the_page_has_the_tables_of_the_prices(name: str) -> None:
    _, _, below = TARGET.read_text().partition(BEGIN.format(name))
    assert below.partition(END)[0] == computed(RATES)[name], "run python -m docs.cost"


def test_alarms_and_metrics_are_as_many_as_there_are() -> None:
    rows = re.findall(
        r"^\| (\w+) \| `\w+` \| `stack`, `service` \| \w+ \| (.*) \|$",
        (ROOT / "docs/monitoring.md").read_text(),
        re.MULTILINE,
    )
    gauges = [said for function, said in rows if function == "monitor" and "; nothing while" not in said]
    assert (len(rows), len(gauges)) == (METRICS, GAUGES)
    told = f"{METRICS} of the stack, of which the monitor writes {GAUGES} in every hour"
    assert told in (ROOT / "docs/operations.md").read_text()
    alarms = of_type(source(), "AWS::CloudWatch::Alarm").values()
    watched = [one for alarm in alarms for one in alarm.get("Metrics", [{"MetricStat": None}]) if "MetricStat" in one]
    assert len(watched) == ALARMS


def test_the_size_of_an_item_is_that_of_its_names_and_values() -> None:
    """Amazon DynamoDB, "Item sizes and formats"."""
    assert size({"pk": {"S": "é"}, "on": {"BOOL": True}}) == 2 + 2 + 2 + 1
    assert size({"m": {"M": {"a": {"S": "b"}}}, "l": {"L": [{"S": "c"}]}}) == 1 + (3 + 1 + 2) + 1 + (3 + 1 + 1)


def test_units_of_reads_and_writes() -> None:
    tables = MeteredDynamoDB()
    item = {"pk": {"S": "p"}, "sk": {"S": "x" * 1100}}
    key = {"TableName": "ledger", "Key": item}
    tables.put_item(TableName="ledger", Item=item)
    assert tables.units["dynamodb_write_unit"] == 2
    tables.transact_write_items(TransactItems=[{"Put": {"TableName": "ledger", "Item": item}}, {"ConditionCheck": key}])
    assert tables.units["dynamodb_write_unit"] == 2 + 4 + 2
    tables.get_item(**key)
    tables.get_item(**key, ConsistentRead=True)
    assert tables.units["dynamodb_read_unit"] == 0.5 + 1
