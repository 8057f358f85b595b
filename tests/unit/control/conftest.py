"""The control plane's use cases for their tests."""

from collections.abc import Iterator

import pytest

from testing.use_cases import Plane, use_cases


@pytest.fixture
def plane() -> Iterator[Plane]:
    with use_cases() as plane:
        yield plane
