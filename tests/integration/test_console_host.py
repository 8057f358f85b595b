"""The console's host on this machine: whom it lets in, what it passes on, and what it says to a browser."""

import json
import socket
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Final
from urllib.parse import urlencode

import pytest
from botocore.credentials import Credentials
from botocore.exceptions import TokenRetrievalError

from destination_client.console_host import LOOPBACK, ConsoleHost
from destination_client.console_proxy import MAX_BODY_BYTES
from destination_client.http import Api
from destination_client.signing import Signed
from destination_client.target import Target
from testing.gateway import Gateway, gateway

JSON: Final = {"Content-Type": "application/json"}
PAGE: Final = "<!doctype html><title>Console</title>"
STATE_CHANGING: Final = ("POST", "PUT", "PATCH", "DELETE")
NO_CALLS: Final = (
    ("POST", "/connections/1/events"),
    ("POST", "/oauth2/token"),
    ("GET", "/connections/1/source/status"),
    ("GET", "/"),
    ("GET", "//evil.example/connections"),
    ("GET", "/connections/../overview"),
    ("GET", "/connections/%2e%2e/overview"),
    ("GET", "/connections/1%2Fruns"),
    ("GET", "/connections/1\\..\\overview"),
    ("GET", "/connections/1#/runs"),
    ("GET", "//["),
    ("GET", "/connections/"),
    ("GET", "/connections/1/"),
    ("DELETE", "/overview"),
)


@dataclass(frozen=True, slots=True)
class Browser:
    """Whoever makes requests to the host; a header of None is left out."""

    host: ConsoleHost

    def ask(
        self, method: str, path: str, body: bytes | None = None, **headers: str | None
    ) -> tuple[int, Mapping[str, str], bytes]:
        plain = {"Host": self.host.gate.origin.removeprefix("http://"), "Sec-Fetch-Site": "same-origin"}
        if method in STATE_CHANGING:
            plain["Origin"] = self.host.gate.origin
        given = plain | {name.replace("_", "-"): value for name, value in headers.items()}
        connection = HTTPConnection(LOOPBACK, self.host.server_port, timeout=10)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for name, value in given.items():
                if value is not None:
                    connection.putheader(name, value)
            if body is not None and "Content-Length" not in given:
                connection.putheader("Content-Length", str(len(body)))
            connection.endheaders(body)
            answer: HTTPResponse = connection.getresponse()
            return answer.status, answer.headers, answer.read()  # type: ignore[return-value]
        finally:
            connection.close()

    def enter(self) -> str:
        """The cookie that the address is exchanged for."""
        status, headers, _ = self.ask("GET", self.host.gate.address().removeprefix(self.host.gate.origin))
        assert (status, headers["Location"]) == (303, "/")
        cookie = headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        return cookie.partition(";")[0]


@pytest.fixture(scope="module")
def serving() -> Iterator[Gateway]:
    with gateway() as entrance:
        yield entrance


@pytest.fixture
def stack(serving: Gateway) -> Gateway:
    serving.seen.clear()
    serving.scripted.clear()
    return serving


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    files = tmp_path / "dist"
    (files / "assets").mkdir(parents=True)
    (files / "index.html").write_text(PAGE)
    (files / "assets" / "main-1.js").write_text("1")
    (tmp_path / "secret.txt").write_text("a secret")
    return files


def running(host: ConsoleHost) -> Iterator[Browser]:
    with host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield Browser(host)
        host.shutdown()
        thread.join()


def request(browser: Browser, cookie: str, what: str, *headers: str) -> bytes:
    """As it is written; the body follows."""
    origin = browser.host.gate.origin
    host = origin.removeprefix("http://")
    lines = [f"{what} HTTP/1.1", f"Host: {host}", f"Origin: {origin}", f"Cookie: {cookie}", *headers]
    return "\r\n".join([*lines, "", ""]).encode()


@pytest.fixture
def browser(folder: Path, stack: Gateway) -> Iterator[Browser]:
    yield from running(ConsoleHost(folder, Target("a stack", Api(stack.url, None))))


