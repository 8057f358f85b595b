"""The console in a real browser, on the deployed stack."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect, sync_playwright

from console import build
from destination_client.console_host import ConsoleHost
from destination_client.http import Api, session
from destination_client.target import Target
from tests.browser.chromium import ARGUMENTS, executable
from tests.browser.window import Window
from tests.e2e.system import Destination, System, profile

AUDIENCE = "Attendees"
SIZE = {"width": 1280, "height": 900}
PATIENCE_MS = 20_000
ZONE = "Europe/Berlin"
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """A browser. Its client runs an event loop in this thread, so it is ended before other tests have one."""
    path = executable()
    with sync_playwright() as playwright, playwright.chromium.launch(executable_path=path, args=ARGUMENTS) as browser:
        yield browser


@pytest.fixture(scope="session")
def files() -> Path:
    """The application, built as `make demo` and the wheel have it."""
    build.main([])
    return build.DIST


@pytest.fixture
def host(files: Path, system: System) -> Iterator[ConsoleHost]:
    """The host of `destination console`, for the deployed stack; its address has not been opened yet."""
    api = Api(system.stack.api_url, None, session(trust_env=False))
    with ConsoleHost(files, Target("the local stack", api)) as host:
        thread = threading.Thread(target=host.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield host
        host.shutdown()
        thread.join()


@pytest.fixture
def window(chromium: Browser, host: ConsoleHost) -> Iterator[Window]:
    """A window that opened the console's address; nothing may have gone wrong in it by the end of the test."""
    context = chromium.new_context(viewport=SIZE, locale="en-GB", timezone_id=ZONE, reduced_motion="reduce")  # type: ignore[arg-type]
    context.set_default_timeout(PATIENCE_MS)
    opened = Window(context.new_page(), host.gate.origin)
    opened.listen()
    opened.page.goto(host.gate.address())
    yield opened
    left = opened.left()
    context.close()
    assert left == []


@pytest.fixture(scope="session")
def delivered(system: System) -> Destination:
    """A connection in whose run somebody arrived, somebody was excluded, and somebody failed; tests only read it."""
    destination = system.connect(system.instance(), AUDIENCE, name="Webinars")
    destination.instance.script({"effect": "skip", "code": "1003", "records": [1], "path": r"/leads\.json$", "nth": 2})
    nameless = profile("nameless@example.org", AUDIENCE, person={"name": {"firstName": "Ada"}})
    destination.post([profile("ada@example.org", AUDIENCE), profile("grace@example.org", AUDIENCE), nameless])
    destination.accounted(3)
    return destination
