"""The tests of the deployed stack come first, in one process; so do those in the browser, which use the same stack."""

import shutil
from pathlib import Path

import pytest

from local import stack
from testing.runbook import Terminal
from tests.e2e.system import System

HERE = Path(__file__).parent
FOLDERS = (HERE, HERE.parent / "browser")


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """These come first, so that the other process does the other tests meanwhile.

    The first test brings the stack up, which takes minutes where nothing was built yet: its time is its own. The search
    for secrets comes last of these, in whatever order the others run: it looks through what they left.
    """
    items.sort(key=lambda item: (item.path.parent not in FOLDERS, item.path == HERE / "test_secrets.py"))
    for item in items:
        if item.path.parent in FOLDERS:
            item.add_marker(pytest.mark.timeout(func_only=True))


@pytest.fixture
def terminal(system: System, tmp_path: Path) -> Terminal:
    """In a folder of its own, in which the command finds the stack."""
    (tmp_path / ".local").mkdir()
    shutil.copy(stack.STACK_FILE, tmp_path / ".local")
    return Terminal(tmp_path)
