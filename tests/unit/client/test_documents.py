"""Files of connections: what their text means, and in which line it is wrong."""

from pathlib import Path

import pytest

from destination.domain.problem import Problem
from destination_client.documents import InvalidFileError, filled, literal, read, references
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
        ("!!int 3", 3),
        ("!!str 3", "3"),
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
        ("limits:\n\ta: 1\n", ("2", "found character '\\t' that cannot start any token")),
        ("name: a\nother: \x1b\n", ("2", "has the character U+001B, which YAML does not allow")),
        ("limits:\n  ? [a]\n  : 1\n", ("2: limits", "has a property whose name is no string")),
        ("a: &a {b: 1}\nlimits:\n  <<: *a\n", ("3: limits.<<", "is not read: write out the properties it stands for")),
        ("name: !!int a\n", ("1: name", "has the tag !!int, which does not fit its value; leave the tag out")),
        ("name: !!bool a\n", ("1: name", "has the tag !!bool, which does not fit its value; leave the tag out")),
        (
            "name: !!timestamp 2026-11-21\n",
            ("1: name", "has the tag !!timestamp, which does not fit its value; leave the tag out"),
        ),
        ("name: !own a\n", ("1: name", "has the tag !own, which does not fit its value; leave the tag out")),
        ("limits: {a: 1e999}\n", ("1: limits.a", "is too large a number")),
        (f"limits: {{a: {'9' * 5_000}}}\n", ("1: limits.a", "is too large a number")),
    ],
    ids=[
        "twice",
        "twice within",
        "a list",
        "no YAML",
        "endless",
        "a tab",
        "a control character",
        "a list as a name",
        "a merge key",
        "no integer",
        "no boolean",
        "no JSON",
        "an unknown tag",
        "infinity",
        "5,000 digits",
    ],
)
def test_what_is_no_description_is_refused_with_its_line(tmp_path: Path, text: str, problem: tuple[str, str]) -> None:
    with pytest.raises(InvalidFileError) as refused:
        read(written(tmp_path, text))
    assert problems(refused.value) == [problem]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("name: &a [*a, *a]\n", "more than 500,000 values"),
        (
            "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
            + "".join(f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 9)),
            "more than 500,000 values",
        ),
        ("name: " + "[" * 20_000 + "]" * 20_000, "nested too deeply"),
    ],
    ids=["endless in two ways", "aliases of aliases", "deep"],
)
def test_a_file_that_means_more_than_anybody_can_read_is_refused(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InvalidFileError, match=told):
        read(written(tmp_path, text))


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "---\n# nothing\n---\n"])
def test_an_empty_file_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(InvalidFileError, match="is empty"):
        read(written(tmp_path, text))


def test_an_empty_document_is_none(tmp_path: Path) -> None:
    documents = read(written(tmp_path, "---\n# first\n---\nname: a\n---\n"))
    assert [(one.content, one.lines["name"]) for one in documents] == [({"name": "a"}, 4)]


def test_a_file_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read"):
        read(tmp_path / "nothing.yaml")


def test_references_are_filled_from_the_environment() -> None:
    content = {"a": "${ONE}", "b": ["x-${TWO}-${ONE}", 3], "c": {"d": "$ONE ${"}}
    assert filled(content, {"ONE": "1", "TWO": "2"}) == ({"a": "1", "b": ["x-2-1", 3], "c": {"d": "$ONE ${"}}, [])


@pytest.mark.parametrize("text", ["${ONE}", "$${ONE}", "$$${ONE}", "a ${ONE} $ {TWO} ${", "plain"])
def test_text_that_looks_like_a_reference_can_be_written_so_that_it_is_none(text: str) -> None:
    written = literal({"a": [text]})
    assert filled(written, {"ONE": "1"}) == ({"a": [text]}, [])
    assert references(written["a"][0]) == []


def test_what_the_environment_lacks_is_named() -> None:
    _, missing = filled({"a": {"b": ["${ONE}${TWO}"]}}, {"TWO": ""})
    assert missing == [Problem("a.b[0]", "the environment variable ONE is not set")]
