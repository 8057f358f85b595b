"""The file of `--persist`: what is there in the next run, and what happens to it when something goes wrong."""

import json
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from marketo_simulator import DecodeError, Simulator
from marketo_simulator.__main__ import main
from marketo_simulator.persistence import StateFile
from tests.contract.simulator.simulator_command import running

ADA = {"leads": [{"email": "ada@example.org"}]}
NO_SPACE = """
import resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def kept(file: Path, simulator: Simulator | None = None) -> Simulator:
    """A simulator that was loaded from the file."""
    loaded = simulator or Simulator()
    StateFile(file, loaded).load()
    return loaded


def emails(simulator: Simulator) -> list[str]:
    return [lead["email"] for lead in simulator.dump()["leads"]]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_next_run_begins_where_the_last_one_ended(file: Path, number: int) -> None:
    with running("--persist", file) as first:
        first.control("seed", ADA)
        first.control("clock", {"advance": 86_400})
        assert first.end(number) == (0, "")
    with running("--persist", file) as second:
        assert [lead["email"] for lead in second.control("dump")["leads"]] == ["ada@example.org"]
        assert second.control("clock")["offset"] == 86_400
        second.control("reset", {})
        assert second.control("dump")["leads"] == [], "reset goes back to the seed, and there is none"


def test_all_instances_are_kept_and_the_file_goes_before_the_seed(file: Path) -> None:
    simulator = Simulator(ADA | {"instances": {"123-ABC-456": {}}})
    simulator.instance("999-ZZZ-999").seed({"leads": [{"email": "bob@example.org"}]})
    simulator.instance("999-ZZZ-999").configure(latency=0.25)
    StateFile(file, simulator).save()
    loaded = kept(file, Simulator({"leads": [{"email": "seed@example.org"}]}))
    assert emails(loaded) == ["ada@example.org"]
    assert [lead["email"] for lead in loaded.instance("999-ZZZ-999").dump()["leads"]] == [
        "ada@example.org",
        "bob@example.org",
    ]
    assert loaded.instance("999-ZZZ-999").settings.latency == 0.25
    assert loaded.instance("123-ABC-456").dump()["leads"] == []
    loaded.reset()
    assert emails(loaded) == ["seed@example.org"]


def test_it_is_written_while_the_simulator_runs_when_something_has_changed(file: Path) -> None:
    simulator, calls = Simulator(), [0]
    state = StateFile(file, simulator)
    state.save()
    written = file.stat()
    with state.kept(lambda: calls[0], seconds=0.01):
        time.sleep(0.05)
        assert file.stat().st_ino == written.st_ino, "nothing was called"
        simulator.seed(ADA)
        calls[0] += 1
        deadline = time.monotonic() + 10
        while file.stat().st_ino == written.st_ino and time.monotonic() < deadline:
            time.sleep(0.01)
    assert emails(kept(file)) == ["ada@example.org"]


def test_who_is_killed_loses_no_more_than_the_last_seconds(file: Path) -> None:
    with running("--persist", file) as command:
        command.control("seed", ADA)
        command.end(signal.SIGKILL)
    assert emails(kept(file)) == [], "as it was at the start, and whole"


def test_a_write_that_fails_leaves_the_old_file_and_is_told(file: Path) -> None:
    with running("--persist", file, before=NO_SPACE) as command:
        command.control("seed", ADA)
        command.control("seed", {"leads": [{"title": "x" * 200} for _ in range(1000)]})
        status, errors = command.end()
    assert (status, "could not be written" in errors) == (1, True)
    assert emails(kept(file)) == []
    assert list(file.parent.iterdir()) == [file]


def test_a_file_is_for_its_owner_alone(file: Path) -> None:
    StateFile(file, Simulator()).save()
    assert file.stat().st_mode & 0o077 == 0


def test_a_link_is_followed(tmp_path: Path, file: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    StateFile(link, Simulator(ADA)).save()
    assert link.is_symlink()
    assert emails(kept(file)) == ["ada@example.org"]


def changed(*path: str | int, to: object) -> Any:
    """Changes one thing in the content of a file."""

    def change(content: dict[str, Any]) -> None:
        at: Any = content
        for step in path[:-1]:
            at = at[step]
        at[path[-1]] = to

    return change


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (changed("format", to="other"), "is it a seed"),
        (changed("version", to=2), "has the version 2, and this simulator reads version 1"),
        (changed("clock_offset", to=1e300), "seconds lead nowhere"),
        (changed("clock_offset", to=float("nan")), "seconds lead nowhere"),
        (changed("instances", to=[]), "instances: expected an object"),
        (changed("instances", "", "leads", 0, "id", to="1"), "leads[0].id: expected a whole number"),
        (changed("instances", "", "leads", 1, to={"id": 1, "leadPartitionId": 1}), "that no other lead has"),
        (changed("instances", "", "leads", 0, "leadPartitionId", to=9), "leadPartitionId: there is no 9"),
        (changed("instances", "", "leads", 0, "email", to=None), "expected text, a number, true or false"),
        (changed("instances", "", "lists", 0, "members", to=[7]), "lists[0].members: there is no 7"),
        (changed("instances", "", "lists", 0, "folder", to=7), "lists[0].folder: there is no 7"),
        (changed("instances", "", "lists", 0, "created_at", to="today"), "expected a time with its zone"),
        (changed("instances", "", "folders", to=[]), "folders: the Group Lists folder of every workspace"),
        (changed("instances", "", "partitions", to=[]), "partitions: the one that was always there is needed"),
        (changed("instances", "", "fields", 0, "data_type", to="odd"), "data_type 'odd' is unknown"),
        (changed("instances", "", "next_ids", to=[1]), "next_ids: expected the ids of the next"),
        (changed("instances", "", "more", to=1), "unknown key 'more'"),
        (lambda content: content["instances"][""].pop("clients"), "'clients' is missing"),
    ],
)
def test_a_broken_file_is_refused_and_left_as_it_is(
    file: Path, capsys: pytest.CaptureFixture[str], change: Any, problem: str
) -> None:
    seed = {"leads": [{"email": "ada@example.org"}, {}], "lists": [{"name": "L", "members": [1]}]}
    StateFile(file, Simulator(seed)).save()
    content = json.loads(file.read_text())
    change(content)
    file.write_text(json.dumps(content))
    before = file.read_bytes()
    simulator = Simulator(ADA)
    with pytest.raises(DecodeError) as caught:
        kept(file, simulator)
    assert problem in str(caught.value)
    assert str(file) in str(caught.value)
    assert emails(simulator) == ["ada@example.org"]
    assert main(["--persist", str(file)]) == 2
    assert problem in capsys.readouterr().err
    assert file.read_bytes() == before


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"null", b"\xff\xfe{", b"[" * 100_000, b'{"leads": []}'])
def test_what_is_no_state_at_all_is_refused(file: Path, content: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_bytes(content)
    assert main(["--persist", str(file)]) == 2
    assert str(file) in capsys.readouterr().err
    assert file.read_bytes() == content


def test_a_place_that_cannot_be_written_is_told_at_the_start(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--persist", str(tmp_path / "nowhere/state.json")]) == 2
    assert main(["--persist", str(tmp_path)]) == 2
    errors = capsys.readouterr().err
    assert "nowhere" in errors
    assert "Is a directory" in errors
