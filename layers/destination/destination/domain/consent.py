"""Consent: whose profiles may be exported.

Source: Adobe, "Consent policies": profiles without consent are left out of an activation, and whose consent is
withdrawn leaves streaming destinations as if it had left the audience.
"""

from collections.abc import Callable, Mapping

from destination.domain.connection import Consent
from destination.domain.path import Path, WrittenValues


def consent_test(rule: Consent) -> Callable[[Mapping[str, object]], bool]:
    """What tells of a profile whether it has an allowed value, in an array too; prepared once for many profiles."""
    path, allowed = Path.of(rule.source), WrittenValues.of(rule.allowed)

    def is_given(profile: Mapping[str, object]) -> bool:
        return any(value in allowed for value in path.values(profile))

    return is_given
