"""The documented table of sources is what they say."""

import re

from destination.ingest.conformance import RULES
from docs.sources import TARGET, render


def test_the_table_is_current() -> None:
    assert TARGET.read_text() == render(TARGET.read_text()), "run `make openapi`"


def test_a_table_that_was_edited_is_not_current() -> None:
    edited = TARGET.read_text().replace("| 2 s |", "| 3 s |")
    assert edited != TARGET.read_text() == render(edited)


def test_the_rules_of_the_kit_are_documented_in_their_order() -> None:
    _, _, rules = TARGET.read_text().partition("| rule | what is tried |")
    documented = re.findall(r"^\| ([^|]+) \|", rules.partition("\n\n")[0], re.MULTILINE)
    assert documented == list(RULES)
