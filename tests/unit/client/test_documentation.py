"""The document of the command names what there is, and its file of a connection can be applied."""

import re
from pathlib import Path

import pytest

from destination_client.documents import read
from destination_client.main import COMMANDS
from destination_client.plan import Create, Enable, plan
from destination_client.wanted import wanted

DOCUMENT = (Path(__file__).resolve().parents[3] / "docs/client.md").read_text()


@pytest.mark.parametrize("name", [name for name, _, _ in COMMANDS])
def test_every_command_is_documented(name: str) -> None:
    assert re.search(rf"`(destination )?{name}[ `]", DOCUMENT)


def test_the_file_can_be_applied(tmp_path: Path) -> None:
    (found,) = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    (tmp_path / "connection.yaml").write_text(found)
    (document,) = read(tmp_path / "connection.yaml")
    first, *_, last = plan(wanted(document, {}), None)
    assert isinstance(first, Create)
    assert last == Enable()
