"""The document of the command names what there is, and its file of a connection can be applied."""

import re
from pathlib import Path

import pytest
import typer

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from destination_client.documents import read
from destination_client.main import COMMANDS, app
from destination_client.plan import Create, Enable, plan
from destination_client.wanted import wanted

ROOT = Path(__file__).resolve().parents[3]
DOCUMENT = (ROOT / "docs/client.md").read_text()


@pytest.mark.parametrize("name", [name for name, _, _ in COMMANDS])
def test_every_command_is_documented(name: str) -> None:
    assert re.search(rf"`(destination )?{name}[ `]", DOCUMENT)


SHARED = set(re.findall(r"`(--[a-z-]+)", DOCUMENT.partition("Options of many commands:")[2].partition("## ")[0]))


@pytest.mark.parametrize("name", [None, *(name for name, _, _ in COMMANDS)])
def test_every_option_is_documented(name: str | None) -> None:
    group = typer.main.get_command(app)
    commands = getattr(group, "commands", {})
    found = [max(one.opts, key=len) for one in (commands[name] if name else group).params if one.opts[0][:1] == "-"]
    shown = DOCUMENT.partition("## What things are called")[0] if name is None else None
    row = shown or "".join(row for row in DOCUMENT.splitlines() if row.startswith("| `") and f"`{name}" in row)
    assert [one for one in found if one not in SHARED and not re.search(rf"{one}\b", row)] == []


@pytest.mark.parametrize("name", [*ConnectionIn.model_fields, *AudienceIn.model_fields])
def test_every_property_of_a_file_is_documented(name: str) -> None:
    assert re.search(rf"\b{name}\b", (ROOT / "docs/configuration.md").read_text())


def test_the_file_can_be_applied(tmp_path: Path) -> None:
    (found,) = re.findall(r"^```yaml\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    (tmp_path / "connection.yaml").write_text(found)
    (document,) = read(tmp_path / "connection.yaml")
    first, *_, last = plan(wanted(document, {}), None)
    assert isinstance(first, Create)
    assert last == Enable()
