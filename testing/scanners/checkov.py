"""checkov over the template, compared with the findings that stay."""

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import yaml

from testing.template import Template

BASELINE = Path(__file__).with_name("baseline.yaml")


@dataclass(frozen=True, slots=True)
class FailedCheck:
    """`resource`: type and logical id, as in AWS::SQS::Queue.Queue."""

    check: str
    resource: str
    says: str


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A check that is not followed by the resources of a type, and why."""

    check: str
    type: str
    reason: str

    def covers(self, finding: FailedCheck) -> bool:
        return finding.check == self.check and finding.resource.startswith(f"{self.type}.")


def baseline() -> list[Tolerance]:
    return [Tolerance(**one) for one in yaml.safe_load(BASELINE.read_text())]


def found(python: str, template: Template) -> list[FailedCheck]:
    """What checkov finds in a template whose conditions are settled. Raises RuntimeError when it does not run."""
    with TemporaryDirectory() as folder:
        file = Path(folder) / "template.json"
        file.write_text(json.dumps(template, indent=1))
        options = ["--framework", "cloudformation", "--file", str(file), "--skip-download", "--compact", "-o", "json"]
        ran = subprocess.run(  # noqa: S603 - the interpreter is the one that make names
            [python, "-m", "checkov.main", *options], capture_output=True, text=True, check=False
        )
    try:
        results = json.loads(ran.stdout)["results"]
    except (ValueError, KeyError, TypeError) as error:
        raise RuntimeError(f"checkov did not run:\n{ran.stdout[-2000:]}{ran.stderr[-2000:]}") from error
    return [FailedCheck(one["check_id"], one["resource"], one["check_name"]) for one in results["failed_checks"]]


def compared(findings: Sequence[FailedCheck], tolerances: Sequence[Tolerance]) -> Iterator[str]:
    """A sentence for each finding that nothing covers, and for each tolerance that covers none."""
    for finding in findings:
        if not any(one.covers(finding) for one in tolerances):
            yield f"{finding.resource}: {finding.says} ({finding.check}). Follow it, or say why not in {BASELINE.name}"
    for tolerance in tolerances:
        if not any(tolerance.covers(finding) for finding in findings):
            yield f"{BASELINE.name}: {tolerance.check} finds no {tolerance.type} any more; take it out"
