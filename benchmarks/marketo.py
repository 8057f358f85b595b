"""The simulator in a process of its own, so that neither its time nor its memory is taken for ours."""

import json
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from subprocess import PIPE, Popen
from typing import Any

import requests

from benchmarks import workload


@dataclass(frozen=True, slots=True)
class RunningSimulator:
    """A running simulator, with an instance below each Munchkin ID."""

    address: str

    @property
    def url(self) -> str:
        """As the functions want it."""
        return f"{self.address}/{{munchkin_id}}"

    def stats(self, munchkin_id: str) -> dict[str, Any]:
        stats: dict[str, Any] = self._ask(munchkin_id, "stats")
        return stats

    def sent(self, munchkin_id: str) -> list[datetime]:
        """When the calls about persons came in, first to last."""
        calls = [call for call in self._ask(munchkin_id, "calls") if call["records"]]
        return sorted(datetime.fromisoformat(call["time"]) for call in calls)

    def _ask(self, munchkin_id: str, what: str) -> Any:
        answer = requests.get(f"{self.address}/{munchkin_id}/_simulator/{what}", timeout=30)
        answer.raise_for_status()
        return answer.json()


@contextmanager
def running(settings: Mapping[str, object], leads: Sequence[Mapping[str, object]] = ()) -> Iterator[RunningSimulator]:
    """Start a simulator with these leads, and end it. Raises RuntimeError when it does not start."""
    with tempfile.TemporaryDirectory() as folder:
        seed = Path(folder, "seed.json")
        seed.write_text(json.dumps({**workload.SEED, "leads": leads, "settings": settings}))
        command = [sys.executable, "-m", "marketo_simulator", "--port", "0", "--seed", str(seed)]
        with Popen(command, stdout=PIPE, text=True) as process:  # noqa: S603
            try:
                assert process.stdout is not None
                ready = process.stdout.readline()
                if not ready:
                    raise RuntimeError("the simulator did not start")
                yield RunningSimulator(ready.split()[-1])
            finally:
                process.terminate()
