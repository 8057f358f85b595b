"""Consent: whose profiles may be exported.

Source: Adobe, "Consent policies": profiles without consent are left out of an activation, and whose consent is
withdrawn leaves streaming destinations as if it had left the audience.
"""

from collections.abc import Mapping

from destination.domain.connection import Consent


def is_given(rule: Consent, profile: Mapping[str, object]) -> bool:
    """Whether the profile has an allowed value, or a list with one; compared as text, `true` and `false` included."""
    value: object = profile
    for name in rule.source.split("."):
        if not isinstance(value, Mapping):
            return False
        value = value.get(name)
    return any(_text(one) in rule.allowed for one in (value if isinstance(value, list) else [value]))


def _text(value: object) -> str | None:
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return value
        case int() | float():
            return str(value)
    return None