def test_it_listens_on_the_loopback_alone(browser: Browser) -> None:
    port = browser.host.server_address[1]
    sockets = [line.split()[1:4] for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    listening = {address for address, _, state in sockets if state == "0A" and int(address[-4:], 16) == port}
    assert listening == {f"0100007F:{port:04X}"}
    assert browser.host.socket.family == socket.AF_INET


def test_the_address_opens_the_console_once(browser: Browser) -> None:
    address = browser.host.gate.address().removeprefix(browser.host.gate.origin)
    cookie = browser.enter()
    status, headers, body = browser.ask("GET", "/", Cookie=cookie)
    assert (status, body.decode()) == (200, PAGE)
    assert headers["Content-Type"] == "text/html"
    assert browser.ask("GET", address, Cookie=cookie)[0] == 303, "the same browser is let in again"
    assert browser.ask("GET", "/config.json", Cookie=cookie)[2] == b'{"host": "local", "stack": "a stack"}'


def test_an_address_that_two_browsers_open_is_good_for_neither(browser: Browser) -> None:
    """The first may have read it from the command line of the second (RFC 6749, 4.1.2)."""
    address = browser.host.gate.address().removeprefix(browser.host.gate.origin)
    cookie = browser.enter()
    assert browser.ask("GET", f"{address}x")[0] == 401
    assert browser.ask("GET", "/", Cookie=cookie)[0] == 200, "who guesses ends nothing"
    assert browser.ask("GET", address)[0] == 401
    assert browser.ask("GET", "/", Cookie=cookie)[0] == 401


@pytest.mark.parametrize("cookie", [None, "", "destination-console-1=x", "a;b=\x01", "{name}=wrong", "{name}="])
@pytest.mark.parametrize("path", ["/", "/assets/main-1.js", "/config.json", "/api/overview", "/?token=wrong"])
def test_nobody_comes_in_without_the_cookie(browser: Browser, stack: Gateway, cookie: str | None, path: str) -> None:
    browser.enter()
    named = cookie and cookie.format(name=f"destination-console-{browser.host.server_address[1]}")
    status, headers, body = browser.ask("GET", path, Cookie=named)
    assert (status, headers["X-Console"]) == (401, "refused")
    assert b"<title>" not in body
    assert stack.seen == []


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "localhost:{port}"},
        {"Host": "127.0.0.1"},
        {"Host": None},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_requests_of_other_sites_and_for_other_names_are_refused(
    browser: Browser, stack: Gateway, method: str, headers: Mapping[str, str | None]
) -> None:
    cookie = browser.enter()
    given = {name: value and value.format(port=browser.host.server_address[1]) for name, value in headers.items()}
    assert browser.ask(method, "/api/connections", None, **given | {"Cookie": cookie})[0] == 403
    assert browser.ask(method, "/", None, **given | {"Cookie": cookie})[0] == 403
    assert stack.seen == []


def test_whoever_changes_something_says_where_from(browser: Browser, stack: Gateway) -> None:
    cookie = browser.enter()
    for method in STATE_CHANGING:
        assert browser.ask(method, "/api/connections", Cookie=cookie, Origin=None)[0] == 403
    assert stack.seen == []


def test_a_call_is_passed_on_with_what_belongs_to_it(browser: Browser, stack: Gateway) -> None:
    stack.scripted.append((200, JSON | {"ETag": '"4"', "Set-Cookie": "a=b", "Server": "x"}, '{"name": "A"}'))
    status, headers, body = browser.ask(
        "PATCH",
        "/api/connections/1?a=b%20c",
        b'{"name": "A"}',
        Cookie=browser.enter(),
        Content_Type="application/json",
        If_Match='"3"',
        X_Other="never passed on",
    )
    assert (status, headers["ETag"], body) == (200, '"4"', b'{"name": "A"}')
    assert headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in headers
    (seen,) = stack.seen
    assert (seen.method, seen.url, seen.body) == ("PATCH", f"{stack.url}/connections/1?a=b%20c", b'{"name": "A"}')
    assert seen.headers["If-Match"] == '"3"'
    assert not {"Cookie", "Origin", "X-Other"} & seen.headers.keys()


def test_it_is_signed_as_the_operator(folder: Path, stack: Gateway) -> None:
    api = Api(stack.url, Signed(Credentials("AKIDEXAMPLE", "secret"), "eu-central-1"))
    stack.scripted.append((200, JSON, "{}"))
    for browser in running(ConsoleHost(folder, Target("a stack", api))):
        assert browser.ask("GET", "/api/overview", Cookie=browser.enter())[0] == 200
    assert "AKIDEXAMPLE/" in stack.seen[0].headers["Authorization"]


