"""The charset of a content type: honoured, refused, or left alone."""

import codecs
import json

import pytest

from destination.ingest.charset import CHARSETS, UnknownCharsetError, WrongCharsetError, in_utf8

TEXT = json.dumps({"firstName": "Jörg", "lastName": "Müller"}, ensure_ascii=False)


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        ("ISO-8859-1", "latin-1"),
        ("iso-8859-1", "latin-1"),
        ('"ISO-8859-1"', "latin-1"),
        ("windows-1252", "cp1252"),
        ("Windows-1252; profile=x", "cp1252"),
        ("UTF-16", "utf-16"),
        ("utf-16", "utf-16-le"),
        ("utf-16", "utf-16-be"),
        ("utf-16le", "utf-16-le"),
        ("utf-16be", "utf-16-be"),
        ("utf-8", "utf-8"),
        ('"UTF-8"', "utf-8"),
        ("us-ascii", "utf-8"),
        ("", "utf-8"),
    ],
)
def test_a_known_charset_is_honoured(charset: str, codec: str) -> None:
    body = in_utf8(TEXT.encode(codec), f"application/json; charset={charset}", is_text=False)
    assert body.decode() == TEXT


@pytest.mark.parametrize("content_type", [None, "", "application/json", "application/json; version=charset"])
def test_a_body_without_a_charset_is_left_alone(content_type: str | None) -> None:
    assert in_utf8(b"\xff", content_type, is_text=False) == b"\xff"


def test_a_mark_at_the_beginning_of_utf_16_tells_its_order() -> None:
    for mark, codec in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        body = in_utf8(mark + TEXT.encode(codec), "text/plain; charset=UTF-16", is_text=False)
        assert body.decode() == TEXT


@pytest.mark.parametrize("charset", ["utf-7", "rot13", "zlib", "hex", "idna", "shift_jis", "é", "x" * 10_000])
def test_an_unknown_charset_is_refused(charset: str) -> None:
    with pytest.raises(UnknownCharsetError):
        in_utf8(TEXT.encode(), f"application/json; charset={charset}", is_text=False)


@pytest.mark.parametrize(("charset", "body"), [("windows-1252", b'{"a":"\x81"}'), ("utf-16", b"{}}")])
def test_a_body_that_is_not_in_its_charset_is_refused(charset: str, body: bytes) -> None:
    with pytest.raises(WrongCharsetError, match="byte"):
        in_utf8(body, f"application/json; charset={charset}", is_text=False)


def test_half_a_character_in_utf_16_becomes_its_escape() -> None:
    body = in_utf8('{"a":"\ud83d"}'.encode("utf-16-be", "surrogatepass"), "text/json;charset=utf-16", is_text=False)
    assert body == b'{"a":"\\ud83d"}'


def test_what_was_read_as_utf_8_before_is_taken_unless_characters_were_lost() -> None:
    announced = "application/json; charset=ISO-8859-1"
    assert in_utf8(b'{"a":"b"}', announced, is_text=True) == b'{"a":"b"}'
    with pytest.raises(WrongCharsetError, match="UTF-8"):
        in_utf8(TEXT.encode("latin-1").decode(errors="replace").encode(), announced, is_text=True)


def test_every_charset_that_is_told_is_known() -> None:
    for charset in CHARSETS:
        assert in_utf8(b"[]" * 2, f"application/json; charset={charset}", is_text=True) == b"[][]"
