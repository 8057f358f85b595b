"""The documents' pictures in Mermaid can be drawn, and show the states that the code has.

Mermaid itself needs a browser. What is checked here is the part of its grammar that the documents use, for four kinds
of diagrams (Mermaid, "Diagram Syntax"): who draws something else has to add it, and to look at the picture.
"""

import re
from enum import StrEnum

import pytest

from destination.domain.alert import AlertStatus
from destination.domain.connection import Status
from destination.domain.file import FileStatus
from destination.domain.lead_extract import ExtractStage
from destination.domain.lead_import import ImportStage
from destination.domain.parking import WaitsFor
from destination.domain.resync import ResyncStatus
from destination.domain.verification import Phase, VerificationStatus
from testing.documents import DOCUMENTS, Block, blocks
from testing.template import ROOT

NAME = r"[A-Za-z]\w*"
TEXT = r"[^;#<>{}()\[\]|\"]+"
"""In a label without quotation marks; the others mean something to Mermaid."""
QUOTED = r"\"[^\"#;]+\""

NODE = rf"{NAME}(?:\[{QUOTED}\]|\[\({QUOTED}\)\])?"
STATE = rf"(?:{NAME}|\[\*\])"
MANY = r"(?:\|\||\|o|\}o|\}\|)--(?:\|\||o\||o\{|\|\{)"

GRAMMAR = {
    "stateDiagram-v2": [rf"{STATE} --> {STATE}(?: : {TEXT})?"],
    "flowchart LR": [rf"{NODE} (?:-->|---)(?:\|(?:{TEXT}|{QUOTED})\|)? ?{NODE}"],
    "sequenceDiagram": [rf"participant {NAME} as {TEXT}", rf"{NAME}-?->>{NAME}: {TEXT}"],
    "erDiagram": [rf"{NAME} {MANY} {NAME} : {QUOTED}"],
}
"""By the first line of a diagram, what each other line may be."""

RESERVED = {"end", "graph", "subgraph", "state", "note", "class", "default", "style"}
"""Names that end a diagram, or begin something else in it."""

PICTURES = [one for document in DOCUMENTS for one in blocks(document) if one.language == "mermaid"]
every_picture = pytest.mark.parametrize("picture", PICTURES, ids=lambda one: one.place)


def lines(picture: Block) -> tuple[str, list[str]]:
    kind, *others = picture.text.splitlines()
    return kind, [one.strip() for one in others]


def transitions(picture: Block) -> list[tuple[str, str]]:
    """From which state to which."""
    return re.findall(r"^ *(\S+) --> (\S+)", picture.text, re.MULTILINE)


def states(place: int) -> set[str]:
    """Those of a diagram of docs/states.md, without the beginning and the end."""
    drawn = [one for one in PICTURES if one.document == ROOT / "docs/states.md"][place]
    return {one for both in transitions(drawn) for one in both} - {"[*]"}


def test_there_are_pictures_of_every_kind() -> None:
    assert {lines(one)[0] for one in PICTURES} == GRAMMAR.keys()


@every_picture
def test_every_line_of_a_picture_is_of_its_grammar(picture: Block) -> None:
    kind, others = lines(picture)
    forms = [re.compile(form) for form in GRAMMAR[kind]]
    assert [one for one in others if not any(form.fullmatch(one) for form in forms)] == []


@every_picture
def test_no_name_in_a_picture_is_a_word_of_mermaid(picture: Block) -> None:
    text = re.sub(rf"{QUOTED}|\|[^|\n]*\||: .*", "", picture.text.partition("\n")[2])
    assert RESERVED.isdisjoint(re.findall(NAME, text))


@every_picture
def test_who_takes_part_in_a_sequence_is_introduced(picture: Block) -> None:
    introduced = set(re.findall(rf"participant ({NAME}) as", picture.text))
    calling = {one for both in re.findall(rf"({NAME})-?->>({NAME}):", picture.text) for one in both}
    assert calling == introduced


@pytest.mark.parametrize(
    ("place", "words"),
    [
        (0, Status),
        (2, VerificationStatus),
        (3, Phase),
        (4, ExtractStage),
        (5, ImportStage),
        (6, FileStatus),
        (7, ResyncStatus),
        (8, AlertStatus),
    ],
)
def test_a_picture_of_states_has_those_of_the_code(place: int, words: type[StrEnum]) -> None:
    assert states(place) == set(words)


@pytest.mark.parametrize("picture", [one for one in PICTURES if "stateDiagram" in one.text], ids=lambda one: one.place)
def test_every_state_is_come_to_from_the_beginning(picture: Block) -> None:
    found = transitions(picture)
    reached = {"[*]"}
    while more := {after for before, after in found if before in reached} - reached:
        reached |= more
    assert reached == {one for both in found for one in both}


def test_everything_that_parked_events_wait_for_is_told() -> None:
    told = re.findall(r"^\| `(\w+)` \| [^|]+ \|$", (ROOT / "docs/states.md").read_text(), re.MULTILINE)
    assert told == list(WaitsFor)
