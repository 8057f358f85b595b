"""The command in a process of its own, for tests."""

import json
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.request import Request, urlopen


@dataclass
class Command:
    """A simulator that runs; `said` is what it has printed before it was ready, and `url` where it is."""

    process: subprocess.Popen[str]
    said: list[str]
    context: ssl.SSLContext | None = None

    @property
    def url(self) -> str:
        return self.said[0].split()[-1]

    def control(self, name: str, content: object = None, method: str = "") -> Any:
        """A control call; POST where it has content."""
        body = None if content is None else json.dumps(content).encode()
        request = Request(f"{self.url}/_simulator/{name}", body, method=method or None)  # noqa: S310 (our own)
        with urlopen(request, timeout=10, context=self.context) as answer:  # noqa: S310
            return json.loads(answer.read())

    def end(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        """Exit status and what it said on its way."""
        self.process.send_signal(number)
        _, errors = self.process.communicate(timeout=20)
        return self.process.returncode, errors


@contextmanager
def running(*arguments: object, before: str = "") -> Iterator[Command]:
    """The command with these options, on any free port; `before` is Python that runs before it."""
    code = f"import sys\n{before}\nfrom marketo_simulator.__main__ import main\nsys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", code, "--port", "0", *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            ready = process.stdout.readline()
            assert ready, process.communicate()[1]
            yield Command(process, [ready])
        finally:
            process.kill()
