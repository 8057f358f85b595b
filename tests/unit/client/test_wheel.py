"""What `pip install` puts into somebody's environment: one package for the command, and one for the simulator."""

import ast
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hatchling.build import build_editable

ROOT = Path(__file__).resolve().parents[3]
START = """
import sys
sys.modules["destination"] = None  # importing it is an error, as where only the wheel is installed
sys.path.insert(0, sys.argv[1])
from destination_client import main, permissions
assert main.__file__.startswith(sys.argv[1]), main.__file__
from destination_client.console import PACKED
assert "<script" in (PACKED / "index.html").read_text()
print(permissions.remedy("GET", "/connections"))
main.app(["apply", "--help"])
"""


def build(project: Path, target: Path) -> Path:
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=project, check=True, capture_output=True)  # noqa: S603
    (wheel,) = target.glob("*.whl")
    return wheel


def top_level(wheel: Path) -> set[str]:
    with zipfile.ZipFile(wheel) as opened:
        return {name.split("/")[0] for name in opened.namelist() if ".dist-info/" not in name}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, tmp_path_factory.mktemp("wheel"))


def test_the_wheel_of_the_command_has_its_package_alone(wheel: Path) -> None:
    assert top_level(wheel) == {"destination_client"}


def test_the_simulator_is_a_distribution_of_its_own(tmp_path: Path) -> None:
    assert top_level(build(ROOT / "simulator", tmp_path)) == {"marketo_simulator"}


def test_nothing_in_the_wheel_imports_what_is_not_in_it(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        modules = {name: opened.read(name) for name in opened.namelist() if name.endswith(".py")}
    imported = {
        name.split(".")[0]
        for code in modules.values()
        for node in ast.walk(ast.parse(code))
        for name in (
            [one.name for one in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    required = {"boto3", "botocore", "pydantic", "requests", "rich", "typer", "urllib3", "yaml"}
    assert imported - set(sys.stdlib_module_names) - {"destination_client"} <= required


def test_the_command_runs_from_the_wheel_alone(wheel: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(wheel) as opened:
        opened.extractall(tmp_path)
    command = [sys.executable, "-c", START, str(tmp_path)]
    said = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True).stdout  # noqa: S603
    assert "View Destinations" in said
    assert "--dry-run" in said


def test_an_editable_install_has_the_checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_editable(str(tmp_path))) as opened:
        (paths,) = (opened.read(name).decode() for name in opened.namelist() if name.endswith(".pth"))
    assert {Path(one) for one in paths.splitlines()} == {
        ROOT / one for one in ("layers/destination", "simulator", "client")
    }
