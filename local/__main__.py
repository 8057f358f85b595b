"""`python -m local up|down|status|bridge`: the whole stack on this machine."""

import argparse
import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

from local import stack
from local.bridge import bridge
from local.errors import LocalStackError


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 if it did what it says, 1 with an explanation on standard error if not."""
    parser = argparse.ArgumentParser(prog="python -m local", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    up = commands.add_parser("up", help="bring the stack up, or up to date, and wait until it answers")
    up.add_argument(
        "--marketo-url",
        default=os.environ.get("MARKETO_URL") or None,
        help="a Marketo endpoint to use instead of the simulator (default: $MARKETO_URL)",
    )
    up.add_argument("--port", type=int, help="port of the emulator (default: any free one)")
    up.add_argument("--simulator-port", type=int, help="port of the Marketo simulator (default: any free one)")
    up.add_argument(
        "--source-layer",
        type=Path,
        default=os.environ.get("SOURCE_LAYER") or None,
        help="the zip file of a layer with sources of your own (default: $SOURCE_LAYER, or the one that is there)",
    )
    commands.add_parser("down", help="stop what up started, and nothing else, and remove what it left")
    commands.add_parser("status", help="show whether the stack is running; exit 1 if not")
    commands.add_parser("bridge", help="let containers on Docker's bridge network reach the stack (sam local invoke)")
    options = parser.parse_args(arguments)
    try:
        if options.command == "up":
            standing = stack.up(
                marketo_url=options.marketo_url,
                port=options.port,
                simulator_port=options.simulator_port,
                source_layer=options.source_layer,
            )
            print(json.dumps(asdict(standing), indent=2))
            return 0
        if options.command == "down":
            ended = stack.down()
            print(f"ended: {', '.join(ended)}" if ended else "nothing was running", file=sys.stderr)
            return 0
        if options.command == "bridge":
            bridge()
            return 0
        return _status()
    except LocalStackError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; stop what was started with: make down", file=sys.stderr)
        return 130


def _status() -> int:
    standing, alive = stack.LocalStack.load(), stack.alive()
    for name, is_alive in alive.items():
        print(f"{name}: {'running' if is_alive else 'ended'}")
    if standing is None or not alive or not all(alive.values()):
        print("the stack is not running; start it with: make up")
        return 1
    print(json.dumps(asdict(standing), indent=2))
    return 0


if __name__ == "__main__":
    sys.exit(main())
