"""Whatever a profile holds: the field gets a value of its type that Marketo can take, or a reason why not."""

import json
from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from destination.domain.schema import (
    INTEGER_BOUND,
    TEXT_BYTES,
    Field,
    InvalidValueError,
    coerce,
    dedupe_key,
    dedupe_value,
    plain_length,
)
from destination.domain.times import format_time, parse_time

TEXTS = ("string", "phone", "url", "text", "textarea", "email")
TIMES = ("date", "datetime")
COMPUTED = ("reference", "formula", "unheard_of")
KINDS: dict[str, type | tuple[type, ...]] = {
    "integer": int,
    "score": int,
    "percent": int,
    "float": (int, float),
    "currency": (int, float),
    "boolean": bool,
    **dict.fromkeys((*TEXTS, *TIMES), str),
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.integers(10**300, 10**350)
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["2026-11-21T10:00:00+0000", "0001-01-01T00:00:00+14:00", "1e999", "1_0", "ada@example.org", "-0"]
    )
    | st.datetimes().map(str)
    | st.emails()
)
VALUES = SCALARS | st.lists(SCALARS, max_size=2) | st.dictionaries(st.text(), SCALARS, max_size=2)
FIELDS = st.builds(Field, st.just("field"), st.sampled_from((*KINDS, *COMPUTED)), st.none() | st.integers(1, 300))


@given(VALUES, FIELDS)
def test_a_value_fits_its_field_or_is_refused(value: object, field: Field) -> None:
    try:
        sent = coerce(value, field)
    except InvalidValueError:
        return
    assert isinstance(sent, KINDS[field.data_type])
    json.dumps(sent, allow_nan=False)
    if isinstance(sent, str):
        assert len(sent.encode(errors="surrogatepass")) <= TEXT_BYTES or field.data_type not in {"text", "textarea"}
        assert len(sent) <= (field.length or 255) or field.data_type in {"text", "textarea"}
    if isinstance(sent, int) and KINDS[field.data_type] is int:
        assert -INTEGER_BOUND <= sent < INTEGER_BOUND


@given(VALUES, FIELDS)
def test_what_was_made_to_fit_fits_as_it_is(value: object, field: Field) -> None:
    try:
        sent = coerce(value, field)
    except InvalidValueError:
        return
    assert coerce(sent, field) == sent


@given(
    st.text(max_size=310).map(str.strip),
    FIELDS | st.builds(Field, st.just("field"), st.just("string"), updateable=st.booleans()),
)
def test_plain_text_is_what_the_field_takes_as_it_is(text: str, field: Field) -> None:
    if text and text.isprintable() and len(text) <= plain_length(field):
        assert coerce(text, field) == text


@given(VALUES, FIELDS)
def test_a_dedupe_value_and_what_marketo_answers_for_it_have_one_key(value: object, field: Field) -> None:
    try:
        key = dedupe_key(value, field)
    except InvalidValueError:
        return
    answered = json.loads(json.dumps(dedupe_value(value, field)))
    assert dedupe_key(answered, field) == key
    assert key
    assert "," not in key


@given(st.emails(), st.sampled_from([str.lower, str.upper, str.title]), st.sampled_from(["", " ", "\t"]))
def test_an_email_is_one_person_in_any_writing(email: str, written: object, space: str) -> None:
    field = Field("email", "email", 255)
    try:
        key = dedupe_key(email, field)
    except InvalidValueError:
        return
    assert dedupe_key(f"{space}{written(email)}{space}", field) == key  # type: ignore[operator]


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_that_was_written_reads_the_same(time: datetime) -> None:
    assert parse_time(format_time(time)) == time
