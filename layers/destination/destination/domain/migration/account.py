"""The account and the parameters of a legacy dataflow's target.

Adobe publishes neither the connection specification of the legacy card nor the names of its parameters, so the Munchkin
ID, the workspace and the person creation are recognised by what they look like.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from destination.domain.connection import PersonAction
from destination.domain.connection_rules import MAX_STRING_LENGTH, MUNCHKIN_ID
from destination.domain.migration.export import Kind, Node
from destination.domain.migration.report import MigrationReport

_SECRET: Final = re.compile(r"client|secret|passw|token|credential|user|key", re.IGNORECASE)
_WORKSPACE: Final = re.compile(r"workspace", re.IGNORECASE)
_PERSON_CREATION: Final = re.compile(r"person.?(creat|action)|creat\w*(missing|person|people|new)|match", re.IGNORECASE)
_CREATES: Final = re.compile(r"creat", re.IGNORECASE)
_CREATES_NOT: Final = re.compile(r"only|never|none|(\b|_)(no|not|dont|without)(\b|_)|do ?n.t", re.IGNORECASE)
_MARKETO_HOST: Final = re.compile(r"https?://([0-9a-z-]{11})\.mkto[a-z]*\.com\b.*", re.IGNORECASE)


def accounts_of(flow: Node, found: dict[Kind, list[Node]]) -> list[Node]:
    """Target and base connections: those that were exported beside the dataflow, and what it says of them itself."""
    inherited = flow["inheritedAttributes"]["targetConnections"].entries()
    bases = [target["baseConnection"] for target in inherited]
    return [*found[Kind.TARGET_CONNECTION], *found[Kind.BASE_CONNECTION], *inherited, *bases]


def _parameters(accounts: Sequence[Node]) -> Iterator[tuple[str, Node]]:
    """The values that configure the destination, each with the names that lead to it."""
    for account in accounts:
        for place in (account["params"], account["auth"]["params"]):
            for leaf in place.leaves():
                names = leaf.steps[len(place.steps) :]
                yield ".".join(str(name) for name in names), leaf


def munchkin_id_of(accounts: Sequence[Node], report: MigrationReport) -> str | None:
    found: dict[str, str] = {}
    for name, leaf in _parameters(accounts):
        if isinstance(leaf.value, str) and (not _SECRET.search(name) or "munchkin" in name.lower()):
            text = leaf.value.strip()
            host = _MARKETO_HOST.fullmatch(text)
            candidate = (host[1] if host else text).upper()
            if MUNCHKIN_ID.fullmatch(candidate):
                leaf.take()
                found.setdefault(candidate, leaf.path)
    if len(found) == 1:
        [(munchkin_id, path)] = found.items()
        report.carried(path, f"munchkin_id is {munchkin_id}")
        return munchkin_id
    detail = f"the export names {', '.join(found)}" if found else "the export does not show the Munchkin ID"
    report.needs_person("munchkin_id", detail, "give it; Marketo shows it under Admin, Integration, Munchkin")
    return None


def workspace_of(accounts: Sequence[Node], report: MigrationReport) -> str | None:
    leaves = [leaf for name, leaf in _parameters(accounts) if _WORKSPACE.search(name) and not _SECRET.search(name)]
    given = {text: leaf.path for leaf in leaves if (text := leaf.text())}
    named = {text: path for text, path in given.items() if not text.isdecimal() and len(text) <= MAX_STRING_LENGTH}
    if len(named) == 1:
        [(workspace, path)] = named.items()
        report.carried(path, f"workspace is {workspace}")
        return workspace
    detail = f"the export names {', '.join(given)}" if given else "the export does not show the workspace"
    where = "Marketo shows it under Admin, Workspaces & Partitions; an instance without workspaces has Default"
    report.needs_person("workspace", detail[:MAX_STRING_LENGTH], f"give its name; {where}")
    return None


@dataclass(frozen=True, slots=True)
class PersonCreation:
    """What the export says of people who are missing in Marketo, and at which path; None: it does not, and `why`."""

    action: PersonAction | None
    path: str = "person_action"
    why: str = ""


def person_creation_of(accounts: Sequence[Node]) -> PersonCreation:
    found: dict[PersonAction, str] = {}
    for name, leaf in _parameters(accounts):
        if _PERSON_CREATION.search(name) and not _SECRET.search(name) and (action := _action_of(name, leaf)):
            leaf.take()
            found.setdefault(action, leaf.path)
    if len(found) == 1:
        [(action, path)] = found.items()
        return PersonCreation(action, path)
    why = "the export says both" if found else "the export does not show whether people are created"
    return PersonCreation(None, why=why)


def _action_of(name: str, leaf: Node) -> PersonAction | None:
    if isinstance(leaf.value, bool):
        creates = leaf.value if _CREATES.search(name) else None
    elif isinstance(leaf.value, str):
        words = leaf.value.replace("_", " ")
        only = _CREATES_NOT.search(words)
        creates = False if only else True if _CREATES.search(words) else None
    else:
        creates = None
    if creates is None:
        return None
    return PersonAction.UPDATE_EXISTING_AND_CREATE_NEW if creates else PersonAction.UPDATE_EXISTING_ONLY


def skip_credentials(accounts: Sequence[Node], report: MigrationReport) -> None:
    for name, leaf in _parameters(accounts):
        if _SECRET.search(name):
            leaf.take()
    remedy = "give the client id and client secret of an API-only LaunchPoint service"
    report.needs_person("credentials", "credentials are not taken from an export", remedy)
