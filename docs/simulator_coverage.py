"""Writes the tables of what the simulator covers of Marketo's REST API: `python -m docs.simulator_coverage`."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from marketo_simulator.routes import OPERATIONS
from marketo_simulator.unsimulated import NOT_SIMULATED

TARGET: Final = Path(__file__).parents[1] / "simulator" / "README.md"
BEGIN: Final = "<!-- written by docs/simulator_coverage.py -->\n"
END: Final = "<!-- end of what is written -->\n"

_AREAS: Final = {
    "Identity": "/identity/",
    "Leads": "/rest/v1/lead",
    "Activities": "/rest/v1/activities",
    "Lists": "/rest/v1/list",
    "Assets": "/rest/asset/",
    "Bulk": "/bulk/",
    "Usage": "/rest/v1/stats/",
    "Users": "/userservice/",
}
_IDENTITY: Final = {("GET", "/identity/oauth/token"): "Identity", ("POST", "/identity/oauth/token"): "Identity"}


def simulated() -> Iterator[str]:
    """One row for each call, by area."""
    names = _IDENTITY | {call: operation.name for call, operation in OPERATIONS.items()}
    for area, start in _AREAS.items():
        for (method, path), name in sorted(names.items(), key=lambda each: (each[0][1], each[0][0])):
            if path.startswith(start):
                yield f"| {area} | {name} | `{method} {path}` |"


def not_simulated() -> Iterator[str]:
    """One row for each root of paths: what the calls below it are about, and how many they are."""
    counted: dict[str, Counter[str]] = {}
    for rows in NOT_SIMULATED.values():
        for _, path, _ in rows:
            root, kind = _kind(path)
            counted.setdefault(root, Counter())[kind] += 1
    for root, kinds in sorted(counted.items()):
        shown = ", ".join(f"{kind} ({count})" for kind, count in sorted(kinds.items()))
        yield f"| `{root}` | {shown} |"


def _kind(path: str) -> tuple[str, str]:
    """The path up to its version, and the thing that comes behind it; one and many of a kind are one."""
    version = "/v1/" if "/v1/" in path else "/v2/"
    root, _, rest = path.partition(version)
    thing = rest.partition("/")[0].removesuffix(".json")
    return root + version, thing.removesuffix("ies") + "y" if thing.endswith("ies") else thing.removesuffix("s")


def tables() -> str:
    lines = ["| area | call | |", "|---|---|---|", *simulated(), ""]
    total = sum(len(rows) for rows in NOT_SIMULATED.values())
    lines += [f"{total} calls of Adobe's definitions are answered 501, with their names:", ""]
    return "\n".join([*lines, "| below | about (calls) |", "|---|---|", *not_simulated(), ""])


def render(text: str) -> str:
    """The document with the tables as they are now."""
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + tables() + END + rest.partition(END)[2]


if __name__ == "__main__":
    TARGET.write_text(render(TARGET.read_text()))
