"""The documents name what the code has, and their links lead somewhere.

What the code has: every reason, every code of Marketo, every parameter of the stack, every target of the Makefile,
every command.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionIn
from destination.api.previews import PreviewOut
from destination.domain.loss import LOSSES, Loss
from destination.domain.outcome import MESSAGES
from destination.domain.schema import INVALID_VALUE, READ_ONLY, RESTRICTED, TOO_LONG, UNKNOWN_FIELD
from destination_client import main
from testing.template import source

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
PACKAGE = ROOT / "layers/destination/destination"
CONFIGURATION = (DOCS / "configuration.md").read_text()
MONITORING = (DOCS / "monitoring.md").read_text()
DOCUMENTS = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "simulator/README.md")),
    *sorted(DOCS.rglob("*.md")),
]
COMMANDS = {name for name, *_ in main.COMMANDS} | {"files", "source"}
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))

every_document = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))


def prose(document: Path) -> str:
    """A document without its blocks of code."""
    return re.sub(r"^```.*?^```", "", document.read_text(), flags=re.DOTALL | re.MULTILINE)


def as_code(document: Path) -> str:
    """What stands in a document as code, in lines and in blocks."""
    text = document.read_text()
    return "\n".join((*re.findall(r"`([^`\n]+)`", text), *re.findall(r"^```.*?^```", text, re.DOTALL | re.MULTILINE)))


def links(document: Path) -> Iterator[tuple[Path, str]]:
    """What a document links to in the repository: the file and, where there is one, the anchor in it."""
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(document)):
        if "://" not in link and not link.startswith("mailto:"):
            path, _, anchor = link.partition("#")
            yield (document.parent / path).resolve() if path else document, anchor


def anchors(document: Path) -> set[str]:
    """The anchors of a document's headings, as GitHub forms them."""
    found: Counter[str] = Counter()
    named = set()
    for heading in re.findall(r"^#+ +(.+?) *$", prose(document), re.MULTILINE):
        text = re.sub(r"\[([^]]*)\]\([^)]*\)", r"\1", heading).lower()
        anchor = re.sub(r"[^\w\- ]", "", text).replace(" ", "-")
        named.add(f"{anchor}-{found[anchor]}" if found[anchor] else anchor)
        found[anchor] += 1
    return named


@every_document
def test_every_link_leads_to_a_file_of_the_repository_and_to_a_heading_in_it(document: Path) -> None:
    broken = [
        f"{path}#{anchor}"
        for path, anchor in links(document)
        if not path.is_relative_to(ROOT) or not path.exists() or (anchor and anchor not in anchors(path))
    ]
    assert broken == []


@pytest.mark.parametrize("document", sorted(DOCS.rglob("*.md")), ids=lambda path: str(path.relative_to(DOCS)))
def test_every_document_is_linked_from_another(document: Path) -> None:
    assert any(path == document for other in DOCUMENTS if other != document for path, _ in links(other))


@pytest.mark.parametrize("record", sorted(DOCS.glob("decisions/0*.md")), ids=lambda path: path.stem)
def test_every_decision_has_a_status_and_a_row(record: Path) -> None:
    title, _, status = record.read_text().split("\n")[:3]
    assert re.fullmatch(r"Status: (accepted|superseded) on \d{4}-\d\d-\d\d(; changed .*|, by \[.*)?\.", status)
    number, _, words = title.removeprefix("# ").partition(". ")
    assert f"| [{number}]({record.name}) | {words} |" in (DOCS / "decisions/README.md").read_text()


@every_document
def test_every_target_of_make_that_a_document_names_there_is(document: Path) -> None:
    named = re.findall(r"(?:^|[\s;&])make ((?:[a-z-]+ ?)+)", as_code(document), re.MULTILINE)
    assert {target for targets in named for target in targets.split()} <= TARGETS


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_is_documented(name: str) -> None:
    assert re.search(rf"(destination |`){name}\b", (DOCS / "client.md").read_text())


@pytest.mark.parametrize("code", MESSAGES)
def test_every_reason_is_documented(code: str) -> None:
    assert f"| `{code}` |" in CONFIGURATION


@pytest.mark.parametrize("loss", LOSSES)
def test_every_loss_is_documented_with_what_it_is_told_as(loss: Loss) -> None:
    assert f"| `{loss.code}` | {loss.kind} | {LOSSES[loss]} |" in CONFIGURATION


@pytest.mark.parametrize("code", [INVALID_VALUE, TOO_LONG, READ_ONLY, UNKNOWN_FIELD, RESTRICTED])
def test_every_reason_for_leaving_a_field_out_is_documented(code: str) -> None:
    assert f"| `{code}` |" in CONFIGURATION


@pytest.mark.parametrize(
    "name", sorted({name for shape in (ConnectionIn, AudienceIn, PreviewOut) for name in shape.model_fields})
)
def test_every_property_of_what_is_configured_and_of_previews_is_documented(name: str) -> None:
    assert re.search(rf"[`\"]{name}[`\":.]", CONFIGURATION)


@pytest.mark.parametrize("name", source()["Parameters"])
def test_every_parameter_is_documented_with_its_default(name: str) -> None:
    default = source()["Parameters"][name].get("Default", "")
    assert f"| `{name}` | {f'`{default}`' if str(default) else ''} |" in CONFIGURATION


@pytest.mark.parametrize(
    "alarm", [name for name, one in source()["Resources"].items() if one["Type"] == "AWS::CloudWatch::Alarm"]
)
def test_every_alarm_names_its_section_of_the_runbook(alarm: str) -> None:
    description = source()["Resources"][alarm]["Properties"]["AlarmDescription"]
    (section,) = re.findall(r"docs/operations\.md#([\w-]+)", description)
    assert section in anchors(DOCS / "operations.md")
    assert re.search(rf"^\|.*\b{alarm}\b.*\(#{section}\) \|$", (DOCS / "operations.md").read_text(), re.MULTILINE)


def logged() -> Iterator[tuple[str, str, str]]:
    """What the functions log, themselves or by `log_call`: function, message and level."""
    of_calls = list(lines(PACKAGE / "observation.py"))
    for path in sorted((ROOT / "functions").glob("*/*.py")):
        for message, level in [*lines(path), *(of_calls if "log_call" in path.read_text() else ())]:
            yield path.parent.name, message, level


def lines(path: Path) -> Iterator[tuple[str, str]]:
    """What a module logs: message and level."""
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Call(ast.Attribute(ast.Name("logger"), level), [ast.Constant(str(message)), *_]):
                yield message, level.upper()
            case ast.Call(ast.Attribute(ast.Name("logger"), "debug" | "info" | "warning" | "error" | "exception")):
                raise AssertionError(f"{path}:{node.lineno} logs what has no fixed name")


def test_every_line_of_the_log_is_documented_and_no_other() -> None:
    rows = re.findall(r"^\| (\w+) \| `([^`]+)` \| (DEBUG|INFO|WARNING|ERROR) \|", MONITORING, re.MULTILINE)
    assert sorted(rows) == sorted(set(logged()))


def test_nothing_but_the_functions_logs() -> None:
    loggers = [path for path in PACKAGE.rglob("*.py") if re.search(r"getLogger|Logger\(", path.read_text())]
    assert loggers == [PACKAGE / "__init__.py"], "which only keeps libraries quiet"
