"""What is found in the log of each function at each level, under AWS's own runtime client.

What Lambda drops of what a function writes: testing/lambda_log.py. The runtime is told format and level in its
environment.
"""

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

import pytest

from testing.lambda_log import RANKS, is_kept
from testing.template import ROOT, Template, expand, settle

LEVELS = ["DEBUG", "INFO", "WARN", "ERROR"]
SECONDS = 60

NO_RECORDS: dict[str, Any] = {"Records": []}
OTHER_METHOD = {"httpMethod": "GET", "requestContext": {"requestId": "r-1"}, "pathParameters": {"connection_id": "c-1"}}
NO_ROUTE = {"httpMethod": "GET", "path": "/nothing", "headers": {}, "requestContext": {"requestId": "r-1"}}
REFUSED_BY_AWS = {"time": "2026-11-21T10:00:00Z"}


@dataclass
class Runtime:
    """Lambda's runtime API (AWS Lambda, "Using the Lambda runtime API"): hands one event out, and takes the answer.

    It also stands in for the services, which tell a secret and refuse all else.
    """

    event: Any
    answered: threading.Event = field(default_factory=threading.Event)
    address: str = ""

    @contextmanager
    def serving(self) -> Iterator[None]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_RuntimeHandler,), {"runtime": self}))
        server.daemon_threads = True
        self.address = f"127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
            server.server_close()

    def wait(self, process: "subprocess.Popen[str]") -> None:
        """Until the event was answered, or the process has ended."""
        while not self.answered.wait(0.05) and process.poll() is None:
            pass


class _RuntimeHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    runtime: ClassVar[Runtime]
    handed_out: ClassVar[bool] = False

    def do_GET(self) -> None:
        if "/runtime/" not in self.path:  # S3's
            self._answer(403, b"<Error><Code>AccessDenied</Code></Error>", {})
            return
        if type(self).handed_out:
            self.runtime.answered.set()
            return
        type(self).handed_out = True
        self._answer(
            200,
            json.dumps(self.runtime.event).encode(),
            {
                "Lambda-Runtime-Aws-Request-Id": "11111111-2222-3333-4444-555555555555",
                "Lambda-Runtime-Deadline-Ms": "9999999999999",
                "Lambda-Runtime-Trace-Id": "Root=1-5759e988-bd862e3fe1be46a994272793;Sampled=0",
                "Lambda-Runtime-Client-Context": "{}",
                "Lambda-Runtime-Cognito-Identity": "{}",
                "Lambda-Runtime-Aws-Tenant-Id": "t",
                "Lambda-Runtime-Invocation-Id": "i",
                "Content-Type": "application/json",
                "Lambda-Runtime-Invoked-Function-Arn": "arn:aws:lambda:eu-central-1:111122223333:function:f",
            },
        )

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        match self.headers.get("X-Amz-Target", "").rpartition(".")[2]:
            case "":
                self._answer(202, b"{}", {})
            case "GetSecretValue":
                self._answer(200, b'{"SecretString": "key"}', {})
            case _:
                self._answer(400, b'{"__type": "AccessDeniedException"}', {})

    def _answer(self, status: int, body: bytes, headers: Mapping[str, str]) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def logged(function: str, event: Any, properties: Mapping[str, Any], level: str) -> list[str]:
    """What an invocation leaves in the log of a function that is deployed with these properties."""
    handler = properties["Handler"]
    logging = properties["LoggingConfig"]
    resolved = {name: level if value == {"Ref": "LogLevel"} else value for name, value in logging.items()}
    told = {name: value for name, value in properties["Environment"]["Variables"].items() if isinstance(value, str)}
    references = {name: f"the-{name.lower()}" for name in properties["Environment"]["Variables"]}
    runtime = Runtime(event)
    with runtime.serving():
        environment = {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, (ROOT / "layers/destination", ROOT / "functions" / function, ROOT))),
            **references,
            **told,
            "BATCH_WINDOW_SECONDS": "1",
            "LOG_LEVEL": level,
            "AWS_LAMBDA_RUNTIME_API": runtime.address,
            "AWS_LAMBDA_FUNCTION_NAME": function,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512",
            "AWS_LAMBDA_LOG_FORMAT": resolved["LogFormat"],
            **({"AWS_LAMBDA_LOG_LEVEL": resolved["ApplicationLogLevel"]} if "ApplicationLogLevel" in resolved else {}),
            "AWS_REGION": "eu-central-1",
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "key",
            "AWS_SECRET_ACCESS_KEY": "secret",
            "AWS_ENDPOINT_URL": f"http://{runtime.address}",
            "AWS_MAX_ATTEMPTS": "1",
        }
        process = subprocess.Popen(  # noqa: S603 - the arguments stand in this file
            [sys.executable, "-m", "awslambdaric", handler],
            cwd=ROOT / "functions" / function,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        with process:
            end = threading.Timer(SECONDS, process.kill)
            end.start()
            runtime.wait(process)
            end.cancel()
            process.kill()
            output, _ = process.communicate()
    assert runtime.answered.is_set(), output
    return [line for line in output.splitlines() if line and is_kept(line, resolved)]


@pytest.fixture(scope="module")
def template() -> Template:
    return settle(expand())


def properties_of(template: Template, function: str) -> dict[str, Any]:
    properties: dict[str, Any] = template["Resources"][f"{function.title()}Function"]["Properties"]
    return properties


def objects(lines: list[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines if line.startswith("{")]


@pytest.mark.parametrize("level", LEVELS)
@pytest.mark.parametrize(
    ("function", "event", "message", "of_level", "metric"),
    [
        ("ingest", OTHER_METHOD, "events refused", "WARNING", "refused"),
        ("sync", NO_RECORDS, "batch delivered", "INFO", "batch_duration"),
        ("connections", NO_ROUTE, "request refused", "INFO", None),
        ("monitor", REFUSED_BY_AWS, "not monitored", "ERROR", None),
    ],
)
def test_lines_at_their_level_and_metrics_at_every_one(
    template: Template, function: str, event: Any, message: str, of_level: str, metric: str | None, level: str
) -> None:
    lines = objects(logged(function, event, properties_of(template, function), level))

    assert {line["level"] for line in lines if line.get("message") == message} == (
        {of_level} if RANKS[of_level] >= RANKS[level] else set()
    )
    assert all(RANKS[line["level"]] >= RANKS[level] for line in lines if "level" in line)
    if metric is not None:
        assert [line for line in lines if metric in line and "_aws" in line]


def test_an_error_that_nobody_caught_is_in_the_log_at_every_level(template: Template) -> None:
    for level in ("DEBUG", "ERROR"):
        lines = logged("ingest", [], properties_of(template, "ingest"), level)
        assert [line for line in lines if line.startswith("[ERROR] ")]


def test_with_the_format_json_lambda_would_drop_metrics(template: Template) -> None:
    """What the template's format is for."""
    as_json = {"LogFormat": "JSON", "ApplicationLogLevel": {"Ref": "LogLevel"}}
    properties = {**properties_of(template, "ingest"), "LoggingConfig": as_json}

    assert [line for line in objects(logged("ingest", OTHER_METHOD, properties, "INFO")) if "refused" in line]
    assert objects(logged("ingest", OTHER_METHOD, properties, "WARN")) == []
