"""The examples of the documents are carried out.

A block of JSON is the body of the call that the comment above it names, as in `<!-- POST /connections/{id}/enable -->`;
in a block of shell commands every `call` is one, in this order. Placeholders (`…`, `<in angle brackets>`, `$ID`) are
filled in as their reader would.
"""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from marketo_simulator import Simulator
from testing.control_plane import CREATE, ApiAnswer, activated, call, control_plane, created, fresh
from testing.template import ROOT

OTHERS = {"recipes.md"}
"""Documents whose blocks have a test of their own (test_recipes.py)."""
DOCUMENTS = [ROOT / "README.md", *sorted(one for one in (ROOT / "docs").glob("*.md") if one.name not in OTHERS)]
BODIES = re.compile(r"(?:<!-- ([A-Z]+) (\S+) -->\n)?```json\n(.*?)^```", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"^```(?:sh)?\n(.*?)^```", re.DOTALL | re.MULTILINE)
CALLS = re.compile(r"^(call .*?)(?=^\S|\Z)", re.DOTALL | re.MULTILINE)
MAPPING = [{"source": "email", "target": "DedupeField"}, {"source": "firstName", "target": "firstName"}]


@pytest.fixture(autouse=True)
def marketo() -> Iterator[Simulator]:
    with control_plane() as simulator, fresh(simulator):
        yield simulator


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def bodies(document: Path) -> list[tuple[str, str, str]]:
    return BODIES.findall(document.read_text())


def commands(document: Path) -> list[list[str]]:
    """The calls of a document, as the shell splits them."""
    blocks = SHELL.findall(document.read_text())
    return [shlex.split(found, comments=True) for block in blocks for found in CALLS.findall(block)]


def carried_out(command: list[str], connection_id: str) -> ApiAnswer:
    method, url = command[command.index("-X") + 1], command[command.index("-X") + 2]
    body = command[command.index("-d") + 1] if "-d" in command else None
    filled = body and re.sub(r"<[^>]+>", "aud-1", body)
    for name, value in CREATE["credentials"].items():
        filled = filled and filled.replace(f'"{name}": "…"', f'"{name}": "{value}"')
    return call(method, url.removeprefix("$API").replace("$ID", connection_id), text=filled)


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if bodies(one)], ids=name)
def test_every_example_of_a_body_is_taken(document: Path) -> None:
    connection_id = created(source={"format": "canonical"}, person_action="update_existing_only", mapping=MAPPING)
    activated(connection_id)
    for method, path, body in bodies(document):
        assert method, f"{document.name}: name the call above the block that begins with {body[:40]}"
        answer = call(method, path.replace("{id}", connection_id), text=body)
        assert answer.status in {200, 201}, answer.text
        assert not answer.json.get("rejected"), answer.text
        assert not answer.json.get("ignored"), answer.text


@pytest.mark.parametrize("document", [one for one in DOCUMENTS if commands(one)], ids=name)
def test_every_example_of_a_call_succeeds(document: Path) -> None:
    connection_id = ""
    for command in commands(document):
        answer = carried_out(command, connection_id)
        assert answer.status in {200, 201}, (command, answer.text)
        connection_id = connection_id or answer.json["id"]


def test_the_documents_have_examples() -> None:
    assert len(commands(ROOT / "README.md")) == 3
    assert {document.name for document in DOCUMENTS if bodies(document)} >= {"configuration.md", "governance.md"}
