"""How the identity of a person stands in the JSON of its events, so that messages without it need not be read."""

import json
from typing import Final

from destination.domain.schema import Field

_TEXTS: Final = frozenset({"string", "phone", "url", "text", "textarea", "email"})
"""Types of fields whose values are compared as they are written; a number or a date may be written in several ways."""

_DIGITS: Final = 16
"""So many digits a whole number may have that Python writes without an exponent."""


def written(identity: str, by: Field) -> str | None:
    """What stands, in lower case, in every event with an identity, which is compared by a field; None: nothing certain.

    A number with a sign, a fraction or many digits is written in several ways. What is not ASCII is escaped, in which
    upper and lower case look nothing alike.
    """
    is_plain_number = identity.isdecimal() and len(identity) <= _DIGITS
    if by.data_type not in _TEXTS or not identity.isascii() or (_is_number(identity) and not is_plain_number):
        return None
    return json.dumps(identity)[1:-1].lower()


def may_have(message: str, text: str | None) -> bool:
    """Whether a message may have an event with the identity that is written so."""
    return text is None or text in message.lower()


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
