"""What holds for every test: no credentials of this machine, and no socket but where its folder allows one.

When all tests of tests/integration were run, each action that a role allows must have been taken by its function.
"""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from xdist.remote import Producer
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

from testing.permissions import ASKED, outdated, unused

if TYPE_CHECKING:
    from tests.e2e.system import System

TESTS = Path(__file__).parent
LOOPBACK = frozenset({"browser", "clients", "contract", "integration", "e2e"})
"""Folders whose tests talk to servers on this machine; all others have no sockets at all."""

ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "eu-central-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "POWERTOOLS_METRICS_NAMESPACE": "MarketoDestination",
    "POWERTOOLS_SERVICE_NAME": "tests",
}

_FILES: set[str] = set()
"""Files of tests/integration whose tests were all to run."""


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    """The tests of a file stay in one process, and so do those of the deployed stack, of which there is one."""
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = _together
    return scheduler


def _together(nodeid: str) -> str:
    file = nodeid.partition("::")[0]
    return "tests/e2e" if file.startswith(("tests/e2e/", "tests/browser/")) else file


@pytest.fixture(scope="session")
def system() -> "Iterator[System]":
    """The stack under test: the real template, deployed to this machine once for all tests that need it."""
    from tests.e2e.system import brought_up  # noqa: PLC0415 - no other test needs what it needs

    with brought_up() as made:
        yield made


def pytest_configure() -> None:
    for name in [name for name in os.environ if name.startswith(("AWS_", "POWERTOOLS_"))]:
        del os.environ[name]
    os.environ.update(ENVIRONMENT)


def pytest_collection_modifyitems(config: pytest.Config, items: Sequence[pytest.Item]) -> None:
    if not (config.option.keyword or config.option.markexpr or config.option.collectonly):
        whole = {item.path for item in items if item.path.parent == TESTS / "integration"}
        _FILES.update(path.name for path in whole if not any("::" in argument for argument in config.args))
    several = [name for name, number in Counter(item.nodeid for item in items).items() if number > 1]
    if several:  # pytest-xdist runs one of them, and says nothing of the others
        raise pytest.UsageError(f"several tests have one node id, and one of each would be run: {several}")
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0]
        item.add_marker(pytest.mark.allow_hosts(["127.0.0.1"]) if folder in LOOPBACK else pytest.mark.disable_socket)


def pytest_testnodedown(node: WorkerController) -> None:
    told = getattr(node, "workeroutput", {})
    ASKED.update(tuple(one) for one in told.get("asked", ()))
    _FILES.update(told.get("files", ()))


def pytest_sessionfinish(session: pytest.Session) -> None:
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput |= {"asked": [list(one) for one in ASKED], "files": sorted(_FILES)}
        return
    if session.testsfailed or {path.name for path in TESTS.glob("integration/test_*.py")} - _FILES:
        return
    from testing.template import expand, settle  # noqa: PLC0415 - it takes a second

    template = settle(expand(), SigningKeys="true", Console="cloudfront")
    lines = [
        f"{name} may do {action} on {resource}, and never did" for name, action, resource in unused(template, ASKED)
    ]
    lines += [f"take {one} out of ELSEWHERE in testing/permissions.py" for one in outdated(template, ASKED)]
    if lines:
        print("", *lines, sep="\n")
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
