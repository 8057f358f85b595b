"""CONTRIBUTING.md leads to what is there: every path that it names, and every room of the repository."""

import re

import pytest

from testing.template import ROOT

TEXT = (ROOT / "CONTRIBUTING.md").read_text()
PACKAGE = ROOT / "layers/destination/destination"
MADE = (".local/", ".site/", ".mutants/", ".pictures/", "dist/", ".hypothesis", "console/", "tests/browser")
"""What is there once something was run, and the console, whose folders come with its screens."""

ROOMS = [*sorted(one.name for one in PACKAGE.iterdir() if one.suffix == ".py" or (one / "__init__.py").exists())]


def named() -> set[str]:
    """The paths in the document: what has a folder or a known ending, and is no command, address or pattern."""
    quoted = {one for one in re.findall(r"`([\w./-]+)`", TEXT) if "/" in one}
    bare = set(re.findall(r"(?<![\w/.`(])((?:docs|tests|simulator|functions|testing)/[\w./-]*\w)", TEXT))
    return {one for one in quoted | bare if not one.startswith(MADE)}


@pytest.mark.parametrize("path", sorted(named()))
def test_every_path_is_there(path: str) -> None:
    roots = (ROOT, PACKAGE, ROOT / "client/destination_client", ROOT / "console/src")
    assert any((root / path).exists() for root in roots), path


def test_every_room_is_on_the_map() -> None:
    top = {f"{one.name}/" for one in ROOT.iterdir() if one.is_dir() and one.name[0] not in "._"} - {"dist/"}
    _, _, below = TEXT.partition("\n## The map\n")
    on_map = set(re.findall(r"`([\w./-]+)`", below.partition("\n## ")[0]))
    rooms = {one if one.endswith(".py") else f"{one}/" for one in ROOMS} - {"__init__.py"}
    assert (top | rooms) - on_map - {"layers/"} == set()
