"""What a release is published with: its part of the changelog.

`python -m docs.release` writes dist/notes.md for the version that pyproject.toml has; in a workflow of a tag the tag
must be of that version.
"""

import os
import re
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "dist/notes.md"


class ReleaseError(Exception):
    """The version cannot be released like this; the message says why."""


def version() -> str:
    """The version in pyproject.toml."""
    return str(tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"])


def notes(changelog: str, of: str) -> str:
    """What the changelog says of a version, without its heading. Raises ReleaseError."""
    found = re.search(
        rf"^## \[{re.escape(of)}\] - \d{{4}}-\d\d-\d\d\n(.*?)(?=^## |^\[|\Z)", changelog, re.DOTALL | re.MULTILINE
    )
    if found is None or not found[1].strip():
        raise ReleaseError(
            f"CHANGELOG.md has nothing under '## [{of}] - DATE'; give what is under [Unreleased] that heading."
        )
    return found[1].strip() + "\n"


def check_tag(tag: str, of: str) -> None:
    """Raises ReleaseError for a tag that is not the version's."""
    if tag != f"v{of}":
        raise ReleaseError(f"The tag is {tag} and pyproject.toml says {of}; tag v{of}, or change the version first.")


def main() -> None:
    of = version()
    try:
        if os.environ.get("GITHUB_REF_TYPE") == "tag":
            check_tag(os.environ["GITHUB_REF_NAME"], of)
        written = notes((ROOT / "CHANGELOG.md").read_text(), of)
    except ReleaseError as error:
        sys.exit(str(error))
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_text(written)


if __name__ == "__main__":
    main()
