"""The documented example of a source (docs/examples/source), built as its Makefile does for whoever writes one."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from testing.template import ROOT

EXAMPLE = ROOT / "docs/examples/source"


def built(folder: Path) -> Path:
    """The layer as a zip file, built in a folder from what is here; not again while nothing has changed."""
    shutil.copytree(EXAMPLE, folder, dirs_exist_ok=True)
    offline = {"PIP_NO_INDEX": "1", "PIP_NO_BUILD_ISOLATION": "false", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    command = ["make", "-s", "-C", str(folder), "layer.zip", f"PYTHON={sys.executable}"]
    subprocess.run(command, check=True, env={**os.environ, **offline})  # noqa: S603 - our own Makefile
    return folder / "layer.zip"
