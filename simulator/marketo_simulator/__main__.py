"""`python -m marketo_simulator --port 9000 [--seed FILE]`."""

import argparse
import json
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from threading import Event

from marketo_simulator.decode import DecodeError, decode
from marketo_simulator.server import serve
from marketo_simulator.simulator import Simulator


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT. Exit code 2 for a seed that cannot be used."""
    parser = argparse.ArgumentParser(prog="marketo_simulator", description="A Marketo Engage stand-in for development.")
    parser.add_argument("--port", type=int, default=9000, help="port on 127.0.0.1; 0 takes a free one (default 9000)")
    parser.add_argument("--seed", type=Path, metavar="FILE", help="JSON with clients, fields, leads, lists, settings …")
    options = parser.parse_args(arguments)
    try:
        simulator = Simulator(_seed(options.seed))
    except (OSError, ValueError) as error:
        print(f"seed: {error}", file=sys.stderr)
        return 2
    stop = Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    with serve(simulator, options.port) as server:
        print(f"Marketo simulator ready at {server.url}", flush=True)
        stop.wait()
    return 0


def _seed(file: Path | None) -> dict[str, object]:
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except json.JSONDecodeError as error:
        raise DecodeError(f"{file} is not JSON: {error}") from error
    return decode(dict[str, object], content, str(file))


if __name__ == "__main__":
    sys.exit(main())
