"""`sam build` and `sam deploy` for the local stack."""

import importlib.util
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from local import places
from local.errors import LocalStackError

BUILD = places.CACHE / "build"
BUILT_TEMPLATE = BUILD / "template.yaml"
TEMPLATE = places.ROOT / "template.yaml"
CONFIGURATION = places.ROOT / "samconfig.toml"

_BUILT_DIGEST = places.CACHE / "build.digest"
_PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"


def build() -> str:
    """Build the template for this machine unless it is built already; the digest of what was built."""
    sources = places.digest(
        [TEMPLATE, CONFIGURATION, places.ROOT / "functions", places.ROOT / "layers"], _PYTHON, places.architecture()
    )
    if BUILT_TEMPLATE.exists() and _BUILT_DIGEST.exists() and _BUILT_DIGEST.read_text() == sources:
        return sources
    if shutil.which("make") is None:
        raise LocalStackError("make was not found on PATH; sam builds the layers with it", hint="install GNU make")
    _BUILT_DIGEST.unlink(missing_ok=True)
    _sam(
        # sam's cache knows the sources only, so each Python has its own.
        "build",
        ["--cached", "--parallel", "--build-dir", str(BUILD), "--cache-dir", str(places.CACHE / "sam" / _PYTHON)],
        {"Architecture": places.architecture()},
        # The emulator runs the handlers with this very Python, so the layers are built for it and for this machine.
        environment=places.environment()
        | {"LAYER_PYTHON": sys.executable, "LAYER_PYTHON_VERSION": _PYTHON, "LAYER_PLATFORM": "host"},
        log=places.STATE / "build.log",
        hint="a package that has no wheel for this Python and machine cannot be built; see the lines above",
    )
    _BUILT_DIGEST.write_text(sources)
    return sources


def deploy(endpoint: str, parameters: Mapping[str, str]) -> None:
    """Deploy what was built to the emulator at `endpoint`."""
    _sam(
        "deploy",
        ["--config-env", "local", "--config-file", str(CONFIGURATION), "--template-file", str(BUILT_TEMPLATE)],
        parameters,
        environment=places.environment(endpoint),
        log=places.STATE / "deploy.log",
        hint="make down and make up start afresh; a resource that the emulator does not know must leave the template",
        also=[places.STATE / "emulator.log"],
    )


def _sam(
    command: str,
    options: Sequence[str],
    parameters: Mapping[str, str],
    *,
    environment: Mapping[str, str],
    log: Path,
    hint: str,
    also: Sequence[Path] = (),
) -> None:
    if importlib.util.find_spec("samcli") is None:
        raise LocalStackError(
            f"sam is not installed beside {sys.executable}", hint="make up installs the development tools first"
        )
    overrides = [f"{name}={value}" for name, value in parameters.items()]
    with log.open("wb") as output:
        finished = subprocess.run(
            [sys.executable, "-m", "samcli", command, *options, "--parameter-overrides", *overrides],
            cwd=places.ROOT,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if finished.returncode != 0:
        raise LocalStackError(f"sam {command} failed (exit {finished.returncode})", logs=[log, *also], hint=hint)
