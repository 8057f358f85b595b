"""The command `marketo-simulator`: its options, TLS, who may steer it, and how it ends."""

import json
import signal
import socket
import ssl
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
import trustme
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from marketo_simulator.__main__ import GRACE_SECONDS, main
from marketo_simulator.server import serve
from marketo_simulator.simulator import Simulator
from tests.contract.simulator.simulator_command import Command, running

TOKEN = "/identity/oauth/token?grant_type=client_credentials&client_id=client&client_secret=secret"
WITHOUT_TRUSTME = "import sys; sys.modules['trustme'] = None"


def executing(command: Command, seconds: float) -> Callable[[], Any]:
    """Begins a call that takes so long, and gives what waits for its answer."""
    with urlopen(command.url + TOKEN, timeout=10, context=command.context) as answer:  # noqa: S310
        headers = {"Authorization": f"Bearer {json.loads(answer.read())['access_token']}"}
    command.control("settings", {"latency": seconds}, method="PATCH")
    request = Request(f"{command.url}/rest/v1/leads/partitions.json", headers=headers)  # noqa: S310

    def call() -> Any:
        with urlopen(request, timeout=60, context=command.context) as answer:  # noqa: S310
            return json.loads(answer.read())

    pool = ThreadPoolExecutor(1)
    called = pool.submit(call)
    pool.shutdown(wait=False)
    while not command.control("stats")["most_executing"]:
        time.sleep(0.01)
    return called.result


