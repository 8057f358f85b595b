"""What tests of the delivery share."""

import pytest

from testing import importing


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bulk lane is taken where few people wait."""
    importing.few_are_many(monkeypatch)
