"""The stack under test: the real template, deployed to this machine once for all tests."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from local import stack
from tests.e2e.system import System

HERE = Path(__file__).parent


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These come first, so that the other process does the other tests meanwhile.

    The first test brings the stack up, which takes minutes where nothing was built yet: its time is its own. The search
    for secrets comes last of these, in whatever order the others run: it looks through what they left.
    """
    items.sort(key=lambda item: (not item.path.is_relative_to(HERE), item.path == HERE / "test_secrets.py"))
    for item in items:
        if item.path.is_relative_to(HERE):
            item.add_marker(pytest.mark.timeout(func_only=True))


@pytest.fixture(scope="session")
def system() -> Iterator[System]:
    """The local stack, brought up to date; ended afterwards unless it stood before."""
    stood = stack.LocalStack.load() is not None and all(stack.alive().values())
    standing = stack.up(marketo_url=None, port=None, simulator_port=None)
    with requests.Session() as http:
        http.trust_env = False  # a proxy of the caller's network must not be asked for this machine
        made = System(standing, http, began=time.time())
        yield made
        if stood:
            for connection_id in made.connections:
                made.request("DELETE", f"/connections/{connection_id}?discard=true")
    if not stood:
        stack.down()
