"""The command at a terminal of 80 columns, and without one: no id, no number and no word is cut, whatever is shown."""

import fcntl
import json
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest
import typer.main
from rich.cells import cell_len
from typer.core import TyperGroup

from destination.composition.connections import paces
from destination.domain.alert import Alert, AlertState, AlertStatus, Evidence
from destination.domain.parking import Bundle, WaitsFor
from destination.files import resyncs
from destination.store.alerts import Alerts
from destination.store.parking import Parking
from destination_client.main import app
from testing import control_plane as plane
from testing.client import FILE, Stack, stack
from testing.uploads import as_csv, tick

WIDTH: Final = 80
END: Final = "\x1e"

NAME: Final = "Webinar leads of Europe, the Middle East and Africa"
AUDIENCE: Final = "5bbb1b8a-6d3c-4a8e-9a4e-2f6a7a0c9b11"
CONTENT: Final = (
    FILE.replace("name: Webinar leads", f"name: {NAME}")
    .replace("id: aud 2", f"id: {AUDIENCE}")
    .replace("name: Spring", "name: People who came to the spring fair and to the webinar after it")
)
SHEET: Final = "People who came to the spring fair and to the webinar after it, as the agency has them.csv"
LABEL: Final = "Everybody of the November campaign in Europe, the Middle East and Africa, sent again"
SAMPLE: Final[Mapping[str, Any]] = {"profile": {"email": "ada@example.org", "firstName": "Ada", "lastName": "L"}}

LINES: Final = (
    "schema",
    "send",
    "redrive",
    "discard",
    "erase",
    "erasure",
    "resume",
    "enable",
    "disable",
    "rotate-token",
    "sender-credentials",
    "delete",
    "files put",
    "files result",
    "resync start",
    "source check",
)
"""Commands that print no table: a line or two, or JSON."""

SHOWS: Final[Mapping[str, Sequence[Sequence[str]]]] = {
    "apply": [["connection.yaml", "--dry-run"]],
    "migrate": [],  # its table is that of any report, and it writes a file
    "list": [[]],
    "show": [[NAME]],
    "overview": [[]],
    "console": [],  # prints an address, and does not end by itself
    "whoami": [[]],
    "status": [[]],
    "checks": [[NAME]],
    "choices": [[NAME, kind] for kind in ("fields", "dedupe-fields", "partitions", "workspaces", "lists")],
    "preview": [[NAME, "event.json"]],
    "runs": [[NAME]],
    "run": [[NAME, "HOUR"]],
    "persons": [[NAME, "HOUR"]],
    "verify": [],  # its table is that of `verifications`
    "verifications": [[NAME], [NAME, "VERIFICATION"]],
    "alerts": [[NAME]],
    "recipients": [[NAME]],
    "policies": [[]],
    "audit": [["--to", "NOW"]],
    "letters": [[], [NAME]],
    "dead-letters": [[]],
    "people": [[NAME, "ada@example.org"]],
    "seen": [[NAME]],
    "adobe-card": [[NAME, "--out", "CARD"]],
    "parking": [[NAME]],
    "files list": [[NAME]],
    "files show": [[NAME, "FILE"], [NAME, "UNFIT"]],
    "resync list": [[NAME]],
    "resync show": [[NAME, "RESYNC"]],
    **{name: [] for name in ("files approve", "files cancel")},  # they show what `files show` does
    **{name: [] for name in ("resync approve", "resync cancel", "resync close")},
    "capabilities show": [[NAME]],
    **{name: [] for name in ("capabilities find", "capabilities resume")},
    **{name: [] for name in LINES},
}
"""By command, the arguments with which it is looked at."""

DRIVER: Final = """
import json, sys
from datetime import datetime
from destination_client.main import app
now = datetime.fromisoformat(sys.argv[2])
for arguments in json.loads(sys.argv[1]):
    app(arguments, standalone_mode=False, obj=lambda: now)
    print("\\x1e", flush=True)
"""

