"""Files of connections: what their text means, and in which line it is wrong."""

from pathlib import Path

import pytest

from destination.domain.problem import Problem
from destination_client.documents import InvalidFileError, filled, read
from destination_client.errors import CommandError


def written(folder: Path, text: str) -> Path:
    file = folder / "file.yaml"
    file.write_text(text)
    return file


def problems(error: InvalidFileError) -> list[tuple[str, str]]:
    """Line and path as told, and the message."""
    return [(one.path.split(":", 1)[1], one.message) for one in error.problems]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("y", "y"),
        ("no", "no"),
        ("on", "on"),
        ("True", "True"),
        ("true", True),
        ("null", None),
        ("", None),
        ("3", 3),
        ("-1.5e3", -1500.0),
        ("010", "010"),
        ("1:30", "1:30"),
        ("2026-11-21", "2026-11-21"),
        ("2026-11-21T10:00:00Z", "2026-11-21T10:00:00Z"),
        ("'3'", "3"),
        ("[a, 1]", ["a", 1]),
    ],
)
def test_scalars_are_those_of_json(tmp_path: Path, text: str, value: object) -> None:
    (document,) = read(written(tmp_path, f"member: {text}\n"))
    assert document.content == {"member": value}


def test_every_member_knows_its_line(tmp_path: Path) -> None:
    text = "name: a\nlimits:\n  concurrency: 3\nmapping:\n  - source: b\n    target: c\n---\nname: d\n"
    first, second = read(written(tmp_path, text))
    assert first.lines["limits.concurrency"] == 3
    assert first.lines["mapping[0].target"] == 6
    assert second.lines["name"] == 8


@pytest.mark.parametrize(
    ("path", "line"),
    [("mapping[0].source", 3), ("mapping[0].labels[1]", 3), ("mapping[7]", 2), ("limits.concurrency", 1), ("", 1)],
)
def test_a_problem_stands_at_the_nearest_line(tmp_path: Path, path: str, line: int) -> None:
    (document,) = read(written(tmp_path, "name: a\nmapping:\n  - source: b\n"))
    assert problems(document.refused([Problem(path, "is wrong")])) == [(f"{line}: {path}", "is wrong")]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("name: a\nname: b\n", ("2: name", "is already given in line 1")),
        ("limits:\n  a: 1\n  a: 2\n", ("3: limits.a", "is already given in line 2")),
        ("- name: a\n", ("1", "must be an object with the properties of a connection")),
        ("name: [a\nb: c\n", ("2", "expected ',' or ']', but got ':'")),
        ("name: &a [*a]\n", ("1: name" + "[0]" * 32, "is nested too deeply")),
    ],
    ids=["twice", "twice within", "a list", "no YAML", "endless"],
)
def test_what_is_no_description_is_refused_with_its_line(tmp_path: Path, text: str, problem: tuple[str, str]) -> None:
    with pytest.raises(InvalidFileError) as refused:
        read(written(tmp_path, text))
    assert problems(refused.value) == [problem]


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InvalidFileError, match="is empty"):
        read(written(tmp_path, "# nothing\n"))


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        read(tmp_path / "nothing.yaml")


def test_references_are_filled_from_the_environment() -> None:
    content = {"a": "${ONE}", "b": ["x-${TWO}-${ONE}", 3], "c": {"d": "$ONE ${"}}
    assert filled(content, {"ONE": "1", "TWO": "2"}) == ({"a": "1", "b": ["x-2-1", 3], "c": {"d": "$ONE ${"}}, [])


def test_what_the_environment_lacks_is_named() -> None:
    _, missing = filled({"a": {"b": ["${ONE}${TWO}"]}}, {"TWO": ""})
    assert missing == [Problem("a.b[0]", "the environment variable ONE is not set")]
