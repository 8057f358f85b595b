"""The documents name what the code has: every reason, every code of Marketo, every parameter of the stack."""

from pathlib import Path

import pytest

from destination.domain.outcome import MESSAGES
from destination.marketo.errors import CODES
from tests.support.template import source

DOCS = Path(__file__).parents[2] / "docs"
CONFIGURATION = (DOCS / "configuration.md").read_text()
MARKETO_CODES = (DOCS / "marketo-codes.md").read_text()


@pytest.mark.parametrize("code", MESSAGES)
def test_every_reason_is_documented(code: str) -> None:
    assert f"| `{code}` |" in CONFIGURATION


@pytest.mark.parametrize("code", CODES)
def test_every_code_of_marketo_is_documented_as_the_table_has_it(code: str) -> None:
    info = CODES[code]
    wait = int(info.wait.total_seconds()) or ""
    assert f"| `{code}` | {info.failure.value} | {wait} | {info.meaning} | {info.remedy} |" in MARKETO_CODES


@pytest.mark.parametrize("name", source()["Parameters"])
def test_every_parameter_is_documented_with_its_default(name: str) -> None:
    default = source()["Parameters"][name].get("Default", "")
    assert f"| `{name}` | {f'`{default}`' if str(default) else ''} |" in CONFIGURATION