CHANGING: Final = frozenset({"checks"})
"""Commands that show other ids and counts whenever they are called; of these words the form is compared."""


@dataclass(frozen=True, slots=True)
class Scene:
    """A stack with something of everything, and what stands for the names that are known only then."""

    console: Stack
    names: Mapping[str, str]
    now: datetime
    """What every command takes for the time, so that the hours of a day are the same however late it is called."""

    def commands(self) -> list[list[str]]:
        return [
            [*name.split(), *(self.names.get(one, one) for one in arguments)]
            for name, each in SHOWS.items()
            for arguments in each
        ]

    def shown(self, commands: Sequence[Sequence[str]], *, width: int | None, zone: str = "UTC") -> list[str]:
        """What the commands print, at a terminal of this width, or without one."""
        environment = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "LINES"}}
        environment |= {"PYTHONPATH": os.pathsep.join(sys.path), "TERM": "xterm", "NO_COLOR": "1", "TZ": zone}
        arguments = [sys.executable, "-c", DRIVER, json.dumps(commands), self.now.isoformat()]
        paces.cache_clear()  # as if the window of the calls to Marketo before was over
        said = self.console.folder / "stderr"
        with said.open("w") as errors:
            shown = (
                _at_terminal(arguments, environment, errors.fileno(), width)
                if width
                else _piped(arguments, environment, errors.fileno())
            )
        parts = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.replace("\r\n", "\n")).split(f"{END}\n")
        assert len(parts) == len(commands) + 1, said.read_text()
        return parts[:-1]


def _piped(arguments: Sequence[str], environment: Mapping[str, str], errors: int) -> str:
    done = subprocess.run(arguments, env=environment, stdout=subprocess.PIPE, stderr=errors, text=True, check=False)  # noqa: S603
    return done.stdout


def _at_terminal(arguments: Sequence[str], environment: Mapping[str, str], errors: int, width: int) -> str:
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, width, 0, 0))
    with subprocess.Popen(arguments, env=environment, stdin=theirs, stdout=theirs, stderr=errors):  # noqa: S603
        os.close(theirs)
        shown = b"".join(_read(ours))
    os.close(ours)
    return shown.decode()


def _read(terminal: int) -> Iterator[bytes]:
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # Linux's way to say that nobody has the other end any more
            return
        if not part:
            return
        yield part


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with plane.control_plane() as marketo, stack(marketo, tmp_path_factory.mktemp("terminal")) as console:
        token_file = console.folder / "token"
        console.apply(CONTENT, "--token-file", str(token_file))
        made = str(console.connection()["id"])
        console.file(CONTENT.replace("concurrency: 3", "concurrency: 4"))
        console.file(json.dumps([SAMPLE]), "event.json")
        console.fail(made, token_file.read_text().strip(), "ada")
        console.bury("{", "[]")
        now = datetime.now(UTC)
        console.done("alerts", made, "--set", "failure_rate", "--set", "no_events")
        state = AlertState(Alert.FAILURE_RATE, AlertStatus.TRIGGERED, now, 0.5, 0.01, 1, Evidence())
        Alerts(plane.dynamodb(), "RunsTable").change(made, state, 0)
        console.done("recipients", made, "--set", "marketing-operations@subsidiary.example.com")
        requested = json.loads(console.done("verify", made, "--json"))["id"]
        console.running.deliver()
        held = {"RESYNC": held_resync(console), "FILE": held_file(console), "UNFIT": unfit_file(console)}
        bundle = Bundle(made, WaitsFor.RETRY, now, now, 7654321, 2, "0" * 32)
        Parking(plane.s3(), "bucket").put(bundle, ["{}"])
        (hour,) = {row["id"] for row in json.loads(console.done("runs", made, "--json"))}
        names = held | {"HOUR": hour, "VERIFICATION": requested, "CARD": str(console.folder / "card")}
        at = datetime.now(UTC)
        yield Scene(console, names | {"NOW": at.isoformat()}, at)


