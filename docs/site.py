"""The site of the documents: `python -m docs.site` builds it in .site/html from what stands in the repository.

The documents link to one another as files of the repository, so that they can be read there too. The site has them in
one folder, with the README as its first page; links are changed accordingly. What is linked and is no document (an
example, a folder) is told by its name. A link that leads nowhere ends the build.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Final

from docs.api_reference import page

ROOT: Final = Path(__file__).resolve().parents[1]
SOURCE: Final = ROOT / "docs"
TARGET: Final = ROOT / ".site"
SETTINGS: Final = SOURCE / "site.toml"

OTHERS: Final = {
    ROOT / "README.md": "index.md",
    ROOT / "CONTRIBUTING.md": "contributing.md",
    ROOT / "CHANGELOG.md": "changelog.md",
    ROOT / "SECURITY.md": "reporting.md",
    ROOT / "simulator/README.md": "simulator.md",
}
"""Documents that stand elsewhere, and what they are called in the site."""

API: Final = "api.md"

_LINK: Final = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
_BLOCK: Final = re.compile(r"(^```.*?^```|^ {4,}```.*?^ {4,}```)", re.DOTALL | re.MULTILINE)


def documents() -> dict[Path, str]:
    """Every document, and its place in the site."""
    own = {path: str(path.relative_to(SOURCE)) for path in sorted(SOURCE.rglob("*.md"))}
    return {**OTHERS, **own}


def moved(text: str, document: Path, places: dict[Path, str]) -> str:
    """A document with its links as they are in the site."""

    def link(found: re.Match[str]) -> str:
        picture, words, target = found.groups()
        path, _, anchor = target.partition("#")
        if "://" in target or target.startswith("mailto:") or not path:
            return found[0]
        led = (document.parent / path).resolve()
        here = Path(places[document]).parent
        if led == SOURCE / "openapi.json":
            return f"[{words}]({os.path.relpath(API, here)})"
        if led in places:
            to = os.path.relpath(places[led], here)
            return f"{picture}[{words}]({to}{'#' + anchor if anchor else ''})"
        if picture:
            return f"![{words}]({os.path.relpath(led.relative_to(SOURCE), here)})"
        return words

    pieces = _BLOCK.split(text)
    return "".join(piece if number % 2 else _LINK.sub(link, piece) for number, piece in enumerate(pieces))


def assemble(target: Path) -> None:
    """Put the documents, the pictures and the settings into a folder that the generator takes."""
    shutil.rmtree(target, ignore_errors=True)
    places = documents()
    for document, place in places.items():
        made = target / "docs" / place
        made.parent.mkdir(parents=True, exist_ok=True)
        made.write_text(moved(document.read_text(), document, places))
    for picture in SOURCE.rglob("*.png"):
        made = target / "docs" / picture.relative_to(SOURCE)
        made.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(picture, made)
    (target / "docs" / API).write_text(page(json.loads((SOURCE / "openapi.json").read_text())))
    shutil.copy(SETTINGS, target / "zensical.toml")


def shown() -> set[str]:
    """The pages that the site's menu leads to."""

    def pages(menu: object) -> set[str]:
        match menu:
            case str(place):
                return {place}
            case dict(entries):
                return set[str]().union(*map(pages, entries.values()))
            case list(entries):
                return set[str]().union(*map(pages, entries))
        return set()

    return pages(tomllib.loads(SETTINGS.read_text())["project"]["nav"])


def main() -> None:
    """Takes the Python of the environment that has the generator."""
    (python,) = sys.argv[1:]
    assemble(TARGET)
    command = [str(Path(python).absolute()), "-m", "zensical", "build", "--strict"]
    built = subprocess.run(command, cwd=TARGET, check=False, capture_output=True, text=True)  # noqa: S603
    if built.returncode != 0:
        sys.exit(built.stdout + built.stderr)


if __name__ == "__main__":
    main()
