import pytest

from destination.domain.schema import (
    TEXT_BYTES,
    Field,
    FieldValue,
    InvalidValueError,
    coerce,
    dedupe_key,
    dedupe_value,
)

NAN, INFINITY = float("nan"), float("inf")
HUGE = 10**400
EMAIL = Field("email", "email", 255)

TAKEN: list[tuple[str, object, FieldValue]] = [
    ("string", " Ada ", "Ada"),
    ("string", 7, "7"),
    ("string", 0, "0"),
    ("string", 1.5, "1.5"),
    ("string", 417.0, "417"),
    ("string", -0.0, "0"),
    ("string", 1e17, "100000000000000000"),
    ("string", 1e300, "1e+300"),
    ("string", "417.0", "417.0"),
    ("string", True, "true"),
    ("string", False, "false"),
    ("string", "x" * 255, "x" * 255),
    ("string", "ü" * 255, "ü" * 255),
    ("string", "A\x00d\x1ba\x7f\x85", "Ada"),
    ("string", "Ada\ud83d", "Ada"),
    ("string", "Ada\tL.\r\nx", "Ada\tL.\r\nx"),
    ("string", "\x00 \x01", ""),
    ("string", "क्\u200dष", "क्\u200dष"),
    ("textarea", "\x00" + "x" * TEXT_BYTES, "x" * TEXT_BYTES),
    ("phone", "+49 30 1", "+49 30 1"),
    ("phone", 493012345600.0, "493012345600"),
    ("url", "https://example.org", "https://example.org"),
    ("text", "é" * (TEXT_BYTES // 2), "é" * (TEXT_BYTES // 2)),
    ("textarea", "x" * 256, "x" * 256),
    ("email", " Ada@Example.org ", "Ada@Example.org"),
    ("email", "o'brien+news@mail.example.co", "o'brien+news@mail.example.co"),
    ("email", "ada.m@x-y.example", "ada.m@x-y.example"),
    ("email", "{a}_!@1.example", "{a}_!@1.example"),
    ("email", "ada\x00@example.org", "ada@example.org"),
    ("integer", 0, 0),
    ("integer", "42", 42),
    ("integer", " -42 ", -42),
    ("integer", 3.0, 3),
    ("integer", "3.0", 3),
    ("integer", "1e3", 1000),
    ("integer", 493012345600.0, 493012345600),
    ("integer", "9007199254740993.0", 9007199254740993),
    ("integer", "+7.", 7),
    ("integer", 2**63 - 1, 2**63 - 1),
    ("integer", -(2**63), -(2**63)),
    ("score", 10, 10),
    ("percent", 50, 50),
    ("float", 0.5, 0.5),
    ("float", "1e-3", 0.001),
    ("float", ".5", 0.5),
    ("currency", "12.50", 12.5),
    ("currency", 12, 12),
    ("currency", 12.0, 12),
    ("float", "12.0", 12),
    ("boolean", True, True),
    ("boolean", False, False),
    ("boolean", 0, False),
    ("boolean", 1, True),
    ("boolean", 0.0, False),
    ("boolean", 1.0, True),
    ("boolean", "1", True),
    ("boolean", " 0 ", False),
    ("boolean", "1.0", True),
    ("boolean", "0.0", False),
    ("boolean", " TRUE ", True),
    ("date", "1988-03-14", "1988-03-14"),
    ("date", " 1988-03-14T23:00:00-05:00", "1988-03-14"),
    ("datetime", "2026-11-21", "2026-11-21T00:00:00Z"),
    ("datetime", "2026-11-21T10:00:00+0100", "2026-11-21T09:00:00Z"),
]

REFUSED: list[tuple[str, object]] = [
    ("string", "x" * 256),
    ("string", ["Ada"]),
    ("string", {"first": "Ada"}),
    ("string", NAN),
    ("string", INFINITY),
    ("string", HUGE),
    ("text", "é" * (TEXT_BYTES // 2) + "x"),
    ("email", "ada"),
    ("email", "ada@example"),
    ("email", "ada@example.org, b@example.org"),
    ("email", "ada@exämple.org"),
    ("email", "@example.org"),
    ("email", "ada@.example.org"),
    ("email", f"{'a' * 250}@example.org"),
    ("email", 7),
    ("email", "mailto:ada@example.org"),
    ("email", "ada.@example.org"),
    ("email", ".ada@example.org"),
    ("email", "ada..m@example.org"),
    ("email", "ada@example..org"),
    ("email", "ada@example.org."),
    ("email", "ada@-example.org"),
    ("email", "ada@example-.org"),
    ("email", "ada@exa_mple.org"),
    ("email", "ada@example.org:25"),
    ("email", "<ada@example.org>"),
    ("email", '"ada"@example.org'),
    ("email", "ada@[192.0.2.1]"),
    ("email", "ada@example.org\nx"),
    ("integer", 3.5),
    ("integer", True),
    ("integer", ""),
    ("integer", "three"),
    ("integer", "1_000"),
    ("integer", "١٢"),
    ("integer", "0x10"),
    ("integer", 2**63),
    ("integer", -(2**63) - 1),
    ("integer", HUGE),
    ("integer", 1e300),
    ("integer", NAN),
    ("integer", INFINITY),
    ("integer", "nan"),
    ("integer", "9" * 5000),
    ("float", HUGE),
    ("float", -HUGE),
    ("float", "1e999"),
    ("float", "infinity"),
    ("float", False),
    ("float", None),
    ("float", [1]),
    ("boolean", 2),
    ("boolean", "yes"),
    ("boolean", 0.5),
    ("boolean", "2"),
    ("boolean", "01"),
    ("boolean", ""),
    ("boolean", NAN),
    ("date", "21.11.2026"),
    ("date", "2026-02-30"),
    ("date", "2026-11-21 or later"),
    ("date", 20261121),
    ("datetime", "tomorrow"),
    ("datetime", "2026-02-30"),
    ("datetime", "0001-01-01T00:00:00+05:00"),
    ("datetime", 1762000000000),
    ("reference", "7"),
    ("formula", "7"),
    ("lead_function", "7"),
    ("array", ["7"]),
]


@pytest.mark.parametrize(("data_type", "value", "sent"), TAKEN)
def test_a_value_becomes_what_the_field_takes(data_type: str, value: object, sent: FieldValue) -> None:
    taken = coerce(value, Field("field", data_type))
    assert (taken, type(taken)) == (sent, type(sent))


@pytest.mark.parametrize(("data_type", "value"), REFUSED, ids=lambda one: str(one)[:30])
def test_a_value_that_the_field_cannot_take_is_refused_without_being_told(data_type: str, value: object) -> None:
    with pytest.raises(InvalidValueError) as refused:
        coerce(value, Field("field", data_type))
    if isinstance(value, str) and value:
        assert value not in str(refused.value)


def test_the_length_is_the_fields_own_where_marketo_states_one() -> None:
    assert coerce("12345", Field("postalCode", "string", 5)) == "12345"
    with pytest.raises(InvalidValueError, match="5 characters"):
        coerce("123456", Field("postalCode", "string", 5))


def test_a_read_only_field_takes_nothing_but_can_identify() -> None:
    read_only = Field("crmId", "string", updateable=False)
    with pytest.raises(InvalidValueError, match="read-only"):
        coerce("C-1", read_only)
    assert dedupe_value(" C-1 ", read_only) == "C-1"


def test_emails_compare_without_case_and_surrounding_space() -> None:
    assert dedupe_key(" Ada@Example.ORG", EMAIL) == dedupe_key("ada@example.org ", EMAIL) == "ada@example.org"
    assert dedupe_value(" Ada@Example.ORG", EMAIL) == "Ada@Example.ORG"


def test_other_values_compare_by_their_type() -> None:
    assert dedupe_key(" C-1 ", Field("crmId", "string")) == "C-1"
    assert dedupe_key("c-1", Field("crmId", "string")) != dedupe_key("C-1", Field("crmId", "string"))
    assert dedupe_key(417.0, Field("crmId", "string")) == dedupe_key(417, Field("crmId", "string")) == "417"
    assert dedupe_key("007", Field("number", "integer")) == dedupe_key(7.0, Field("number", "integer")) == "7"


@pytest.mark.parametrize("value", ["", "  ", "Lovelace, Ada", None, ["C-1"]])
def test_what_cannot_be_looked_up_cannot_identify(value: object) -> None:
    with pytest.raises(InvalidValueError):
        dedupe_key(value, Field("crmId", "string"))


@pytest.mark.parametrize(
    "unseen",
    [
        "\x00",
        "\x1f",
        "\t",
        "\n",
        "\x7f",
        "\x85",
        "\ud83d",
        "\u200b",
        "\u202e",
        "\u2066",
        "\ufeff",
        "\xad",
        "\u2028",
        "👍",
        "\U0001d49c",
    ],
)
@pytest.mark.parametrize("data_type", ["string", "email"])
def test_characters_that_nobody_sees_identify_nobody(unseen: str, data_type: str) -> None:
    by = Field("field", data_type)
    for value in (f"ada{unseen}@example.org", *([] if unseen in "\t\n" else [f"ada@example.org{unseen}"])):
        with pytest.raises(InvalidValueError):
            dedupe_value(value, by)


@pytest.mark.parametrize("value", ["Zoë-1", "٣٤", "客户-7", " C\xa01\t", "C-1\r\n"])
def test_values_of_any_script_identify(value: str) -> None:
    assert dedupe_value(value, Field("crmId", "string")) == value.strip()
