"""The documented table of field types is what the code does."""

import pytest

from destination.domain.schema import WRITABLE_TYPES, Field
from docs.field_types import BEGIN, SAMPLES, TARGET, current


def test_the_table_is_current() -> None:
    assert TARGET.read_text() == current(TARGET.read_text()), "run `make openapi`"


def test_a_table_that_was_edited_is_not_current() -> None:
    edited = TARGET.read_text().replace('`417.0` → `"417"`', '`417.0` → `"417.0"`')
    assert edited != TARGET.read_text()
    assert current(edited) == TARGET.read_text()


def test_a_document_without_its_place_is_refused() -> None:
    with pytest.raises(ValueError, match="no place for the table"):
        current(TARGET.read_text().replace(BEGIN, ""))


def test_every_type_that_can_be_written_is_in_the_table() -> None:
    written = {name for names in SAMPLES for name in names if Field("field", name).is_writable}
    assert written == WRITABLE_TYPES
