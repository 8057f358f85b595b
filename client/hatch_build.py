"""Builds the wheel of the command: it has one package, with what it needs of the code layer inside.

The command reads files with the control plane's own representations and rules. In a checkout they are the package
`destination`, as in the layer; a package of that name in everybody's site-packages could be anything. So the wheel has
a copy of them as `destination_client.stack`, with the imports changed. The console is built by its lock, and is inside
as files.
"""

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOMS: Final = ("api", "domain")
PACKAGE: Final = "destination_client"
INSIDE: Final = f"{PACKAGE}.stack"

CONSOLE: Final = "console_files"
"""Where the package has the built console; destination_client/console.py serves it."""

_IMPORT: Final = re.compile(r"^(\s*)(from|import) destination(?=[. ])", re.MULTILINE)


class CommandBuildHook(BuildHookInterface[Any]):
    """Puts the package together in a folder of its own, which the wheel takes; an editable install has the checkout."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if version == "editable":
            return
        root, self._made = Path(self.root), Path(tempfile.mkdtemp())
        _copy(root / "client" / PACKAGE, self._made)
        layer = root / "layers" / "destination" / "destination"
        for room in ROOMS:
            _copy(layer / room, self._made / "stack" / room)
        shutil.copy(layer / "__init__.py", self._made / "stack" / "__init__.py")
        subprocess.run([sys.executable, str(root / "console" / "build.py")], check=True)
        shutil.copytree(root / "console" / "dist", self._made / CONSOLE)
        build_data["force_include"][str(self._made)] = PACKAGE

    def finalize(self, version: str, _build_data: dict[str, Any], _artifact_path: str) -> None:
        if version != "editable":
            shutil.rmtree(self._made)


def _copy(source: Path, target: Path) -> None:
    """The modules of a package, with their imports changed, and its data."""
    for path in sorted(source.rglob("*")):
        if path.is_dir() or "__pycache__" in path.parts:
            continue
        made = target / path.relative_to(source)
        made.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".py":
            made.write_text(moved(path.read_text(encoding="utf-8")), encoding="utf-8")
        else:
            shutil.copy(path, made)


def moved(code: str) -> str:
    """Code whose imports of `destination` are of the copy inside."""
    return _IMPORT.sub(rf"\1\2 {INSIDE}", code)
