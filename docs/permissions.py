"""Makes the tables of docs/permissions.md data, with which the command `destination` says who may make a call.

`python -m docs.permissions` writes it; with `--check` nothing is written, and data that is not current is an error.
"""

import argparse
import json
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

DOCUMENT: Final = Path(__file__).with_name("permissions.md")
TARGET: Final = Path(__file__).parents[1] / "client" / "destination_client" / "permissions.json"

ANY: Final = "any of them"
ALL: Final = "all of them"


def calls(document: str) -> dict[tuple[str, str], set[str]]:
    """By method and path, the permissions of which one is enough."""
    stated = {
        (method, path): set(permissions.split(", or "))
        for method, path, permissions in re.findall(r"^\| `([A-Z]+) (/\S*)` \| (.+) \|$", document, re.MULTILINE)
    }
    every = set().union(*stated.values()) - {ANY}
    return {call: every if by == {ANY} else by for call, by in stated.items()}


def personas(document: str) -> dict[str, set[str]]:
    """By persona, the permissions that it bundles."""
    return {
        name: set(permissions.split(", "))
        for name, permissions in re.findall(r"^\| \*(\w+)\* \|[^|]+\| ([^|]+) \|$", document, re.MULTILINE)
    }


def render() -> str:
    document = DOCUMENT.read_text()
    having: Mapping[str, set[str]] = personas(document)
    data: dict[str, Any] = {
        f"{method} {path}": {
            "permissions": sorted(permissions),
            "personas": [name for name, bundled in having.items() if bundled == {ALL} or bundled & permissions],
        }
        for (method, path), permissions in calls(document).items()
    }
    return json.dumps(data, indent=1) + "\n"


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the data is not current")
    made = render()
    if not parser.parse_args(arguments).check:
        TARGET.write_text(made)
    elif TARGET.read_text() != made:
        print(f"{TARGET} is not current: make openapi", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
