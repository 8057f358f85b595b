"""Text that people give as names, ids and descriptions: what it may not hold, as nobody would see it.

Names are shown in consoles, mails and logs, where a mark that turns the direction of text makes one look like another.
"""

import unicodedata
from typing import Final

LINE_SIGNS: Final = "\t\n\r"
"""What text of several lines may hold, beside what can be seen."""

_HIDDEN: Final = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
"""Unicode's categories: control characters, format characters, halves of characters (lone surrogates, which are no
UTF-8), line and paragraph separators.
"""

_JOINERS: Final = "\u200c\u200d"
"""They are format characters, and many scripts and emoji are written with them."""


def hidden_at(text: str, besides: str = "") -> int | None:
    """Where the first character is that nobody would see and that is none of these; None: there is none."""
    if text.isascii() and text.isprintable():
        return None
    return next((place for place, sign in enumerate(text) if _is_hidden(sign) and sign not in besides), None)


def without_hidden(text: str) -> str:
    """A space for each character that nobody would see, and a question mark for half a character (lone surrogate)."""
    whole = text.encode(errors="replace").decode()
    return "".join([" " if _is_hidden(sign) else sign for sign in whole])


def plain(text: str) -> str:
    """The letters and digits alone, without case: what two spellings of a name have in common."""
    return "".join(sign for sign in text.casefold() if sign.isalnum())


def _is_hidden(sign: str) -> bool:
    return unicodedata.category(sign) in _HIDDEN and sign not in _JOINERS
