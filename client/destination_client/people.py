"""The command for one person: what became of it, and what its next event would do."""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Annotated, Any, Final

import typer

from destination_client import render
from destination_client.context import ConnectionName, Json, meant
from destination_client.errors import CommandError
from destination_client.http import at

FROM_STDIN: Final = "-"
WIDTH: Final = 80
"""Of the page, for its sentences; ids and times are never broken."""

Value = Annotated[
    str,
    typer.Argument(
        metavar="VALUE",
        help="What the person is known by: an e-mail address, a customer number. `-`: from standard input, so that it "
        "stays out of the shell's history.",
    ),
]
Source = Annotated[
    str | None,
    typer.Option(
        "--source", metavar="PATH", help="The source of a mapping row that the value is of; by default the identity's."
    ),
]
Profile = Annotated[
    bool, typer.Option("--profile", help="Show what Marketo has in the mapped fields too (takes View Profiles).")
]


def people(
    context: typer.Context,
    connection: ConnectionName,
    value: Value,
    source: Source = None,
    profile: Profile = False,
    as_json: Json = False,
) -> None:
    """Show what became of a person: leads, audiences, what waits or failed, and what the next event would do.

    Nothing is changed. The audit log keeps who asked, and of whom by a pseudonym.
    """
    given = read_value() if value == FROM_STDIN else value
    api, connection_id = meant(context, connection)
    path = at(connection_id, "people", "profiles" if profile else "lookups")
    found = api.post(path, {"value": given, "source": source})
    if as_json:
        render.as_json(found)
        return
    for line in _page(found):
        render.text(line)


def read_value() -> str:
    """The first line of standard input. Raises CommandError where there is none."""
    if line := typer.get_text_stream("stdin").readline().strip():
        return line
    raise CommandError("Standard input is empty", "Give the value there, on one line, or as an argument.")


def _page(found: Mapping[str, Any]) -> Iterator[str]:
    known = "" if found["is_known"] else ", of whom the connection has not been told"
    yield f"person {found['name']}{known}"
    if found["trouble"]:
        yield from _sentence(found["trouble"], "Marketo: ")
    if found["next"] is not None:
        which = "what is parked" if found["next"]["is_parked"] else "an event that brings nothing new"
        yield from ("", f"next ({which})", *_sentence(found["next"]["sentence"]))
    if found["leads"] is not None:
        yield from ("", f"leads in Marketo: {found['lead_count']}")
        for lead in found["leads"]:
            yield from _lead(lead)
    for audience in found["audiences"]:
        yield from ("", f"audience {audience['name']} ({audience['id']}): {audience['agreement']['code']}")
        yield from _audience(audience)
    yield from _row(found)
    yield from _waiting(found["waiting"])


def _lead(lead: Mapping[str, Any]) -> Iterator[str]:
    partition = f" in {lead['partition']}" if lead["partition"] is not None else ""
    who = ", the person" if lead["is_person"] else ""
    yield f"  {lead['id']}{partition}, updated {lead['updated_at']}{who}"
    yield from _sentence(lead["why"], "    ")
    for name, value in (lead["values"] or {}).items():
        yield f"    {name}: {'-' if value is None else ' '.join(str(value).split())}"


def _audience(audience: Mapping[str, Any]) -> Iterator[str]:
    yield from _sentence(audience["agreement"]["message"])
    desired, applied = audience["desired"], audience["applied"]
    if desired is not None:
        yield f"  the source said {desired['status']}, {desired['at']}"
    if applied is not None:
        leads = ", ".join(map(str, applied["lead_ids"])) or "nobody"
        doubt = ", in doubt" if applied["is_in_doubt"] else ""
        yield f"  Marketo was told list {applied['list_id']}: {leads}{doubt}"
    if audience["is_on_list"] is not None:
        yield f"  in Marketo {'on' if audience['is_on_list'] else 'not on'} list {audience['list_id']}"


def _row(found: Mapping[str, Any]) -> Iterator[str]:
    """What the ledger knows beside the audiences."""
    if consent := found["consent"]:
        yield from ("", f"consent {'given' if consent['is_given'] else 'withdrawn'}, {consent['at']}")
    if sent := found["attributes"]:
        yield from ("", f"attributes of {sent['at']}, sent {sent['sent_at']}")
    for one in found["refusals"]:
        times = render.counted(one["times"], "time")
        yield from ("", f"refused: {one['call']}, {one['code']}, {times} since {one['since']}")
        yield from _sentence(one["message"])
        yield f"  tried again {one['retry_at']}"


def _waiting(waiting: Mapping[str, Any]) -> Iterator[str]:
    if hold := waiting["hold"]:
        yield from ("", f"the connection is held up: {hold['waits_for']}", *_sentence(hold["cause"]))
        yield f"  tried again: {hold['until'] or 'once it is enabled'}"
    for event in waiting["events"]:
        yield from ("", *_event(event))
    yield from ("", f"waiting: {render.counted(len(waiting['events']), 'event')} of the person")
    if waiting["looked_through"] < waiting["in_all"]:
        yield f"  looked through: the newest {waiting['looked_through']} of {waiting['in_all']}"
    if waiting["queued_since"] is not None:
        yield f"  in the queue, which cannot be looked through: events since {waiting['queued_since']}"


def _event(event: Mapping[str, Any]) -> Iterator[str]:
    if event["reason"] is None:
        yield f"parked ({event['waits_for']}), received {event['received_at']}, due {event['due_at']}"
    else:
        yield f"failed {event['failed_at']}: {event['reason']['code']}, received {event['received_at']}"
        yield from _sentence(event["reason"]["message"])
        yield f"  kept until {event['expires_at']}; destination redrive delivers it again"
    if event["is_erased"]:
        yield "  dropped when its turn comes, as the person was erased since"
    for one in event["audiences"]:
        yield f"  {one['id']}: {one['status']}"


def _sentence(text: str, begins: str = "  ") -> list[str]:
    """A sentence in lines of the page's width."""
    return wrap(
        text, WIDTH, initial_indent=begins, subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
    )