@pytest.mark.parametrize(("method", "path"), NO_CALLS)
def test_what_is_no_call_of_the_control_plane_is_not_passed_on(
    browser: Browser, stack: Gateway, method: str, path: str
) -> None:
    status, headers, body = browser.ask(method, f"/api{path}", Cookie=browser.enter())
    assert status in {400, 404}
    assert stack.seen == []
    if status == 404:
        assert headers["Content-Type"] == "application/problem+json"
        assert b"Not found" in body


def test_a_large_body_is_refused_unread(browser: Browser, stack: Gateway) -> None:
    cookie = browser.enter()
    for length in (str(MAX_BODY_BYTES + 1), "9" * 5_000, "-1", "1e3", "²"):
        given = length.encode("latin-1", "replace").decode("latin-1")
        assert browser.ask("POST", "/api/connections", Cookie=cookie, Content_Length=given)[0] == 413
    assert browser.ask("POST", "/api/connections", Cookie=cookie, Transfer_Encoding="chunked")[0] == 411
    assert stack.seen == []


def test_a_body_that_ends_early_is_not_passed_on(browser: Browser, stack: Gateway) -> None:
    cookie = browser.enter()
    with socket.create_connection((LOOPBACK, browser.host.server_port), timeout=10) as raw:
        raw.sendall(request(browser, cookie, "POST /api/connections", "Content-Length: 100") + b"[]")
        raw.shutdown(socket.SHUT_WR)
        assert raw.recv(1) == b""
    assert stack.seen == []


@pytest.mark.parametrize("what", ["GET /config.json", "GET /api/overview", "DELETE /session"])
def test_a_body_that_nobody_reads_is_not_taken_for_a_request(browser: Browser, stack: Gateway, what: str) -> None:
    stack.scripted += [(200, JSON, "{}")] * 2
    cookie = browser.enter()
    hidden = request(browser, cookie, "GET /api/connections")
    with socket.create_connection((LOOPBACK, browser.host.server_port), timeout=10) as raw:
        raw.sendall(request(browser, cookie, what, f"Content-Length: {len(hidden)}") + hidden)
        answer = raw.makefile("rb").read()
    assert answer.count(b"HTTP/1.1 ") == 1
    assert f"{stack.url}/connections" not in {seen.url for seen in stack.seen}


def asked_for(browser: Browser, stack: Gateway, cookie: str) -> str:
    """Where a file may be put, once the console has asked for an address; there the gateway stands for S3."""
    address = f"{stack.url}/bucket/people.csv?X-Amz-Signature=a%2Fb"
    stack.scripted.append((201, JSON, json.dumps({"file": {"id": "1"}, "upload": {"url": address}})))
    assert browser.ask("POST", "/api/connections/1/files", b"{}", Cookie=cookie)[0] == 201
    stack.seen.clear()
    return address


def put_at(address: str) -> str:
    return f"/uploads?{urlencode({'address': address})}"


def test_a_file_is_put_where_the_interface_said_and_as_it_is(browser: Browser, stack: Gateway) -> None:
    cookie = browser.enter()
    address = asked_for(browser, stack, cookie)
    content = b"email\n" * 100_000
    stack.scripted += [(200, {}, ""), (403, {}, "<Error/>")]
    assert browser.ask("PUT", put_at(address), content, Cookie=cookie)[::2] == (200, b"")
    assert browser.ask("PUT", put_at(address), content, Cookie=cookie)[::2] == (403, b""), "S3's refusal is told"
    seen = stack.seen[0]
    assert (seen.method, seen.url, seen.body) == ("PUT", address, content)
    assert not {"Cookie", "Origin", "Authorization"} & seen.headers.keys()


