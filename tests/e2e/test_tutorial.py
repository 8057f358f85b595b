"""The tutorial, pasted: the blocks of docs/tutorial.md are run by one bash in their order, and answer as it shows.

Its blocks of the language `bash` are pasted; a block of `jsonc` after one is its answer. A property that an answer
leaves out may hold anything, and so may `…`; in a list it stands for any entries. `$NAME` is a variable: an answer
gives it its value the first time, everything later uses it.
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from local import demo, places, stack
from tests.e2e.system import System

TUTORIAL = Path(__file__).resolve().parents[2] / "docs/tutorial.md"
ANYTHING = "…"
END = "-- end of a block:"
TUTORIAL_SECONDS = 100.0
"""More than a reader takes who types nothing, deliveries included, on a machine that does much else."""


@dataclass(frozen=True, slots=True)
class Step:
    """A block that is pasted, and the answer that is shown below it, if any."""

    commands: str
    shown: Any = None


def steps(text: str) -> Iterator[Step]:
    blocks = re.findall(r"^```(\w+)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    assert {language for language, _ in blocks} == {"bash", "jsonc"}
    for (language, block), (following, answer) in zip(blocks, [*blocks[1:], ("", "")], strict=True):
        if language == "bash":
            yield Step(block, json.loads(answer) if following == "jsonc" else None)


def pasted(walked: list[Step]) -> list[str]:
    """What each block prints when all are pasted into one bash; none may fail, or use what was not kept before."""
    environment = places.environment()
    # The reader's Python is the one that runs the tests, so that `make` finds it set up.
    environment["PATH"] = f"{Path(sys.executable).parent}:{environment['PATH']}"
    finished = subprocess.run(
        ["bash", "-u"],  # noqa: S607 - the reader's
        input="".join(f"{step.commands}echo '{END}' $?\n" for step in walked),
        env=environment,
        cwd=places.ROOT,
        capture_output=True,
        text=True,
        timeout=TUTORIAL_SECONDS,
        check=False,
    )
    printed = re.split(rf"^{END} (\d+)\n", finished.stdout, flags=re.MULTILINE)
    outputs, codes = printed[::2][:-1], printed[1::2]
    assert codes == ["0"] * len(walked), (outputs, codes, finished.stderr)
    return outputs


@dataclass(frozen=True, slots=True)
class Reader:
    """Somebody who compares what is printed with what is shown."""

    known: dict[str, Any] = field(default_factory=dict)

    def follow(self, step: Step, printed: str) -> None:
        if step.shown is not None:
            wrong = self.compare(step.shown, json.loads(printed), "")
            assert not wrong, f"{step.commands} answered {printed}: {', '.join(wrong)}"

    def compare(self, shown: Any, found: Any, path: str) -> list[str]:
        """Where what was found is not as shown. Variables keep their new values only if all of it is."""
        before = dict(self.known)
        if wrong := list(self._compare(shown, found, path)):
            self.known.clear()
            self.known.update(before)
        return wrong

    def _compare(self, shown: Any, found: Any, path: str) -> Iterator[str]:
        match shown:
            case str() if shown == ANYTHING:
                return
            case str() if re.fullmatch(r"\$[A-Z]+", shown):
                if self.known.setdefault(shown[1:], found) != found:
                    yield f"{path}: {found!r} is not {shown}"
            case dict() if isinstance(found, dict):
                for name, value in shown.items():
                    if name not in found:
                        yield f"{path}.{name} is missing"
                    else:
                        yield from self._compare(value, found[name], f"{path}.{name}")
            case list() if isinstance(found, list):
                yield from self._compare_lists(shown, found, path)
            case _ if shown != found:
                yield f"{path}: {found!r} instead of {shown!r}"

    def _compare_lists(self, shown: list[Any], found: list[Any], path: str) -> Iterator[str]:
        if ANYTHING in shown:
            rest = iter(found)
            for one in shown:
                if one != ANYTHING and not any(not self.compare(one, other, path) for other in rest):
                    yield f"{path}: no entry is like {one}"
        elif len(found) != len(shown):
            yield f"{path}: {len(found)} entries instead of {len(shown)}"
        else:
            for index, (one, other) in enumerate(zip(shown, found, strict=True)):
                yield from self._compare(one, other, f"{path}[{index}]")


def invoked(system: System, function: str) -> dict[str, Any]:
    """What a function answers to the event that the demo left for it."""
    answer = system.aws("lambda").invoke(
        FunctionName=system.stack.functions[function], Payload=(demo.FILLED_EVENTS / f"{function}.json").read_bytes()
    )
    told: dict[str, Any] = json.load(answer["Payload"])
    assert "FunctionError" not in answer, told
    return told


@pytest.mark.timeout(TUTORIAL_SECONDS, func_only=True)
def test_the_demo_leaves_an_event_for_each_function(system: System) -> None:
    assert demo.main() == 0
    assert stack.alive()["console"], "as the demo says where it is"
    assert invoked(system, "ingest")["statusCode"] == 202
    assert invoked(system, "sync") == {"batchItemFailures": []}
    answer = invoked(system, "connections")
    created = sum(run["activated"]["created"] for run in json.loads(answer["body"])["runs"])
    assert (answer["statusCode"], created) == (200, 2), "one by the demo, one by the events for ingest and sync"
    assert invoked(system, "files") == {"carried_on": 0, "in_trouble": 0}, "no file was put where it says"
    assert invoked(system, "monitor")["summaries"] <= 2 * len(system.listed(100)), "of this hour, not of a sample's"


@pytest.mark.timeout(4 * TUTORIAL_SECONDS, func_only=True)
def test_the_demo_and_the_tutorial_can_follow_one_another(system: System) -> None:
    walked = list(steps(TUTORIAL.read_text()))
    assert sum(step.shown is not None for step in walked) > 15
    for _ in range(2):
        assert demo.main() == 0
        reader = Reader()
        for step, printed in zip(walked, pasted(walked), strict=True):
            reader.follow(step, printed)
        assert {"ID", "TOKEN", "RUN", "NEW"} <= reader.known.keys()
        system.secrets.add(reader.known["TOKEN"])
