"""The commands for files: upload one, see how far it is and what became of its rows, fetch the result, or cancel it."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Final

import requests
import typer

from destination.domain.file import ENDED, MirrorHold, Mode
from destination_client import render
from destination_client.activations import activation_meant
from destination_client.context import (
    FAILED,
    Audience,
    ConnectionName,
    Json,
    Namespace,
    ReadableFile,
    examples,
    meant,
)
from destination_client.deciding import Yes, confirm, tell_holds
from destination_client.errors import CommandError
from destination_client.http import Api, at

WAIT_SECONDS: Final = 2.0
TIMEOUT: Final = (10, 300)
"""Seconds to connect to S3, and between two pieces of an object."""

_CHUNK: Final = 1_048_576
_PREVIEW: Final[Mapping[str, str]] = {
    "named": "people it names",
    "on_list": "people on the list, at the last verification",
    "joining": "join, at least",
    "leaving": "leave, at least",
    "creating": "leads created, at most",
    "updating": "leads whose fields are written, at most",
    "crm_hours": "hours that a CRM is busy with them, if all are in it",
    "calls": "calls to Marketo, at most",
    "share": "of the calls of a day",
    "seconds": "seconds that they take",
    "bulk_calls": "calls to Marketo by imports",
}
"""What a mirror would do, in words; a dash is not known, and of a CRM less than an hour."""

HOLDS: Final[Mapping[str, str]] = {
    MirrorHold.FIRST: "there was no mirror of this audience before, with which it could be compared",
    MirrorHold.SMALLER: "it has fewer than half of the rows of the mirror before, or so few of its rows name anybody",
    MirrorHold.NO_ROWS: "it has no rows",
    MirrorHold.REJECTED_ROWS: "it has rows that cannot be read: whoever they name would be taken off",
}

_COLUMNS: Final = ("id", "name", "status", "rows", "settled", "rejected", "code", "created_at", "finished_at")

app = typer.Typer(no_args_is_help=True, help="Deliver files: upload one, and see what became of its rows.")

FileId = Annotated[str, typer.Argument(metavar="FILE", help="The file's id, as `destination files list` shows it.")]


@app.command("put", epilog=examples('destination files put $ID people.csv --audience "Webinar leads" --wait'))
def put(
    context: typer.Context,
    connection: ConnectionName,
    file: ReadableFile,
    audience: Audience = None,
    namespace: Namespace = None,
    mode: Annotated[
        Mode,
        typer.Option(
            help="Whoever is named joins (`add`), the status of each row counts (`incremental`), or the file is the "
            "audience (`mirror`)."
        ),
    ] = Mode.ADD,
    status: Annotated[str | None, typer.Option(help="The column that has the status.")] = None,
    separator: Annotated[str | None, typer.Option(help="What stands between the cells of CSV.")] = None,
    encoding: Annotated[str | None, typer.Option(help="The file's encoding, if it is not UTF-8.")] = None,
    wait: Annotated[bool, typer.Option("--wait", help="Wait until it is known what became of every row.")] = False,
    as_json: Json = False,
) -> None:
    """Upload a file and have its rows delivered.

    With `--wait` it exits with 1 if the file is refused, cancelled or damaged, or a row is rejected or fails.
    """
    api, connection_id = meant(context, connection)
    said = {
        "name": file.name,
        "size": file.stat().st_size,
        "mode": mode.value,
        "activation_id": activation_meant(api, connection_id, audience, namespace),
        "status": status,
        "separator": "\t" if separator == "\\t" else separator,
        "encoding": encoding,
    }
    asked = {name: one for name, one in said.items() if one is not None}
    made = api.post(at(connection_id, "files"), asked)
    _upload(made["upload"]["url"], file)
    found = made["file"]
    if wait:
        found = _ended(api, connection_id, found["id"])
    if as_json:
        render.as_json(found)
    elif wait:
        _show(found)
    else:
        render.text(f"{found['id']}: uploaded; see: destination files show {connection_id} {found['id']}")
    if wait and not _is_good(found):
        raise typer.Exit(FAILED)


@app.command("list", epilog=examples("destination files list $ID"))
def list_files(context: typer.Context, connection: ConnectionName, as_json: Json = False) -> None:
    """List the files of a connection, newest first."""
    api, connection_id = meant(context, connection)
    found = api.get(at(connection_id, "files"))["files"]
    if as_json:
        render.as_json(found)
        return
    render.table([one.replace("_", " ") for one in _COLUMNS], [[one[name] for name in _COLUMNS] for one in found])


@app.command("show", epilog=examples("destination files show $ID $FILE"))
def show(context: typer.Context, connection: ConnectionName, file: FileId, as_json: Json = False) -> None:
    """Show how far a file is, and what became of its rows.

    A mirror that is `held` waits for your yes: it shows why, and what it would do. `leaving`: whoever it does not name
    is taken off. Rows that imports tell Marketo of are settled when these have ended, many at a time.
    """
    api, connection_id = meant(context, connection)
    found = api.get(at(connection_id, "files", file))
    if as_json:
        render.as_json(found)
    else:
        _show(found)


@app.command("result", epilog=examples("destination files result $ID $FILE --out result.csv"))
def result(
    context: typer.Context,
    connection: ConnectionName,
    file: FileId,
    out: Annotated[Path, typer.Option("--out", metavar="FILE", dir_okay=False, help="Where to write it.")],
) -> None:
    """Fetch the result of a file: CSV, with a row for each of the file's."""
    api, connection_id = meant(context, connection)
    url = api.get(at(connection_id, "files", file, "result"))["url"]
    try:
        with requests.get(url, stream=True, timeout=TIMEOUT) as answer:
            answer.raise_for_status()
            with out.open("wb") as opened:
                for chunk in answer.iter_content(_CHUNK):
                    opened.write(chunk)
    except requests.RequestException as error:
        raise CommandError("The result cannot be fetched", type(error).__name__) from None  # The URL is a credential.
    render.note(f"written to {out}")