def refused(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """What it says while it refuses to start."""
    try:
        status: object = main(list(map(str, arguments)))
    except SystemExit as end:  # argparse
        status = end.code
    assert status == 2
    return capsys.readouterr().err


def trusting(ca: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(ca))


def test_health_is_answered_for_every_instance() -> None:
    with running() as command:
        assert command.control("health") == {"status": "ok"}
        with urlopen(f"{command.url}/123-ABC-456/_simulator/health", timeout=10) as answer:  # noqa: S310
            assert answer.status == 200


def test_tls_with_a_certificate_made_for_the_run(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    with running("--tls", ca, "--tls-name", "marketo.example.org") as command:
        assert command.url.startswith("https://127.0.0.1:")
        command.context = trusting(ca)
        assert command.control("health") == {"status": "ok"}
        port = int(command.url.rpartition(":")[2])
        for name in ("localhost", "marketo.example.org"):
            with (
                socket.create_connection(("127.0.0.1", port), timeout=10) as raw,
                command.context.wrap_socket(raw, server_hostname=name) as secured,
            ):
                assert secured.version() in ("TLSv1.2", "TLSv1.3")
        command.context = ssl.create_default_context()
        with pytest.raises(URLError, match="CERTIFICATE_VERIFY_FAILED"):
            command.control("health")
        with socket.create_connection(("127.0.0.1", port), timeout=10) as plain:
            plain.sendall(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            with suppress(ConnectionResetError):
                while plain.recv(4096):
                    pass
        command.context = trusting(ca)
        assert command.control("health") == {"status": "ok"}, "those who speak no TLS harm nobody"
        assert command.end() == (0, "")
    assert b"PRIVATE KEY" not in ca.read_bytes()


def test_tls_with_a_certificate_of_ones_own(tmp_path: Path) -> None:
    ca, certificate, key, both = (tmp_path / name for name in ("ca.pem", "cert.pem", "key.pem", "both.pem"))
    authority = trustme.CA()
    issued = authority.issue_cert("127.0.0.1")
    authority.cert_pem.write_to_path(ca)
    issued.cert_chain_pems[0].write_to_path(certificate)
    issued.private_key_pem.write_to_path(key)
    issued.private_key_and_cert_chain_pem.write_to_path(both)
    for options in (("--tls-cert", certificate, "--tls-key", key), ("--tls-cert", both)):
        with running(*options) as command:
            command.context = trusting(ca)
            assert command.control("health") == {"status": "ok"}


def test_what_is_under_way_over_tls_is_answered_at_the_end(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    with running("--tls", ca) as command:
        command.context = trusting(ca)
        answer = executing(command, 0.5)
        assert command.end() == (0, "")
        assert answer()["success"] is True


def test_who_never_begins_tls_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with running("--tls", tmp_path / "ca.pem") as command:
        command.context = trusting(tmp_path / "ca.pem")
        port = int(command.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            command.control("health")  # by now the first one is let in
            started = time.monotonic()
            assert command.end() == (0, "")
            assert time.monotonic() - started < GRACE_SECONDS


def test_without_the_package_for_certificates_it_says_what_to_install(tmp_path: Path) -> None:
    with (
        pytest.raises(AssertionError, match="pip install 'marketo-simulator\\[tls\\]'"),
        running("--tls", tmp_path / "ca.pem", before=WITHOUT_TRUSTME),
    ):
        pass


def test_options_that_cannot_be_used_are_told_with_the_remedy(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    nothing = tmp_path / "nothing.pem"
    broken = tmp_path / "broken.pem"
    broken.write_text("-----BEGIN CERTIFICATE-----\n")
    assert "give PEM files" in refused(capsys, "--tls-cert", nothing)
    assert "give PEM files" in refused(capsys, "--tls-cert", broken)
    assert "give that with --tls-cert" in refused(capsys, "--tls-key", broken)
    assert "leave one out" in refused(capsys, "--tls", "--tls-cert", broken)
    assert "name another file" in refused(capsys, "--tls", tmp_path / "nowhere/ca.pem")
    assert "no certificate can be made for" in refused(capsys, "--tls", nothing, "--tls-name", "a b.c..")
    for token in ("", " s3cret", "schlüssel"):
        assert "give a token" in refused(capsys, "--control-token", token)
    assert "give 0 to 65535" in refused(capsys, "--port", "65536")
    assert "invalid" in refused(capsys, "--port", "http")
    with serve(Simulator()) as server:
        taken = refused(capsys, "--port", server.server_port)
        assert f"port {server.server_port} of 127.0.0.1 cannot be had: Address already in use; --port 0" in taken
    assert "cannot be had" in refused(capsys, "--port", 0, "--host", "192.0.2.1")


def test_a_key_with_a_password_is_refused_and_asks_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    key = tmp_path / "key.pem"
    locked = serialization.BestAvailableEncryption(b"password")
    made = ec.generate_private_key(ec.SECP256R1())
    key.write_bytes(made.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    certificate = tmp_path / "cert.pem"
    trustme.CA().issue_cert("127.0.0.1").cert_chain_pems[0].write_to_path(certificate)
    assert "give one without" in refused(capsys, "--tls-cert", certificate, "--tls-key", key)


def status_of(command: Command, name: str, **headers: str) -> int:
    request = Request(f"{command.url}/_simulator/{name}", headers=headers)  # noqa: S310
    try:
        with urlopen(request, timeout=10) as answer:  # noqa: S310
            return int(answer.status)
    except HTTPError as error:
        with error:
            return error.code


def test_a_control_token_is_needed_by_everybody_and_for_all_but_health() -> None:
    with running("--control-token", "s3cret") as command:
        assert [status_of(command, name) for name in ("health", "dump", "")] == [200, 401, 401]
        assert status_of(command, "dump", Authorization="Bearer s3cret") == 200
        with urlopen(command.url + TOKEN, timeout=10) as answer:  # noqa: S310
            assert answer.status == 200


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ((), "its control interface is for this machine alone; see --control-token and --open-control"),
        (("--control-token", "x"), "its control interface is for whoever has the control token"),
        (("--open-control",), "its control interface is for EVERYBODY who reaches the port"),
    ],
)
def test_beyond_loopback_it_says_who_may_do_what(options: tuple[str, ...], told: str) -> None:
    with running("--host", "0.0.0.0", *options) as command:  # noqa: S104 (only loopback calls it)
        assert command.url.startswith("http://127.0.0.1:")
        assert command.control("health") == {"status": "ok"}
        _, errors = command.end()
    assert "it can be reached from other machines" in errors
    assert told in errors


def test_at_an_ipv6_address() -> None:
    with running("--host", "::1") as command:
        assert command.url.startswith("http://[::1]:")
        port = int(command.url.rpartition(":")[2])
        assert port > 0
        assert command.end() == (0, "")


def test_a_second_signal_ends_it_at_once() -> None:
    with running() as command:
        answer = executing(command, 60)
        command.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        assert command.process.poll() is None, "it waits for the answer"
        assert command.end(signal.SIGINT)[0] == -signal.SIGINT
        with pytest.raises(OSError):  # noqa: PT011 (the connection breaks, one way or the other)
            answer()
