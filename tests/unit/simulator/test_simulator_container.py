"""The Dockerfile and the compose file, read: neither can be run here."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from marketo_simulator import Simulator
from marketo_simulator.__main__ import parser

FOLDER = Path(__file__).parents[3] / "simulator"
DOCKERFILE = FOLDER / "Dockerfile"
COMPOSE: dict[str, Any] = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICE = COMPOSE["services"]["marketo"]


def instructions() -> list[tuple[str, str]]:
    """Each instruction with its arguments, in order."""
    lines = [line for line in DOCKERFILE.read_text().splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(name, rest) for name, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def arguments(name: str) -> list[str]:
    return [rest for each, rest in instructions() if each == name]


def test_the_linter_of_dockerfiles_has_nothing_to_say() -> None:
    hadolint = Path(sys.executable).with_name("hadolint")
    command = [str(hadolint), "--no-color", "--failure-threshold", "style", str(DOCKERFILE)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 (our own tool)
    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


def test_what_is_copied_is_there_and_nothing_keeps_it_out() -> None:
    copied = [name for rest in arguments("COPY") for name in rest.split()[:-1]]
    ignored = (FOLDER / ".dockerignore").read_text().split()
    assert [name for name in copied if not (FOLDER / name).exists()] == []
    assert ignored[0] == "*"
    assert {name.removeprefix("!") for name in ignored if name.startswith("!")} == set(copied)


def test_what_the_package_is_built_from_is_copied() -> None:
    built = re.findall(r'"(README\.md|LICENSE|marketo_simulator)"', (FOLDER / "pyproject.toml").read_text())
    assert set(built) <= {name for rest in arguments("COPY") for name in rest.split()[:-1]}


def test_it_does_not_run_as_root() -> None:
    (user,) = arguments("USER")
    assert int(user) > 0
    assert f"--uid {user} " in " ".join(arguments("RUN"))


@pytest.mark.parametrize("more", [[], SERVICE["command"], ["--control-token", "x", "--tls", "/data/ca.pem"]])
def test_its_command_takes_these_options(more: list[str]) -> None:
    (entry,) = arguments("ENTRYPOINT")
    command, *options = json.loads(entry)
    assert command in (FOLDER / "pyproject.toml").read_text()
    parsed = parser().parse_args([*options, *more])
    assert (parsed.host, parsed.port) == ("0.0.0.0", int(arguments("EXPOSE")[0]))  # noqa: S104 (nothing is bound)


def test_compose_publishes_the_port_to_this_machine_alone() -> None:
    assert SERVICE["ports"] == [f"127.0.0.1:{port}:{port}" for port in arguments("EXPOSE")]


def test_compose_mounts_what_is_there_where_the_command_looks_for_it() -> None:
    mounts = dict(each.split(":")[:2][::-1] for each in SERVICE["volumes"])
    options = parser().parse_args(SERVICE["command"])
    assert Simulator(json.loads((FOLDER / mounts[str(options.seed)]).read_text())).dump()["lists"][0]["members"] == [
        1,
        2,
    ]
    assert mounts[str(options.persist.parent)] in COMPOSE["volumes"]
    assert [str(options.persist.parent)] == arguments("VOLUME")


def test_compose_gives_what_is_under_way_its_time() -> None:
    assert SERVICE["stop_grace_period"] == "10s", "GRACE_SECONDS and the time to write the state fit in"
