"""Change the code in many small ways, and count the changes that its tests notice: the mutation score (mutmut).

`python -m testing.mutants [PART …]`: a part is a wing (`domain`) or a module of one (`domain/person.py`); without one,
all wings that pyproject.toml names in `[tool.mutants.tests]`, each with the tests that are asked about its mutants.

mutmut takes the names of modules from their paths, and knows `src` as the only folder in front of them. So every wing
gets a workshop of its own below `.mutants`, in which the project is linked and the layer is called `src`. It is made
again each time: what mutmut keeps from an earlier run says nothing about tests that have changed since.
"""

import shutil
import subprocess
import sys
import tomllib
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from configparser import ConfigParser
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
LAYER = ROOT / "layers" / "destination"
WORKSHOPS = ROOT / ".mutants"
PACKAGE = "destination"
NOTICED = ("killed", "timeout", "segfault", "suspicious")
NOT_ASKED = "BadTestExecutionCommandsException"
"""What mutmut says where it takes a mutant for noticed though no test was run."""

MUTMUT = (sys.executable, "-m", "mutmut")

Results = Mapping[str, str]
"""What became of each mutant, by its name."""


class UnknownPartError(ValueError):
    """There is no such part, or no tests are named for its wing."""


class NotAskedError(Exception):
    """Mutants were counted as noticed without a test."""


def tests_of_wings() -> Mapping[str, Sequence[str]]:
    """The tests that are asked about each wing: files and folders, as pyproject.toml names them, by patterns."""
    configured = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mutants"]["tests"]
    return {
        wing: [path for pattern in patterns for path in _matching(pattern)] for wing, patterns in configured.items()
    }


def _matching(pattern: str) -> list[str]:
    found = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))
    if not found:
        raise UnknownPartError(f"{pattern} of [tool.mutants.tests] names no test")
    return found


def _modules(part: str) -> str:
    """The files of a part, as mutmut's pattern, whose star stands for folders too."""
    path = LAYER / PACKAGE / part
    if not path.exists():
        raise UnknownPartError(f"{path.relative_to(ROOT)} does not exist")
    return f"src/{PACKAGE}/{part}" if path.is_file() else f"src/{PACKAGE}/{part}/*"


def pytest_itemcollected(item: pytest.Item) -> None:
    """Give a test the member by which mutmut 3.7 names it, and which pytest has no more since 9.2.

    mutmut 3.8 does without, but needs a click that SAM's command refuses. pytest does not find an id with a backslash
    again, and mutmut takes that for a mutant that was noticed; so such a case is asked for with all of its test.
    """
    nodeid = item.nodeid.partition("[")[0] if "\\" in item.nodeid else item.nodeid
    setattr(item, "_nodeid", nodeid)  # noqa: B010 - the type knows it no more


def run(wing: str, parts: Iterable[str], tests: Sequence[str]) -> Results:
    """Make the mutants of these parts of a wing, and ask the tests about each."""
    workshop = _set_up(wing, parts, tests)
    done = subprocess.run((*MUTMUT, "run"), cwd=workshop, check=True, stdout=sys.stderr, stderr=subprocess.PIPE)
    if NOT_ASKED.encode() in done.stderr:
        raise NotAskedError(f"pytest did not take the tests of {wing}: {done.stderr[-1000:].decode()}")
    shown = subprocess.run((*MUTMUT, "results", "--all", "true"), cwd=workshop, check=True, capture_output=True)
    return dict(line.strip().split(": ") for line in shown.stdout.decode().splitlines() if ": " in line)


def _set_up(wing: str, parts: Iterable[str], tests: Sequence[str]) -> Path:
    modules = _lines(map(_modules, parts))
    workshop = WORKSHOPS / wing
    shutil.rmtree(workshop, ignore_errors=True)
    workshop.mkdir(parents=True)
    (workshop / "src").symlink_to(LAYER)
    copied = [path for path in ROOT.iterdir() if not path.name.startswith(".")]
    for path in copied:
        (workshop / path.name).symlink_to(path)
    settings = ConfigParser()
    settings["mutmut"] = {
        "source_paths": f"src/{PACKAGE}",
        "only_mutate": modules,
        "also_copy": _lines(path.name for path in copied),
        "pytest_add_cli_args": _lines(("-p", "no:cacheprovider", "-p", "testing.mutants")),
        "pytest_add_cli_args_test_selection": _lines(tests),
        "track_dependencies": "false",
    }
    with (workshop / "setup.cfg").open("w") as file:
        settings.write(file)
    return workshop


def _lines(values: Iterable[str]) -> str:
    return "\n" + "\n".join(values)


def table(results: Results) -> str:
    """How many mutants of each module there are, and how many of them were noticed."""
    by_module: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, became in results.items():
        by_module[_module(name)][became] += 1
    rows = [*sorted(by_module.items()), ("all", sum(by_module.values(), Counter[str]()))]
    return "\n".join(
        (f"{'module':44} {'mutants':>8} {'noticed':>8} {'survived':>8} {'no test':>8} {'score':>7}", *map(_row, rows))
    )


def _row(row: tuple[str, Counter[str]]) -> str:
    module, became = row
    noticed = sum(became[one] for one in NOTICED)
    score = f"{noticed / became.total():.1%}" if became else "-"
    return f"{module:44} {became.total():8} {noticed:8} {became['survived']:8} {became['no tests']:8} {score:>7}"


def _module(name: str) -> str:
    return name.rpartition(".")[0].removeprefix(f"{PACKAGE}.").replace(".", "/") + ".py"


def main(parts: Sequence[str]) -> None:
    tests = tests_of_wings()
    by_wing: defaultdict[str, list[str]] = defaultdict(list)
    for part in parts or tests:
        by_wing[Path(part).parts[0]].append(part)
    if unknown := by_wing.keys() - tests.keys():
        raise UnknownPartError(f"[tool.mutants.tests] names no tests for {', '.join(sorted(unknown))}")
    results: dict[str, str] = {}
    for wing, of_wing in by_wing.items():
        results |= run(wing, of_wing, tests[wing])
    survivors = sorted(name for name, became in results.items() if became in {"survived", "no tests"})
    (WORKSHOPS / "survivors.txt").write_text("".join(f"{name}\n" for name in survivors))
    print(table(results))
    print(f"Who survived: {WORKSHOPS.name}/survivors.txt")
    print(f"To see one: cd {WORKSHOPS.name}/WING && {' '.join(MUTMUT)} show NAME")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except UnknownPartError as error:
        sys.exit(str(error))