def test_a_file_is_put_nowhere_else(browser: Browser, stack: Gateway) -> None:
    cookie = browser.enter()
    address = asked_for(browser, stack, cookie)
    for other in (f"{address}x", f"{stack.url}/bucket/other.csv", "file:///etc/passwd", ""):
        status, headers, _ = browser.ask("PUT", put_at(other), b"email\n", Cookie=cookie)
        assert (status, headers["Content-Type"]) == (404, "application/problem+json")
    assert browser.ask("PUT", put_at(address), b"email\n")[0] == 401
    assert browser.ask("PUT", put_at(address), b"email\n", Cookie=cookie, Origin="http://evil.example")[0] == 403
    assert browser.ask("PUT", put_at(address), Cookie=cookie, Content_Length="5000000001")[0] == 413
    assert browser.ask("PUT", put_at(address), Cookie=cookie, Transfer_Encoding="chunked")[0] == 411
    assert stack.seen == []


@pytest.mark.parametrize("content", ["<html>", "[]", '{"upload": null}', "{}"])
def test_what_another_answers_in_the_stacks_place_is_passed_on_and_names_no_address(
    browser: Browser, stack: Gateway, content: str
) -> None:
    cookie = browser.enter()
    stack.scripted.append((201, JSON, content))
    assert browser.ask("POST", "/api/connections/1/files", b"{}", Cookie=cookie)[::2] == (201, content.encode())


def test_a_file_that_ends_early_is_not_put(browser: Browser, stack: Gateway) -> None:
    """The browser went away. S3 takes nothing that is shorter than its length says."""
    cookie = browser.enter()
    address = asked_for(browser, stack, cookie)
    with socket.create_connection((LOOPBACK, browser.host.server_port), timeout=10) as raw:
        raw.sendall(request(browser, cookie, f"PUT {put_at(address)}", "Content-Length: 100") + b"email")
        raw.shutdown(socket.SHUT_WR)
        assert b" 502 " in raw.makefile("rb").readline()
    assert {(one.headers["Content-Length"], one.body) for one in stack.seen} <= {("100", b"")}


def test_a_bucket_that_cannot_be_reached_is_told_without_the_address(browser: Browser, stack: Gateway) -> None:
    cookie = browser.enter()
    address = "http://127.0.0.1:1/bucket/people.csv?X-Amz-Signature=secret"
    stack.scripted.append((201, JSON, json.dumps({"upload": {"url": address}})))
    assert browser.ask("POST", "/api/connections/1/files", b"{}", Cookie=cookie)[0] == 201
    status, _, body = browser.ask("PUT", put_at(address), b"email\n", Cookie=cookie)
    assert status == 502
    assert b"upload it again" in body
    assert b"secret" not in body


def test_refusals_of_the_stack_are_passed_on_as_they_are(browser: Browser, stack: Gateway) -> None:
    stack.scripted.append((403, JSON | {"x-amzn-ErrorType": "AccessDeniedException"}, '{"Message": "denied"}'))
    status, headers, body = browser.ask("GET", "/api/overview", Cookie=browser.enter())
    assert (status, headers["x-amzn-ErrorType"], body) == (403, "AccessDeniedException", b'{"Message": "denied"}')
    assert "X-Console" not in headers


def test_no_call_is_made_again_while_somebody_waits(browser: Browser, stack: Gateway) -> None:
    stack.scripted.append((503, JSON | {"Retry-After": "7"}, "{}"))
    status, headers, _ = browser.ask("GET", "/api/overview", Cookie=browser.enter())
    assert (status, headers["Retry-After"], len(stack.seen)) == (503, "7", 1)


def test_a_stack_that_cannot_be_reached_is_told_as_a_problem(folder: Path) -> None:
    for browser in running(ConsoleHost(folder, Target("a stack", Api("http://127.0.0.1:1", None)))):
        status, headers, body = browser.ask("GET", "/api/overview", Cookie=browser.enter())
        assert (status, headers["Content-Type"]) == (502, "application/problem+json")
        assert b"The stack cannot be reached" in body


def test_credentials_that_ran_out_are_told_with_what_to_do(folder: Path, stack: Gateway) -> None:
    class Expired(Signed):
        def __call__(self, request: object) -> object:  # type: ignore[override]
            raise TokenRetrievalError(provider="sso", error_msg="Token has expired")

    api = Api(stack.url, Expired(Credentials("a", "b"), "eu-central-1"))
    for browser in running(ConsoleHost(folder, Target("a stack", api))):
        status, _, body = browser.ask("GET", "/api/overview", Cookie=browser.enter())
        assert status == 502
        assert b"Sign in to AWS again" in body


