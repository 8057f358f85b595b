"""`python -m local bridge`: lets containers on Docker's bridge network reach the stack, for `sam local invoke`.

The stack listens on loopback only, and `sam local invoke` starts its containers on the bridge network, whatever network
it is told besides. This forwards from the bridge's gateway, an address of this machine that only containers see.
"""

import json
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from ipaddress import ip_network
from urllib.parse import urlsplit

from local import places
from local.errors import LocalStackError
from local.stack import ENVIRONMENT_FILE, LocalStack

BRIDGE_ENVIRONMENT_FILE = places.STATE / "env-bridge.json"
_CHUNK = 65_536


def bridge() -> None:
    """Forward until interrupted; the variables for `--env-vars` are in .local/env-bridge.json meanwhile."""
    stack = LocalStack.load()
    if stack is None:
        raise LocalStackError("the stack is not running", hint="make up")
    gateway = _gateway()
    ports = {port for url in (stack.emulator_url, stack.marketo_url) if (port := urlsplit(url).port)}
    variables = ENVIRONMENT_FILE.read_text()
    for port in ports:
        variables = variables.replace(f"127.0.0.1:{port}", f"{gateway}:{port}")
    with ExitStack() as open_ports:
        for port in ports:
            open_ports.enter_context(_forwarding(gateway, port))
        BRIDGE_ENVIRONMENT_FILE.write_text(variables)
        print(f"containers reach the stack at {gateway}; end with Ctrl-C", file=sys.stderr, flush=True)
        threading.Event().wait()


def _gateway() -> str:
    docker = shutil.which("docker")
    if docker is None:
        raise LocalStackError("docker was not found on PATH", hint="sam local invoke needs a container engine")
    answer = subprocess.run([docker, "network", "inspect", "bridge"], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise LocalStackError(f"docker: {answer.stderr.strip()}", hint="start the container engine")
    network = json.loads(answer.stdout)[0]["IPAM"]["Config"][0]
    # Docker names the gateway only if it was chosen by hand; its own choice is the first address.
    return str(network.get("Gateway") or ip_network(network["Subnet"])[1])


@contextmanager
def _forwarding(address: str, port: int) -> Iterator[None]:
    with socket.create_server((address, port)) as listener:
        threading.Thread(target=_accept, args=(listener, port), daemon=True).start()
        yield


def _accept(listener: socket.socket, port: int) -> None:
    while True:
        inbound, _ = listener.accept()
        outbound = socket.create_connection(("127.0.0.1", port))
        for source, target in ((inbound, outbound), (outbound, inbound)):
            threading.Thread(target=_pump, args=(source, target), daemon=True).start()


def _pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while chunk := source.recv(_CHUNK):
            target.sendall(chunk)
        target.shutdown(socket.SHUT_WR)
    except OSError:  # one end has gone: so does the other
        source.close()
        target.close()
