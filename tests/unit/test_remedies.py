"""What tells somebody to do something was done by a test, and is said in one place alone.

Markers name it: remedies (destination/domain/remedy.py), the sections of docs/operations.md that alarms lead to, and
its incidents, whose commands stand there. A test that does what one says is marked with it, as in
`@pytest.mark.remedy("resume")`.
"""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from destination.domain.remedy import Remedy
from destination_client.main import COMMANDS
from testing.runbook import incidents, remedies, sections
from testing.template import ROOT, source

ON_AWS_ALONE = {
    "lambda-throttles": "the account's concurrency is raised by AWS",
    "the-schedule-fails": "EventBridge Scheduler stands in no emulator with its dead-letter queue",
}
"""What no test here can do, and why."""

ALARMS = {
    name: re.findall(r"docs/operations\.md#([\w-]+)", one["Properties"]["AlarmDescription"])[0]
    for name, one in source()["Resources"].items()
    if one["Type"] == "AWS::CloudWatch::Alarm"
}
"""The section that each alarm leads to."""

MARKERS = {one.marker for one in Remedy} | set(ALARMS.values()) | incidents().keys()


def marked(file: Path) -> Iterator[str]:
    """The markers of the tests of a file."""
    for node in ast.walk(ast.parse(file.read_text())):
        match node:
            case ast.Call(ast.Attribute(_, "remedy") | ast.Name("remedy"), arguments):
                yield from (ast.literal_eval(one) for one in arguments)


@cache
def done() -> set[str]:
    return {one for file in sorted((ROOT / "tests").rglob("test_*.py")) for one in marked(file)}


def test_whatever_tells_somebody_to_do_something_was_done_by_a_test() -> None:
    assert MARKERS - done() == ON_AWS_ALONE.keys()


def test_no_test_does_what_nobody_is_told_to_do() -> None:
    assert done() - MARKERS == set()


@pytest.mark.parametrize("remedy", Remedy, ids=lambda one: one.marker)
def test_every_remedy_is_in_the_runbook_as_it_is_told(remedy: Remedy) -> None:
    codes, said, how = remedies()[remedy.marker]
    assert (said, how != "") == (remedy.says, True)
    assert codes == ", ".join(f"`{one}`" for one in sorted(remedy.codes))


def test_the_runbook_has_no_other_remedies() -> None:
    assert remedies().keys() == {one.marker for one in Remedy}


def test_every_code_has_one_remedy() -> None:
    codes = [code for one in Remedy for code in one.codes]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize("name", incidents())
def test_the_commands_of_an_incident_stand_in_a_section_that_is_about_it(name: str) -> None:
    assert [one for one, content in sections().items() if incidents()[name] in content]


def test_every_command_that_is_named_exists() -> None:
    texts = [one.says for one in Remedy] + [
        source()["Resources"][alarm]["Properties"]["AlarmDescription"] for alarm in ALARMS
    ]
    named = {found for text in texts for found in re.findall(r"(?:\(|[Rr]un |or )destination ([a-z-]+)", text)}
    known = {name for name, *_ in COMMANDS}
    assert named - known == set()
    written = {
        one for block in incidents().values() for one in re.findall(r"^destination ([a-z-]+)", block, re.MULTILINE)
    }
    assert written - known == set()


def test_sentences_that_name_a_command_stand_in_one_place() -> None:
    """A sentence of its own would be told by nobody else, and tried by no test."""
    package = ROOT / "layers/destination/destination"
    for file in sorted(package.rglob("*.py")):
        if file.name == "remedy.py":
            continue
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                assert "(destination " not in node.value, f"{file}:{node.lineno}"
