"""The command line."""

from importlib.metadata import version
from typing import Annotated

import typer

from destination_client import (
    adobe_card,
    alerts,
    capabilities,
    choices,
    configure,
    console,
    dead_letters,
    delivery,
    erasures,
    files,
    inspection,
    letters,
    overview,
    parking,
    people,
    persons,
    recipients,
    render,
    resyncs,
    runs,
    seen,
    source,
    status,
    verifications,
)
from destination_client.context import Choice, Commands, examples, wall_clock
from destination_client.target import Account

app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=examples(
        "destination --stack marketo-destination list",
        "export DESTINATION_STACK=marketo-destination; destination apply webinars.yaml --dry-run",
        "Exit codes: 0 done, 1 refused or failed, 2 wrong usage, 130 interrupted.",
    ),
)

COMMANDS = (
    (
        "apply",
        configure.apply,
        ["destination apply webinars.yaml --dry-run", "destination apply webinars.yaml --prune"],
    ),
    ("schema", configure.schema, ["destination schema > connection.schema.json"]),
    (
        "adobe-card",
        adobe_card.adobe_card,
        [
            "destination adobe-card $ID --out card",
            "destination adobe-card $ID --out card --for volume",
            "destination adobe-card $ID --rendered card/rendered.json",
        ],
    ),
    ("migrate", configure.migrate, ["destination migrate export.json --output webinars.yaml"]),
    ("list", inspection.list_connections, ["destination list", "destination list --json | jq -r '.[].id'"]),
    ("show", inspection.show, ["destination show $ID", "destination show $ID --yaml > webinars.yaml"]),
    ("overview", overview.overview, ["destination overview", "destination overview --json | jq .connections"]),
    ("whoami", overview.whoami, ["destination whoami"]),
    (
        "console",
        console.console,
        ["destination console", "destination console --no-browser --port 8000"],
    ),
    ("status", status.status, ["destination status", "destination status --json | jq .dead_letters.messages"]),
    ("checks", inspection.checks, ["destination checks $ID", "destination checks $ID --sample profile.json"]),
    (
        "choices",
        choices.choices,
        ['destination choices "Webinar leads" fields email', "destination choices $ID lists --json | jq '.[].id'"],
    ),
    ("preview", inspection.preview, ["destination preview $ID profile.json"]),
    ("send", delivery.send, ["DESTINATION_INGEST_TOKEN=$(cat token) destination send $ID profiles.ndjson"]),
    (
        "runs",
        runs.runs,
        ["destination runs $ID --from 2026-11-21T00:00:00Z", "destination runs $ID --failures-only"],
    ),
    ("run", runs.run, ["destination run $ID 2026-11-21T10:00Z", "destination run $ID $HOUR --audience $AUDIENCE"]),
    (
        "persons",
        persons.persons,
        ["destination persons $ID $HOUR --outcome failed", "destination persons $ID $HOUR --csv not-arrived.csv"],
    ),
    (
        "verify",
        verifications.verify,
        ["destination verify $ID --wait", "destination verify $ID --audience $AUDIENCE --repair foreign --wait"],
    ),
    (
        "verifications",
        verifications.verifications,
        ["destination verifications $ID", "destination verifications $ID $VERIFICATION --cancel"],
    ),
    (
        "alerts",
        alerts.alerts,
        ["destination alerts $ID", "destination alerts $ID --set connection_blocked --set failure_rate=0.05"],
    ),
    (
        "recipients",
        recipients.recipients,
        ["destination recipients $ID", "destination recipients $ID --set ops@example.com --test"],
    ),
    ("policies", inspection.policies, ["destination policies"]),
    ("audit", inspection.audit, ["destination audit --connection $ID"]),
    ("letters", letters.letters, ["destination letters", "destination letters $ID --json | jq .events"]),
    ("redrive", letters.redrive, ["destination redrive $ID", "destination redrive $ID --code MARKETO_1003"]),
    ("discard", letters.discard, ["destination discard $ID --code MARKETO_1003", "destination discard $ID --yes"]),
    (
        "dead-letters",
        dead_letters.dead_letters,
        [
            "destination dead-letters",
            "destination dead-letters --redrive",
            "destination dead-letters --discard --code NONE",
        ],
    ),
    (
        "people",
        people.people,
        ["destination people $ID - < address", "destination people $ID ada@example.org --profile"],
    ),
    (
        "erase",
        erasures.erase,
        ["destination erase $ID ada@example.org", "destination erase $ID - --yes --wait < address"],
    ),
    ("erasure", erasures.erasure, ["destination erasure $ID $ERASURE"]),
    ("parking", parking.parking, ["destination parking $ID", "destination parking $ID --json | jq .events"]),
    ("resume", parking.resume, ["destination resume $ID"]),
    ("seen", seen.seen, ["destination seen $ID", "destination seen $ID --json | jq -r '.attributes[].path'"]),
    ("enable", configure.enable, ["destination enable $ID"]),
    ("disable", configure.disable, ["destination disable $ID"]),
    ("rotate-token", configure.rotate_token, ["destination rotate-token $ID --grace PT1H --token-file token"]),
    (
        "sender-credentials",
        configure.sender_credentials,
        [
            "destination sender-credentials $ID --grace PT1H --secret-file secret",
            "destination sender-credentials $ID --revoke",
        ],
    ),
    ("delete", configure.delete, ["destination delete $ID", "destination delete $ID --discard"]),
)

for name, command, shown in COMMANDS:
    app.command(name, epilog=examples(*shown))(command)
app.add_typer(files.app, name="files")
app.add_typer(resyncs.app, name="resync")
app.add_typer(capabilities.app, name="capabilities")
app.add_typer(source.app, name="source")


def _version(wanted: bool) -> None:
    if wanted:
        render.text(version("marketo-destination"))
        raise typer.Exit


@app.callback()
def destination(
    context: typer.Context,
    stack: Annotated[
        str | None,
        typer.Option(
            envvar="DESTINATION_STACK",
            metavar="NAME",
            help="The name of the stack in AWS.",
        ),
    ] = None,
    url: Annotated[
        str | None,
        typer.Option(
            envvar="DESTINATION_URL",
            metavar="URL",
            help="The stack's output ApiUrl, in place of its name: then CloudFormation is not asked for it.",
        ),
    ] = None,
    region: Annotated[
        str | None, typer.Option(metavar="REGION", help="The stack's region; by default that of AWS_REGION.")
    ] = None,
    profile: Annotated[
        str | None, typer.Option(metavar="PROFILE", help="Whose credentials to sign with; by default AWS_PROFILE's.")
    ] = None,
    local: Annotated[
        bool,
        typer.Option("--local", help="The local stack; the default in the folder of one that is running."),
    ] = False,
    _show_version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Configure, watch and repair connections to Marketo Engage.

    Calls to a stack in AWS are signed as you; the stack's managed policies say who may do what.
    """
    render.in_any_encoding()
    clock = context.obj or wall_clock  # who calls the command may bring a clock
    context.obj = Choice(stack, url, local, Account(region, profile), clock)
