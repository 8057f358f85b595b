"""Bodies in other characters than UTF-8, by the charset of their content type."""

import re
from typing import Final

CHARSETS: Final = ("utf-8", "utf-16", "iso-8859-1", "windows-1252")
"""Those that are known, by the names that are told."""

_CODECS: Final = {
    "utf-8": "utf-8",
    "utf8": "utf-8",
    "us-ascii": "utf-8",
    "ascii": "utf-8",
    "utf-16": "utf-16",
    "utf16": "utf-16",
    "utf-16le": "utf-16-le",
    "utf-16be": "utf-16-be",
    "iso-8859-1": "latin-1",
    "iso8859-1": "latin-1",
    "iso_8859-1": "latin-1",
    "latin1": "latin-1",
    "latin-1": "latin-1",
    "windows-1252": "cp1252",
    "cp1252": "cp1252",
}
"""A list of our own: Python's has codecs that are no charsets."""

_CHARSET: Final = re.compile(r""";\s*charset\s*=\s*(?:"([^"]*)"|'([^']*)'|([^;\s]*))""", re.IGNORECASE)
_REPLACED: Final = "\ufffd".encode()


class UnknownCharsetError(Exception):
    """A charset that is none of CHARSETS."""


class WrongCharsetError(Exception):
    """A body that is not in the charset it is announced in; the message says so in a sentence."""


def in_utf8(body: bytes, content_type: str | None, *, is_text: bool) -> bytes:
    """The body in UTF-8. One without a charset is as it is: UTF-8, which is checked where it is read.

    `is_text`: what came in between has read the body as UTF-8 already, and put U+FFFD for what was not.

    Raises UnknownCharsetError, WrongCharsetError.
    """
    found = _CHARSET.search(content_type or "")
    name = next(filter(None, found.groups()), "") if found else ""
    if not name:
        return body
    codec = _CODECS.get(name.strip().lower())
    if codec is None:
        raise UnknownCharsetError
    if codec == "utf-8":
        return body
    if is_text:
        if _REPLACED in body or b"\x00" in body:
            raise WrongCharsetError("characters of the body were lost on its way, as it is not in UTF-8; send UTF-8")
        return body
    if codec == "utf-16":
        codec = _endian(body)
    try:  # Half a surrogate pair becomes an escape, which costs the text it is in and not the body.
        return body.decode(codec, "surrogatepass").encode(errors="backslashreplace")
    except UnicodeDecodeError as error:
        raise WrongCharsetError(f"the body is not in the charset of its content type (byte {error.start})") from error


def _endian(body: bytes) -> str:
    """JSON begins with a character of ASCII, so that the zero tells the order where no mark does."""
    if body[:2] in {b"\xff\xfe", b"\xfe\xff"}:
        return "utf-16"
    return "utf-16-be" if body[:1] == b"\x00" else "utf-16-le"