def held_file(console: Stack) -> str:
    """A mirror that waits for a person's yes, and says what it would do."""
    people = [{"email": "ada@example.org", "firstName": "Ada", "lastName": "Lovelace"}]
    (console.folder / SHEET).write_bytes(as_csv(["email", "firstName", "lastName"], people))
    return put(console, SHEET, "--audience", "Autumn", "--mode", "mirror")


def unfit_file(console: Stack) -> str:
    """A file that lacks columns."""
    (console.folder / "unfit.csv").write_text("mail\nada@example.org\n")
    return put(console, "unfit.csv")


def put(console: Stack, name: str, *options: str) -> str:
    made = json.loads(console.done("files", "put", NAME, name, *options, "--json"))
    tick()
    return str(made["id"])


def held_resync(console: Stack) -> str:
    """A resync that waits for a person's yes, with what it would do to an audience."""
    made = json.loads(console.done("resync", "start", NAME, "--audience", "aud-1", "--label", LABEL, "--json"))

    def pass_by(_seconds: float) -> None:
        tick()
        console.running.deliver()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(resyncs, "COUNTS_LAG", timedelta(0))
        patch.setattr("time.sleep", pass_by)
        console.done("resync", "close", NAME, made["id"], "--wait")
    (listed,) = json.loads(console.done("resync", "list", NAME, "--json"))
    assert listed["status"] == "held"
    return str(made["id"])


def names_of(command: Any, before: str = "") -> Iterator[str]:
    """All commands by name, those of groups after their group's."""
    for name, one in command.commands.items():
        path = f"{before}{name}"
        yield from names_of(one, f"{path} ") if isinstance(one, TyperGroup) else [path]


def words(shown: str, command: Sequence[str] = ("",)) -> set[str]:
    return set((re.sub("[0-9a-f]", "0", shown) if command[0] in CHANGING else shown).split())


def test_every_command_is_looked_at() -> None:
    assert SHOWS.keys() == set(names_of(typer.main.get_command(app)))


def test_nothing_is_cut_at_eighty_columns_nor_without_a_terminal(scene: Scene) -> None:
    commands = scene.commands()
    piped = scene.shown(commands, width=None)
    narrow = scene.shown(commands, width=WIDTH)
    for command, whole, lines in zip(commands, piped, narrow, strict=True):
        assert lines.strip(), command
        if command[0] != "apply":
            assert max(map(cell_len, lines.splitlines())) <= WIDTH, command
        assert words(lines, command) <= words(whole, command), command
        assert "…" not in lines, command


def test_all_that_is_shown_without_a_terminal_is_shown_with_a_wide_table(scene: Scene) -> None:
    commands = [[*one, "--wide"] for one in scene.commands() if one[0] in {"list", "show", "runs", "verifications"}]
    piped = scene.shown(commands, width=None)
    for width in (WIDTH, 200):
        for command, whole, lines in zip(commands, piped, scene.shown(commands, width=width), strict=True):
            assert words(whole) <= words(lines), command


def test_times_are_local_ones_with_their_zone_except_in_json(scene: Scene) -> None:
    made = scene.console.connection()["id"]
    (bundle,) = json.loads(scene.console.done("parking", made, "--json"))["parked"]
    at = datetime.fromisoformat(bundle["oldest_at"])
    commands = [["parking", made], ["parking", made, "--json"], ["runs", made]]
    table, told, runs = scene.shown(commands, width=None, zone="Asia/Kolkata")
    (row,) = [line.split("\t") for line in table.splitlines() if line.startswith("retry\t")]
    assert row[2].endswith("+05:30")
    assert datetime.fromisoformat(row[2]) == at
    assert json.loads(told)["parked"] == [bundle]
    assert scene.names["HOUR"] in words(runs)
