"""The dependency rule: functions call use cases, use cases call the domain and the edges, edges know no other edge."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers/destination/destination"
FUNCTIONS = ROOT / "functions"
EDGES = ("marketo", "store", "queue", "notify", "cloudformation")
LINE = ("ingest", "delivery", "files", "control", "monitoring")
"""The use cases: each may call those before it, and none that comes after it."""

MAY_IMPORT = {
    "domain": {"domain"},
    "settings": {"settings"},
    "api": {"api", "domain"},
    **{edge: {edge, "domain"} for edge in EDGES},
    **{use_case: {*LINE[: place + 1], *EDGES, "domain"} for place, use_case in enumerate(LINE)},
    "ingest": {"ingest", "store", "queue", "domain"},
    "observation": {"observation", "marketo"},
    "composition": {"composition", *LINE, *EDGES, "settings", "domain"},
}
"""By room of the package `destination`, the rooms that it may import.

`api` is an edge of the functions alone; the webhook needs neither Marketo nor anybody to be told. `observation` knows
the type of a call to Marketo. The functions take their use cases from `composition`, which no other room imports.
"""

INGEST_MODULES = 96
"""Imported by ingest beside boto3: a cold start has to answer within two seconds."""

START = """
import runpy, sys
import boto3
before = set(sys.modules)
runpy.run_path(sys.argv[1], run_name="app")
print(*(set(sys.modules) - before))
"""

CLIENT = ROOT / "client/destination_client"
MODULES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]
HANDLERS = sorted(FUNCTIONS.glob("*/app.py"))


def imports(path: Path) -> Iterator[str]:
    """The absolute names of all modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{path} imports relatively"
            yield node.module
            if node.module == "destination":
                yield from (f"destination.{alias.name}" for alias in node.names)


def room_of(path: Path) -> str:
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def rooms_imported(path: Path) -> set[str]:
    return {name.split(".")[1] for name in imports(path) if name.startswith("destination.")}


def test_every_room_has_its_rule() -> None:
    assert {room_of(path) for path in MODULES} == MAY_IMPORT.keys()


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_module_imports_only_what_its_room_may(path: Path) -> None:
    assert rooms_imported(path) <= MAY_IMPORT[room_of(path)]


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_nothing_imports_the_functions_the_tests_or_the_simulator(path: Path) -> None:
    outside = {"functions", "tests", "marketo_simulator", "local", "destination_client"}
    assert outside.isdisjoint(name.split(".")[0] for name in imports(path))


@pytest.mark.parametrize("path", sorted(CLIENT.rglob("*.py")), ids=lambda path: path.name)
def test_the_command_uses_what_the_interface_says_and_nothing_behind_it(path: Path) -> None:
    assert rooms_imported(path) <= {"api", "domain"}
    assert {"functions", "tests", "marketo_simulator", "local"}.isdisjoint(name.split(".")[0] for name in imports(path))


@pytest.mark.parametrize("path", sorted((PACKAGE / "domain").rglob("*.py")), ids=lambda path: path.name)
def test_the_domain_imports_the_standard_library_alone(path: Path) -> None:
    allowed = {*sys.stdlib_module_names, "destination"}
    assert {name.split(".")[0] for name in imports(path)} <= allowed


@pytest.mark.parametrize("path", sorted((PACKAGE / "domain").rglob("*.py")), ids=lambda path: path.name)
def test_the_domain_reads_neither_clock_nor_chance_nor_environment(path: Path) -> None:
    impure = {"os", "random", "secrets", "socket", "time", "uuid", "logging", "threading", "pathlib", "subprocess"}
    assert impure.isdisjoint(name.split(".")[0] for name in imports(path))
    calls = {
        node.func.attr
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
    }
    assert calls.isdisjoint({"now", "utcnow", "today", "open"})


@pytest.mark.parametrize("path", sorted(FUNCTIONS.glob("*/*.py")), ids=lambda path: str(path.relative_to(FUNCTIONS)))
def test_a_function_imports_no_other_function(path: Path) -> None:
    own = f"functions.{path.parent.name}"
    assert all(name == own or name.startswith(f"{own}.") for name in imports(path) if name.startswith("functions"))


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_handler_only_translates(path: Path) -> None:
    (handler,) = (
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.FunctionDef) and node.name == "handler"
    )
    assert handler.end_lineno is not None
    assert handler.end_lineno - handler.lineno + 1 <= 30


