"""What CONTRIBUTING.md says of the simulator's controls, pasted: a shell runs it, against a simulator at any port."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from marketo_simulator import Simulator
from marketo_simulator.server import serve
from testing.documents import SHELLS, blocks
from testing.template import ROOT

ADDRESS = "http://127.0.0.1:9000"
STARTS = re.compile(r"^(?:python -m marketo_simulator|marketo-simulator) --port 9000.*\n", re.MULTILINE)
SECONDS = 30


def values(text: str) -> Iterator[Any]:
    """The JSON values that follow one another in a text."""
    place = 0
    while text[place:].strip():
        value, place = json.JSONDecoder().raw_decode(text, place)
        yield value


def pasted(document: Path, url: str) -> list[Any]:
    """What the simulator answers to the commands of a document, one after the other."""
    shown = "".join(one.text for one in blocks(document) if one.language in SHELLS and "curl" in one.text)
    done = subprocess.run(
        ["bash", "-eu", "-o", "pipefail"],  # noqa: S607 - the reader's
        input=STARTS.sub("", shown).replace(ADDRESS, url),
        env={
            "PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "MARKETO": f"{url}/123-ABC-456",
            "no_proxy": "127.0.0.1",
        },
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=True,
    )
    return list(values(done.stdout))


def test_what_contributors_are_told_does_what_it_says() -> None:
    simulator = Simulator()
    with serve(simulator) as server:
        calls, stats, faults, clock, cleared = pasted(ROOT / "CONTRIBUTING.md", server.url)

    assert (calls, stats["calls"]) == ([], 0)
    assert [one["code"] for one in faults] == ["1013"]
    assert clock["offset"] >= 86_400
    assert cleared == []
