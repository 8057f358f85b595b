"""Every command that a document prints exists, and is run by a test, or says why it can be run by none here."""

import re
from pathlib import Path

import pytest

from testing.documents import DOCUMENTS, INCIDENTS, SHELLS, Block, blocks, commands, flaw, inline, name_of
from testing.template import ROOT

WHOLE = {"docs/tutorial.md": "tests/e2e/test_tutorial.py"}
"""Documents of which every block is run, in its order, and by what."""

PROGRAMS = ("make", "destination", "sam", "aws", "call", "curl", "pip", "python", "docker", "export", "npm")
"""What a block of commands begins a line with."""

PRINTED = [block for document in DOCUMENTS for block in blocks(document)]
SHELL = [block for block in PRINTED if block.language in SHELLS]

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
every_block = pytest.mark.parametrize("block", SHELL, ids=lambda block: block.place)


def relative(document: Path) -> str:
    return str(document.relative_to(ROOT))


def runners(block: Block) -> list[str]:
    """The tests that run a block, as files."""
    named = [one for names in block.noted("run by") for one in names.split(", ")]
    of_incident = [INCIDENTS] if block.noted("incident") else []
    of_document = [WHOLE[relative(block.document)]] if relative(block.document) in WHOLE else []
    return [*named, *of_incident, *of_document]


def runs(test: str, command: list[str], block: Block) -> bool:
    """Whether a test runs a command: it names it, or takes commands of its program from the document."""
    text = (ROOT / test).read_text()
    if test in {INCIDENTS, WHOLE.get(relative(block.document))}:
        return True
    words = [name_of(command)] + ([command[0]] if block.document.name in text else [])
    return any(re.search(rf"(?<![\w-]){re.escape(word)}\b", text) for word in words)


def test_there_are_commands_to_look_at() -> None:
    assert len(SHELL) > 50
    assert {name_of(one) for block in SHELL for one in commands(block.text)} >= {"apply", "demo", "deploy", "call"}


@every_document
def test_what_looks_like_commands_says_that_it_is_a_shell(document: Path) -> None:
    begins = re.compile(rf"^ *(?:{'|'.join(PROGRAMS)}) ", re.MULTILINE)
    assert [one.place for one in blocks(document) if not one.language and begins.search(one.text)] == []


@every_block
def test_a_test_runs_every_command_or_the_block_says_why_none_can(block: Block) -> None:
    tests, reasons = runners(block), block.noted("not run here")
    assert all((ROOT / one).is_file() and one.startswith("tests/") for one in tests), tests
    assert all(len(one.split()) > 2 for one in reasons), "a reason is a sentence"
    not_run = [one for one in commands(block.text) if not any(runs(test, one, block) for test in tests)]
    assert not_run == [] or reasons, "name the test above the block, or why there is none (testing/documents.py)"
    assert not_run or not reasons, "a test runs all of it: no reason is needed"


@every_document
def test_a_note_of_who_runs_commands_stands_above_a_block_of_them(document: Path) -> None:
    noted = re.findall(r"^ *<!-- (?:run by|not run here): ", document.read_text(), re.MULTILINE)
    above = [one for block in SHELL if block.document == document for one in block.notes if one[0] != "incident"]
    assert len(noted) == len(above)


@every_block
def test_every_command_of_a_block_exists_with_its_options(block: Block) -> None:
    found = {" ".join(one): flaw(one, is_whole=True) for one in commands(block.text)}
    assert {command: wrong for command, wrong in found.items() if wrong} == {}


@every_document
def test_every_command_in_a_sentence_exists_with_its_options(document: Path) -> None:
    found = {" ".join(one): flaw(one, is_whole=False) for text in inline(document) for one in commands(text)}
    assert {command: wrong for command, wrong in found.items() if wrong} == {}


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        ("destination apply webinars.yaml --dryrun", "No such option"),
        ("destination aply webinars.yaml", "no command"),
        ("destination apply", "lacks ['file']"),
        ("destination overview $ID", "takes no"),
        ("make dmeo", "no target"),
        ("sam deploy --guide", "No such option"),
        ("aws dynamodb restore-table", "has no"),
        ("aws dynamodb update-table --table-nam x", "has no"),
        ("aws dynamodb update-table", "lacks"),
        ("echo; x=$(destination aply)", "no command"),
    ],
)
def test_a_command_that_does_not_exist_is_noticed(command: str, wrong: str) -> None:
    assert wrong in " ".join(str(flaw(one, is_whole=True)) for one in commands(command))


def test_commands_are_taken_from_their_line_as_a_shell_takes_them() -> None:
    text = "a=1 make up > log; cat > x <<END\nmake no\nEND\ncall -d '{\n \"x\": 1}' \\\n  --y < in | jq .  # make not\n"
    assert list(commands(text)) == [["make", "up"], ["cat"], ["call", "-d", '{\n "x": 1}', "--y"], ["jq", "."]]
