"""Which hours were summed up, in the table of the template."""

from collections.abc import Iterator

import pytest

from destination.domain.run import RETENTION, Run, hour_of
from destination.store.summaries import Summaries
from testing.aws import Aws, aws

HOUR = "2026-11-21T10:00Z"


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack


def test_what_is_known_of_an_hour_leaves_with_its_run(stack: Aws) -> None:
    Summaries(stack.dynamodb, "RunsTable").put(Run("c-1", HOUR, 3))
    [stored] = stack.dynamodb.scan(TableName="RunsTable")["Items"]
    assert stored["expires_at"]["N"] == str(int((hour_of(HOUR) + RETENTION).timestamp()))
