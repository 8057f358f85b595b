"""Commands that have Marketo's lists compared with what was delivered."""

import time
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from destination.domain.verification import Repair
from destination_client import render
from destination_client.activations import activation_meant
from destination_client.context import FAILED, Audience, ConnectionName, Json, Namespace, Wide, meant
from destination_client.errors import CommandError
from destination_client.http import Api, at

WAIT_SECONDS = 2.0


_KINDS = ("missing", "leavers", "waiting")
"""Those who are out of place, and are put right by default."""


def verify(
    context: typer.Context,
    connection: ConnectionName,
    audience: Audience = None,
    namespace: Namespace = None,
    repair: Annotated[
        list[Repair] | None,
        typer.Option(help="What to repair; may be given several times. Missing and leavers if not."),
    ] = None,
    report_only: Annotated[bool, typer.Option("--report-only", help="Repair nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end, and show what was found.")] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Compare Marketo's lists with what the source wants and with what was delivered, and repair them.

    `--repair missing` puts missing people on the lists, `leavers` takes those off who left; `foreign` takes those off
    whom others put there, and is never done unless it is asked for. With `--wait` it exits with 1 if it failed or was
    cancelled, anybody is out of place or unapplied at the end, or a list could not be read.
    """
    if report_only and repair:
        raise CommandError("--report-only repairs nothing.", "Leave out --repair, or --report-only.")
    api, connection_id = meant(context, connection)
    only = activation_meant(api, connection_id, audience, namespace)
    wanted = {"activation_id": only, "repair": [] if report_only else repair}
    made = api.post(at(connection_id, "verifications"), {name: one for name, one in wanted.items() if one is not None})
    if wait:
        made = _finished(api, connection_id, made)
    if as_json:
        render.as_json(made)
    elif wait:
        _show(made, wide=wide)
    else:
        render.text(f"{made['id']}: {made['status']}; see: destination verifications {connection_id} {made['id']}")
    if wait and (made["status"] != "completed" or out_of_place(made)):
        raise typer.Exit(FAILED)


def verifications(
    context: typer.Context,
    connection: ConnectionName,
    verification_id: Annotated[
        str | None, typer.Argument(metavar="VERIFICATION", help="Show this verification, with what it found.")
    ] = None,
    cancel: Annotated[bool, typer.Option("--cancel", help="Cancel the verification.")] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """List the verifications of a connection, newest first; or show one, or cancel it.

    One that is cancelled makes room for another at once. What it repaired so far stays so.

    `extract` (with `--wide`) says how far a long list is read by a bulk extract: `creating`, `waiting` while Marketo
    writes it, `reading`, `read`; or `given up`, with why it is read page by page. Other lists are read page by page.
    """
    api, connection_id = meant(context, connection)
    if cancel and verification_id is None:
        raise CommandError("--cancel needs the verification's id", "Name one; without an id they are listed.")
    if verification_id is not None:
        path = at(connection_id, "verifications", verification_id)
        found = api.call("DELETE" if cancel else "GET", path)
        if as_json:
            render.as_json(found)
        else:
            _show(found, wide=wide)
        return
    listed = api.get(at(connection_id, "verifications"))["verifications"]
    if as_json:
        render.as_json(listed)
        return
    names = ("id", "status", "requested_at", "started_at", "finished_at")
    render.table(
        ("id", "status", "requested", "started", "finished", "repair", "audiences"),
        [(*(one[name] for name in names), _repairs(one), _progress(one)) for one in listed],
        beside=("started", "finished", "repair"),
        wide=wide,
    )


def out_of_place(verification: Mapping[str, Any]) -> bool:
    """Whether anybody is out of place or unapplied still, or a list could not be read.

    Whoever others put on a list is foreign, and in place; whoever is gone has no lead that could be on one.
    """
    return any(
        one["code"] or any(_left(one[kind]) for kind in _KINDS) or sum(one["unapplied"].values())
        for one in verification["audiences"]
    )


def _finished(api: Api, connection_id: str, verification: dict[str, Any]) -> dict[str, Any]:
    """The verification once it is finished; how far it is shows meanwhile."""
    path = at(connection_id, "verifications", verification["id"])
    with render.progress("verifying", verification["progress"]["audiences"]) as bar:
        done = 0
        while verification["finished_at"] is None:
            time.sleep(WAIT_SECONDS)
            verification = api.get(path)
            bar.advance(verification["progress"]["done"] - done)
            done = verification["progress"]["done"]
    return verification


def _show(verification: Mapping[str, Any], *, wide: bool) -> None:
    because = f" because of {verification['code']}" if verification["code"] else ""
    render.text(f"{verification['id']}: {verification['status']}{because}, repairs {_repairs(verification)}")
    render.table(
        (
            "audience",
            "list",
            "phase",
            "extract",
            "expected",
            "found",
            "in doubt",
            *(title for kind in _KINDS for title in (kind, "repaired")),
            "foreign",
            "gone",
            "unapplied",
            "leads",
            "code",
        ),
        [
            (
                one["name"],
                one["list"]["id"],
                one["phase"],
                _extract(one["extract"]),
                *(one[name] for name in ("expected", "found", "in_doubt")),
                *(one[kind][name] for kind in _KINDS for name in ("count", "repaired")),
                one["foreign"]["count"] - one["foreign"]["repaired"],
                one["gone"],
                sum(one["unapplied"].values()),
                "; ".join(_sample(one, kind) for kind in (*_KINDS, "foreign") if one[kind]["lead_ids"]) or None,
                one["code"],
            )
            for one in verification["audiences"]
        ],
        beside=("phase", "extract", "in doubt", "repaired", "foreign", "gone", "leads"),
        wide=wide,
    )


def _sample(audience: Mapping[str, Any], kind: str) -> str:
    differences = audience[kind]
    more = ", …" if differences["count"] > len(differences["lead_ids"]) else ""
    return f"{kind} {', '.join(map(str, differences['lead_ids']))}{more}"


def _extract(extract: Mapping[str, Any] | None) -> str | None:
    """How far the extract of a list is, and why it was given up; nothing for a list that is read page by page."""
    if extract is None:
        return None
    because = f": {extract['code']}" if extract["code"] else ""
    return f"{extract['stage'].replace('_', ' ')}{because}"


def _repairs(verification: Mapping[str, Any]) -> str:
    return ", ".join(verification["repair"]) or "nothing"


def _left(differences: Mapping[str, Any]) -> bool:
    return bool(differences["count"] > differences["repaired"])


def _progress(verification: Mapping[str, Any]) -> str:
    return f"{verification['progress']['done']} of {verification['progress']['audiences']}"
