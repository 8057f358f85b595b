"""Pseudonyms: made of a secret and the normalised dedupe value, as the documentation says."""

import hashlib
import hmac
from pathlib import Path

from destination.domain.pseudonym import pseudonym

MONITORING = Path(__file__).parents[3] / "docs" / "monitoring.md"


def test_a_pseudonym_is_the_beginning_of_an_hmac() -> None:
    whole = hmac.new(b"secret", b"ada@example.org", hashlib.sha256).hexdigest()
    assert pseudonym(b"secret", "ada@example.org") == whole[:16]


def test_without_the_secret_it_tells_nothing() -> None:
    assert pseudonym(b"secret", "ada@example.org") != pseudonym(b"another", "ada@example.org")
    assert pseudonym(b"secret", "ada@example.org") != pseudonym(b"secret", "bob@example.org")


def test_the_documented_example_is_right() -> None:
    assert f"`{pseudonym(b'secret', 'ada@example.org')}`" in MONITORING.read_text()
