"""The command `marketo-simulator`: a simulator on a port, until it is told to stop."""

import argparse
import json
import re
import signal
import ssl
import sys
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path
from threading import Event
from typing import Final

from marketo_simulator.access import ControlAccess
from marketo_simulator.decode import DecodeError, decode
from marketo_simulator.persistence import StateFile
from marketo_simulator.server import HOST, SimulatorServer, serve
from marketo_simulator.simulator import Simulator
from marketo_simulator.tls import TlsError, given, made

GRACE_SECONDS: Final = 8.0
"""For answers that are under way at the end; container engines kill after ten seconds."""
CA_FILE: Final = Path("marketo-simulator-ca.pem")
_TOKEN: Final = re.compile(r"[!-~]+")
_UNUSABLE: Final = 2
_NOT_SAVED: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM or SIGINT; a second one ends it at once.

    Exit code 2 for options, files or an address that cannot be used, 1 for a state that could not be kept.
    """
    described = parser()
    options = described.parse_args(arguments)
    if options.tls is not None and options.tls_cert is not None:
        described.error("--tls makes a certificate and --tls-cert gives one; leave one out")
    if options.tls_key is not None and options.tls_cert is None:
        described.error("--tls-key is the key of a certificate; give that with --tls-cert")
    if options.control_token is not None and not _TOKEN.fullmatch(options.control_token):
        described.error("--control-token is empty, or not what a header can have; give a token of ASCII without spaces")
    try:
        simulator = Simulator(_seed(options.seed))
        file = StateFile(options.persist, simulator) if options.persist else None
        if file is not None:
            file.load()
            file.save()  # whoever could not write at the end would be told too late
        tls = _tls(options)
    except (OSError, DecodeError, TlsError) as error:
        print(f"marketo-simulator: {error}", file=sys.stderr)
        return _UNUSABLE
    return _serve(simulator, options, tls, file)


def parser() -> argparse.ArgumentParser:
    """The options of the command."""
    described = argparse.ArgumentParser(
        prog="marketo-simulator", description="A stand-in for the Marketo Engage REST API, for development and tests."
    )
    add = described.add_argument
    add("--host", default=HOST, help=f"address to listen at; 0.0.0.0 for all of this machine (default {HOST})")
    add("--port", type=_port, default=9000, help="port; 0 takes one that is free (default 9000)")
    add("--seed", type=Path, metavar="FILE", help="JSON with clients, fields, leads, lists, settings …")
    add("--persist", type=Path, metavar="FILE", help="keep the state of all instances here, and begin with it")
    tls = described.add_argument_group("TLS")
    add = tls.add_argument
    add(
        "--tls",
        nargs="?",
        const=CA_FILE,
        type=Path,
        metavar="CA_FILE",
        help=f"serve HTTPS with a certificate made for this run; its CA goes to this file (default {CA_FILE})",
    )
    add("--tls-name", action="append", default=[], metavar="NAME", help="a further host name in that certificate")
    add("--tls-cert", type=Path, metavar="FILE", help="serve HTTPS with this certificate (PEM)")
    add("--tls-key", type=Path, metavar="FILE", help="its key, if it is not in the same file")
    control = described.add_argument_group(
        "control interface (/_simulator), for callers of this machine alone by default"
    )
    add = control.add_argument
    add("--control-token", metavar="TOKEN", help="for whoever gives this token, from anywhere, and for nobody else")
    add("--open-control", action="store_true", help="for everybody who reaches the port")
    return described


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65535:
        raise argparse.ArgumentTypeError(f"{port} is no port; give 0 to 65535")
    return port


def _seed(file: Path | None) -> dict[str, object]:
    if file is None:
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise DecodeError(f"{file} is not JSON: {error}") from error
    return decode(dict[str, object], content, str(file))


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.tls_cert is not None:
        return given(options.tls_cert, options.tls_key)
    if options.tls is None:
        return None
    host = [] if options.host in ("", "0.0.0.0", "::") else [options.host]  # noqa: S104 (not bound to here)
    return made([*host, "localhost", "127.0.0.1", "::1", *options.tls_name], options.tls)


def _serve(
    simulator: Simulator, options: argparse.Namespace, tls: ssl.SSLContext | None, file: StateFile | None
) -> int:
    stop = Event()

    def end(_number: int, _frame: object) -> None:
        stop.set()
        for each in (signal.SIGTERM, signal.SIGINT):
            signal.signal(each, signal.SIG_DFL)  # the second one is the last

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    names = frozenset((options.host, *options.tls_name))
    access = ControlAccess(options.control_token or "", options.open_control, names)
    try:
        with (
            serve(simulator, options.port, options.host, tls=tls, access=access, grace=GRACE_SECONDS) as server,
            nullcontext() if file is None else file.kept(lambda: server.answered),
        ):
            _announce(server, options)
            stop.wait()
    except OSError as error:
        where = f"port {options.port} of {options.host}"
        print(f"marketo-simulator: {where} cannot be had: {error.strerror}; --port 0 takes a free one", file=sys.stderr)
        return _UNUSABLE
    try:
        if file is not None:
            file.save()
    except OSError as error:
        print(f"marketo-simulator: the state could not be written to {options.persist}: {error}", file=sys.stderr)
        return _NOT_SAVED
    return 0


def _announce(server: SimulatorServer, options: argparse.Namespace) -> None:
    print(f"Marketo simulator ready at {server.url}", flush=True)
    if options.tls is not None:
        print(f"its CA is in {options.tls}: tell clients to trust it, such as curl by --cacert", flush=True)
    if not server.is_beyond_loopback:
        return
    control = "this machine alone; see --control-token and --open-control"
    if options.control_token:
        control = "whoever has the control token"
    elif options.open_control:
        control = "EVERYBODY who reaches the port: they can read and change all it holds"
    print("it can be reached from other machines: keep nothing in it that is secret", file=sys.stderr)
    print(f"its control interface is for {control}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
