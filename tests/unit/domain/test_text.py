"""Characters that nobody sees in names, ids and descriptions."""

import pytest

from destination.domain.text import LINE_SIGNS, hidden_at, without_hidden


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Webinar, spring",
        "Müller & Söhne",
        "東京 / 大阪",
        "👩\u200d👧 🇩🇪 ❤\ufe0f",
        "می\u200cشود",
        "नमस्ते",
        "a\u00a0b",
    ],
)
def test_what_can_be_seen_stays(text: str) -> None:
    assert (hidden_at(text), without_hidden(text)) == (None, text)


@pytest.mark.parametrize(
    "sign",
    [
        "\n",
        "\x00",
        "\x7f",
        "\x85",
        "\u00ad",
        "\u061c",
        "\u200b",
        "\u200e",
        "\u2028",
        "\u2029",
        "\u202e",
        "\u2066",
        "\ufeff",
    ],
)
def test_what_nobody_sees_is_found_and_taken_out(sign: str) -> None:
    assert (hidden_at(f"ab{sign}c"), without_hidden(f"ab{sign}c")) == (2, "ab c")


@pytest.mark.parametrize(("text", "place"), [("a\r\n\tb", None), ("a\nb\x0bc", 3), ("a\nb\u202ec", 3)])
def test_text_of_several_lines_may_have_what_makes_them(text: str, place: int | None) -> None:
    assert hidden_at(text, LINE_SIGNS) == place


def test_half_a_character_is_found_and_written_as_one_that_is_missing() -> None:
    assert (hidden_at("a\ud83d"), without_hidden("a\ud83d")) == (1, "a?")
