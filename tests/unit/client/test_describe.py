"""Documents that the command writes: another reading of them gives the same."""

from pathlib import Path

import pytest

from destination_client.describe import document_of_draft, written
from destination_client.documents import filled, read


@pytest.mark.parametrize(
    "name",
    [
        *("1e5", "12E4", "-1e3", "0.5e3", "3", "010", "0x1F", "1_000", "1:30", "2026-11-21", "yes", "null", "~", ""),
        *("<<", "a: b", "# a", " a ", "a\tb", "\N{LINE SEPARATOR}", "\N{SLIGHTLY SMILING FACE}", "${HOME}", "$${HOME}"),
    ],
)
def test_a_string_is_read_as_the_string_that_it_is(tmp_path: Path, name: str) -> None:
    draft = {"name": name or "-", "munchkin_id": name, "workspace": "Default", "mapping": [{"source": name}]}
    file = tmp_path / "connection.yaml"
    file.write_text(written(document_of_draft(draft, [{"id": name}])), encoding="utf-8")
    (document,) = read(file)
    plain = {one: value for one, value in document.content.items() if one != "credentials"}
    content, missing = filled(plain, {"HOME": "a secret"})
    assert missing == []
    assert content == {**draft, "audiences": [{"id": name}], "enabled": False}
