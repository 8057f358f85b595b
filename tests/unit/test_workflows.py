"""The workflows of GitHub run what there is in the Makefile."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
WORKFLOWS = sorted((ROOT / ".github/workflows").glob("*.yml"))
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))


def made(workflow: dict[str, Any]) -> set[str]:
    """The targets of make that a workflow runs."""
    found = set()
    for job in workflow["jobs"].values():
        values = [str(one) for each in job.get("strategy", {}).get("matrix", {}).values() for one in each]
        for step in job["steps"]:
            line = step.get("run", "")
            for each in [re.sub(r"\$\{\{ matrix\.\w+ \}\}", one, line) for one in values] or [line]:
                found.update(re.findall(r"^make (\S+)", each, re.MULTILINE))
    return found


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_a_workflow_runs_targets_that_there_are(path: Path) -> None:
    targets = made(yaml.safe_load(path.read_text()))
    assert targets
    assert targets <= TARGETS


def test_all_that_is_too_long_for_every_change_runs_at_night() -> None:
    assert made(yaml.safe_load((ROOT / ".github/workflows/nightly.yml").read_text())) == {
        "audit",
        "bench",
        "mutants",
        "soak",
    }


def test_every_lock_is_audited_and_updated() -> None:
    locks = {str(path.parent.relative_to(ROOT)) for path in ROOT.glob("*/**/requirements.txt") if not ignored(path)}
    audited = re.search(r"^LOCKS := (.*)$", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert audited is not None
    assert {str(Path(one).parent) for one in audited[1].split()} == {*locks, "."}
    updates = yaml.safe_load((ROOT / ".github/dependabot.yml").read_text())["updates"]
    pip = next(one for one in updates if one["package-ecosystem"] == "pip")
    assert {one.strip("/") or "." for one in pip["directories"]} == {*locks, "."}


def ignored(path: Path) -> bool:
    """Whether git ignores it: what was built or installed."""
    return bool({".venv", ".local", ".aws-sam", ".mutants", "node_modules"} & {*path.relative_to(ROOT).parts})
