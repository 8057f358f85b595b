"""Where things are, and what the commands that the stack starts find in their environment."""

import fcntl
import hashlib
import json
import os
import platform
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from local.errors import LocalStackError

ROOT = Path(__file__).resolve().parent.parent
STATE = ROOT / ".local"
CACHE = STATE / "cache"
"""What takes long to make: the built functions and layers, the installed emulator. It outlives the stack."""

MEASURED = STATE / "bench.json"
"""What the benchmarks measured last, which is no part of the stack."""

REGION = "us-east-1"
ACCOUNT = "000000000000"
STAGE = "local"

# Key id and secret in one: the emulator's root user, who may do everything.
CREDENTIAL = "test"


def architecture() -> str:
    """This machine's processor in Lambda's words."""
    return "arm64" if platform.machine().lower() in {"arm64", "aarch64"} else "x86_64"


def environment(endpoint: str | None = None) -> dict[str, str]:
    """The caller's environment without its settings of AWS, Python and make, and with those of the local stack.

    What the emulator is started with reaches the handlers, too: it runs them as its own child processes.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("AWS_", "SAM_", "PYTHON", "LAYER_", "MAKE")) and name not in {"MFLAGS", "VIRTUAL_ENV"}
    }
    kept |= {
        "AWS_ACCESS_KEY_ID": CREDENTIAL,
        "AWS_SECRET_ACCESS_KEY": CREDENTIAL,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_REGION": REGION,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "SAM_CLI_TELEMETRY": "0",
        "PYTHONUTF8": "1",
        # A proxy of the caller's network would be asked for 127.0.0.1 as well.
        "NO_PROXY": f"127.0.0.1,localhost,{os.environ.get('NO_PROXY', '')}".rstrip(","),
        "no_proxy": f"127.0.0.1,localhost,{os.environ.get('no_proxy', '')}".rstrip(","),
    }
    if endpoint is not None:
        kept["AWS_ENDPOINT_URL"] = endpoint
    return kept


def write(path: Path, content: object) -> None:
    """Write a JSON file so that a reader sees all of it or nothing."""
    fresh = path.with_suffix(".new")
    fresh.write_text(json.dumps(content, indent=2) + "\n")
    fresh.replace(path)


@contextmanager
def alone() -> Iterator[None]:
    """One command at a time changes the stack. Raises LocalStackError when another one is at it."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise LocalStackError(
                "another command is bringing the stack up or down", hint="wait for its end"
            ) from error
        yield


def clear() -> None:
    """Remove what belongs to a stack that has ended: its state and logs, and the events that the demo filled in."""
    for path in STATE.iterdir():
        if path in {CACHE, MEASURED}:
            continue
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink()


def digest(paths: Iterable[Path], *words: str) -> str:
    """A hash over the names and contents of files, folders taken with all that is in them, and over words."""
    found = hashlib.sha256("\0".join(words).encode())
    for path in paths:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if file.is_file() and "__pycache__" not in file.parts:
                found.update(f"\0{file.relative_to(ROOT)}\0".encode())
                found.update(file.read_bytes())
    return found.hexdigest()