@pytest.mark.parametrize(
    "path",
    [
        "/../secret.txt",
        "/%2e%2e/secret.txt",
        "/assets/../../secret.txt",
        "/assets",
        "/no.js",
        "/%00",
        "//etc/passwd",
        "http://[",
        f"/{'a' * 300}",
        "/a" * 9_000,
    ],
    ids=lambda path: path[:30],
)
def test_nothing_but_its_files_is_shown(browser: Browser, path: str) -> None:
    status, _, body = browser.ask("GET", path, Cookie=browser.enter())
    assert status == 404
    assert b"secret" not in body


def test_files_whose_names_change_are_kept_and_no_others(browser: Browser) -> None:
    cookie = browser.enter()
    assert "immutable" in browser.ask("GET", "/assets/main-1.js", Cookie=cookie)[1]["Cache-Control"]
    assert browser.ask("GET", "/", Cookie=cookie)[1]["Cache-Control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/api/overview", "/no.js", "/config.json"])
def test_every_answer_tells_the_browser_to_be_strict(browser: Browser, stack: Gateway, path: str) -> None:
    stack.scripted.append((200, JSON, "{}"))
    for cookie in (browser.enter(), None):
        _, headers, _ = browser.ask("GET", path, Cookie=cookie)
        policy = headers["Content-Security-Policy"]
        assert "script-src 'self';" in policy
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "unsafe-eval" not in policy
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"


def raw(browser: Browser, sent: bytes) -> tuple[bytes, bytes]:
    """Head and body of what is answered to bytes as they are."""
    with socket.create_connection((LOOPBACK, browser.host.server_port), timeout=10) as connection:
        connection.sendall(sent)
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return head, body


def test_a_file_is_asked_about_without_being_sent(browser: Browser) -> None:
    cookie = browser.enter()
    asked = [browser.ask(method, "/", Cookie=cookie) for method in ("GET", "HEAD")]
    assert [(status, headers["Content-Length"]) for status, headers, _ in asked] == [(200, str(len(PAGE)))] * 2
    head, body = raw(browser, request(browser, cookie, "HEAD /no.js"))
    assert head.startswith(b"HTTP/1.1 404 ")
    assert body == b""


def test_whoever_asks_what_can_be_done_with_a_file_is_told(browser: Browser) -> None:
    status, headers, body = browser.ask("OPTIONS", "/", Cookie=browser.enter(), Origin=browser.host.gate.origin)
    assert (status, headers["Allow"], body) == (405, "GET, HEAD", b"Files are only read.\n")


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS"])
def test_nobody_asks_the_stack_about_its_calls(browser: Browser, stack: Gateway, method: str) -> None:
    cookie = browser.enter()
    assert browser.ask(method, "/api/overview", Cookie=cookie, Origin=browser.host.gate.origin)[0] == 404
    assert browser.ask(method, "/api/overview", Origin=browser.host.gate.origin)[0] == 401
    assert stack.seen == []


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("BREW /", 501),
        ("GET / HTTP/3.0 and more", 400),
        (f"GET /{'a' * 70_000}", 414),
    ],
    ids=lambda value: str(value)[:20],
)
def test_what_is_no_request_is_refused_without_a_page_of_others(browser: Browser, line: str, status: int) -> None:
    head, body = raw(browser, request(browser, browser.enter(), line))
    assert head.startswith(f"HTTP/1.1 {status} ".encode())
    assert b"Content-Type: text/plain" in head
    assert b"frame-ancestors 'none'" in head
    assert b"<" not in body


@pytest.mark.parametrize("header", ["If-Match", "X-Other"])
def test_a_header_of_several_lines_is_the_callers_mistake(browser: Browser, stack: Gateway, header: str) -> None:
    head, _ = raw(browser, request(browser, browser.enter(), "GET /api/overview", f'{header}: "3"\r\n "4"'))
    assert head.startswith(b"HTTP/1.1 400 ")
    assert stack.seen == []


def test_a_session_that_was_ended_is_over(browser: Browser) -> None:
    cookie = browser.enter()
    assert browser.ask("DELETE", "/session", Cookie=cookie)[0] == 204
    assert browser.ask("GET", "/", Cookie=cookie)[0] == 401