@pytest.mark.parametrize("path", sorted((PACKAGE / "composition").glob("*.py")), ids=lambda path: path.name)
def test_what_functions_share_is_put_together_without_them(path: Path) -> None:
    of_functions = {f"destination.composition.{handler.parent.name}" for handler in HANDLERS}
    assert of_functions.isdisjoint(imports(path))


@pytest.mark.parametrize("path", HANDLERS, ids=lambda path: path.parent.name)
def test_a_function_is_put_together_by_the_module_of_its_name(path: Path) -> None:
    own = f"destination.composition.{path.parent.name}"
    used = {name for file in path.parent.glob("*.py") for name in imports(file)}
    used.discard("destination.composition.now")
    assert {name for name in used if name.startswith("destination.composition.")} == {own}


def test_clients_of_aws_are_made_in_one_place() -> None:
    modules = [*PACKAGE.rglob("*.py"), *FUNCTIONS.rglob("*.py")]
    assert [path for path in modules if "boto3" in imports(path)] == [PACKAGE / "composition/aws.py"]


def test_ingest_starts_light() -> None:
    command = [sys.executable, "-c", START, str(FUNCTIONS / "ingest/app.py")]
    loaded = subprocess.run(command, capture_output=True, check=True, text=True).stdout.split()  # noqa: S603
    assert {"requests", "pydantic", "destination.marketo", "destination.delivery"}.isdisjoint(loaded)
    assert len(loaded) <= INGEST_MODULES


def test_the_layer_keeps_the_models_of_every_service_that_is_called() -> None:
    makefile = (ROOT / "layers/dependencies/Makefile").read_text()
    [kept] = re.findall(r"^services := (.+)$", makefile, re.MULTILINE)
    code = "\n".join(path.read_text() for path in (*PACKAGE.rglob("*.py"), *FUNCTIONS.rglob("*.py")))
    assert set(re.findall(r'boto3\.client\(\s*"([\w-]+)"', code)) <= set(kept.split())


PACKAGES = {
    "destination": PACKAGE,
    "destination_client": CLIENT,
    "marketo_simulator": ROOT / "simulator/marketo_simulator",
    **{name: ROOT / name for name in ("local", "benchmarks", "testing")},
}


def import_graph(packages: dict[str, Path]) -> dict[str, set[str]]:
    """By module of the packages, those that it imports; what only a type checker imports counts as well."""
    files = {}
    for package, folder in packages.items():
        for path in folder.rglob("*.py"):
            parts = (package, *path.relative_to(folder).with_suffix("").parts)
            files[".".join(part for part in parts if part != "__init__")] = path
    graph: dict[str, set[str]] = {}
    for module, path in files.items():
        graph[module] = set()
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                graph[module] |= {alias.name for alias in node.names} & files.keys()
            elif isinstance(node, ast.ImportFrom):
                # `from package import name`: the module of that name, or else what the package itself defines.
                named = {f"{node.module}.{alias.name}" for alias in node.names}
                graph[module] |= {name if name in files else str(node.module) for name in named} & files.keys()
    return graph


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = import_graph(PACKAGES)
    assert {module.split(".")[0] for module in graph} == PACKAGES.keys()
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


def classes(folder: Path) -> Iterator[tuple[str, bool, Path]]:
    """Every class: its name, whether it is a Protocol, and where it is."""
    for path in sorted(folder.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                yield node.name, any(ast.unparse(base) == "Protocol" for base in node.bases), path.relative_to(ROOT)


def test_a_class_name_means_one_thing() -> None:
    """A Protocol may bear the name of what it stands for; the simulator is a package of its own, in Marketo's words."""
    places: dict[str, list[Path]] = {}
    for room in ("layers/destination", "functions", "client", "local", "testing", "benchmarks"):
        for name, is_protocol, path in classes(ROOT / room):
            if not is_protocol:
                places.setdefault(name, []).append(path)
    assert {name: paths for name, paths in places.items() if len(paths) > 1} == {}
