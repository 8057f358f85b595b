"""An account with the stack's tables, queues and secrets, for the implementations that need one."""

from collections.abc import Iterator

import pytest

from testing.aws import Aws, aws


@pytest.fixture
def stack() -> Iterator[Aws]:
    with aws() as stack:
        yield stack
