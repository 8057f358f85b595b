"""Value objects: equal by value, hashable, and of their fields alone."""

from dataclasses import replace

import pytest

from destination.domain.value_object import value_object


@value_object
class _Point:
    x: int
    y: int = 0


def test_it_is_equal_and_hashed_by_its_fields() -> None:
    assert _Point(1, 2) == replace(_Point(1), y=2)
    assert _Point(1, 2) != _Point(2, 1)
    assert len({_Point(1, 2), _Point(1, 2)}) == 1


def test_it_has_no_attributes_but_its_fields() -> None:
    with pytest.raises(AttributeError, match="z"):
        setattr(_Point(1), "z", 3)  # noqa: B010 - the type checker would not let it be assigned
