"""What documents say that the console calls something is what it calls it."""

import re
from pathlib import Path

from destination.domain.file import MAX_FILE_BYTES
from destination.domain.file_form import ENCODINGS

ROOT = Path(__file__).resolve().parents[2]
TEXTS = "\n".join(path.read_text() for path in sorted((ROOT / "console/src").glob("texts*.ts")))


def test_the_tutorial_has_the_consoles_words() -> None:
    _, _, below = (ROOT / "docs/tutorial.md").read_text().partition("\n## The same in the console\n")
    words = set(re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", below.partition("\n## ")[0]))
    assert len(words) > 20
    assert {one for one in words if f"'{one}'" not in TEXTS} == set()


def test_the_console_offers_what_the_interface_takes_of_files() -> None:
    rules = (ROOT / "console/src/screens/files/rules.ts").read_text()
    (largest,) = re.findall(r"MAX_FILE_BYTES = ([\d_]+);", rules)
    (encodings,) = re.findall(r"ENCODINGS = \[([^]]+)\]", rules)
    assert int(largest) == MAX_FILE_BYTES
    assert tuple(re.findall(r"'([^']+)'", encodings)) == ENCODINGS


def test_the_documents_have_the_consoles_words_for_files() -> None:
    _, _, below = (ROOT / "docs/console.md").read_text().partition("\n## Upload a file\n")
    words = set(re.findall(r"(?<!\*)\*([^*\n]+)\*(?!\*)", below.partition("\n## ")[0]))
    assert words == {"Files", "Upload a file", "Approve", "Cancel the file"}
    assert {one for one in words if f"'{one}'" not in TEXTS} == set()