@app.command("approve", epilog=examples("destination files approve $ID $FILE"))
def approve(context: typer.Context, connection: ConnectionName, file: FileId, yes: Yes = False) -> None:
    """Have a mirror carried on that is held, once you have seen what it would do.

    It takes everybody off the list who is in the audience and not in the file.
    """
    api, connection_id = meant(context, connection)
    path = at(connection_id, "files", file)
    if not yes:
        _show(api.get(path))
        confirm(lambda: f"Carry on {file}?")
    _show(api.post(f"{path}/approve"))


@app.command("cancel", epilog=examples("destination files cancel $ID $FILE"))
def cancel(context: typer.Context, connection: ConnectionName, file: FileId, as_json: Json = False) -> None:
    """Have nothing more of a file delivered; what is on its way still is."""
    api, connection_id = meant(context, connection)
    found = api.call("DELETE", at(connection_id, "files", file))
    if as_json:
        render.as_json(found)
    else:
        _show(found)


class _Watched:
    """A file that is uploaded, and shows how far it is."""

    def __init__(self, opened: BinaryIO, size: int, bar: render.Bar) -> None:
        self._opened = opened
        self._size = size
        self._bar = bar

    def __len__(self) -> int:
        return self._size

    def read(self, size: int = -1) -> bytes:
        chunk = self._opened.read(size)
        self._bar.advance(len(chunk))
        return chunk


def _upload(url: str, file: Path) -> None:
    size = file.stat().st_size
    try:
        with file.open("rb") as opened, render.progress("uploading", size) as bar:
            answer = requests.put(url, data=_Watched(opened, size, bar), timeout=TIMEOUT)
        answer.raise_for_status()
    except requests.RequestException as error:
        raise CommandError("The file cannot be uploaded", f"{type(error).__name__}; run the command again.") from None


def _ended(api: Api, connection_id: str, file_id: str) -> dict[str, Any]:
    """The file once it is at its end; how far it is shows meanwhile."""
    path = at(connection_id, "files", file_id)
    with render.progress("delivering") as bar:
        done = 0
        while True:
            found: dict[str, Any] = api.get(path)
            bar.advance(found["settled"] - done, left=found["rows"] - found["settled"])
            done = found["settled"]
            if found["status"] in ENDED or found["status"] == "held":
                return found
            time.sleep(WAIT_SECONDS)


def _show(file: Mapping[str, Any]) -> None:
    because = f" because of {file['code']}: {file['message']}" if file["code"] else ""
    render.text(f"{file['id']} ({file['name']}): {file['status']}{because}")
    for word, names in (("missing", file["missing"]), ("mapped, and not in the file", file["absent"])):
        if names:
            render.text(f"{word}: {', '.join(names)}")
    if file["status"] == "held":
        tell_holds(file["holds"], HOLDS, "destination files approve")
    if (preview := file["preview"]) is not None:
        render.table(("what it would do", ""), [(told, preview[name]) for name, told in _PREVIEW.items()])
    ends = f", the last at {file['ends_at']}" if file["ends_at"] else ""
    render.text(f"settled: {file['settled']} of {render.counted(file['rows'], 'row')}{ends}")
    if file["outcomes"]:
        render.table(("outcome", "rows"), sorted(file["outcomes"].items()))


def _is_good(file: Mapping[str, Any]) -> bool:
    return file["status"] == "completed" and not file["code"] and {"rejected", "failed"}.isdisjoint(file["outcomes"])
