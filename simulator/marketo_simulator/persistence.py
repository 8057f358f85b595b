"""The file in which the command keeps the state of all instances from one run to the next (`--persist`).

JSON: `format`, `version`, `clock_offset` in seconds, and `instances` by Munchkin ID (see snapshot.Snapshot), where the
default one's is empty. The file is written beside its place and then moved there, so that it is the old one or the new
one whatever happens meanwhile.
"""

import hashlib
import json
import logging
import os
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from marketo_simulator import snapshot
from marketo_simulator.decode import DecodeError, decode
from marketo_simulator.simulator import Simulator

FORMAT: Final = "marketo-simulator state"
VERSION: Final = 1
SAVE_SECONDS: Final = 5.0
_SHARE_OF_TIME: Final = 20
"""Between two savings passes this many times what the last one took, so that a large state leaves time for calls."""

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Content:
    format: str
    version: int
    clock_offset: float
    instances: Mapping[str, object]


class StateFile:
    """One file and the simulator whose state it keeps. Only one simulator at a time may have it."""

    def __init__(self, path: Path, simulator: Simulator) -> None:
        self.path = path.resolve()
        self._simulator = simulator
        self._written = b""
        """Digest of what the file has by us."""

    def load(self) -> None:
        """Put what the file has into the simulator; where there is no file, the simulator stays as it is.

        Raises OSError, or DecodeError for what is not such a file. Nothing has been changed then, neither in the file
        nor in the simulator.
        """
        try:
            text = self.path.read_bytes()
        except FileNotFoundError:
            return
        try:
            decoded = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise DecodeError(f"{self.path} is not JSON: {error}") from error
        self._check_format(decoded)
        content = decode(_Content, decoded, str(self.path))
        read = {
            name: snapshot.read(each, f"{self.path}: {name or 'default'}") for name, each in content.instances.items()
        }
        try:
            self._simulator.clock.shift(content.clock_offset)
        except ValueError as error:
            raise DecodeError(f"{self.path}: clock_offset: {content.clock_offset} seconds lead nowhere") from error
        for name, each in read.items():
            snapshot.put(each, self._simulator.instance(name) if name else self._simulator)

    def _check_format(self, decoded: object) -> None:
        found = (decoded.get("format"), decoded.get("version")) if isinstance(decoded, dict) else (None, None)
        if found[0] != FORMAT:
            raise DecodeError(f"{self.path} is not a state that this simulator has written; is it a seed (--seed)?")
        if found[1] != VERSION:
            raise DecodeError(f"{self.path} has the version {found[1]}, and this simulator reads version {VERSION}")

    def save(self) -> None:
        """Write the state, unless it is the one that was written last. Raises OSError; the file is as it was then."""
        instances = {name: snapshot.take(each) for name, each in self._simulator.instances.items()}
        offset = self._simulator.clock.offset.total_seconds()
        content = _Content(FORMAT, VERSION, offset, instances)
        text = json.dumps(content, default=snapshot.plain, separators=(",", ":")).encode("ascii")
        digest = hashlib.sha256(text).digest()
        if digest != self._written:
            _replace(self.path, text)
            self._written = digest

    @contextmanager
    def kept(self, changes: Callable[[], int], seconds: float = SAVE_SECONDS) -> Iterator[None]:
        """Save every `seconds` in which `changes` counted on, while the block runs.

        A failure to save is logged, and does not end the simulator: it is tried again.
        """
        ended = threading.Event()
        thread = threading.Thread(target=self._keep, args=(changes, seconds, ended), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join()

    def _keep(self, changes: Callable[[], int], seconds: float, ended: threading.Event) -> None:
        saved_at, pause = changes(), seconds
        while not ended.wait(pause):
            counted = changes()
            if counted == saved_at:
                continue
            started = time.monotonic()
            try:
                self.save()
                saved_at = counted
            except Exception:  # whatever it is, the simulator goes on, and it is tried again
                logger.exception("the state could not be written to %s; trying again", self.path)
            pause = max(seconds, _SHARE_OF_TIME * (time.monotonic() - started))


def _replace(path: Path, content: bytes) -> None:
    """Give the file this content, or leave it as it is. Readable for its owner alone: a state has client secrets."""
    with NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", delete=False) as temporary:
        try:
            temporary.write(content)
            temporary.flush()
            os.fsync(temporary.fileno())
            temporary.close()
            Path(temporary.name).replace(path)
        except BaseException:
            Path(temporary.name).unlink()
            raise
    if os.name == "posix":  # elsewhere a folder cannot be opened
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
