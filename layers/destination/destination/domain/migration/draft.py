"""From a legacy dataflow's export to the draft of a connection, its audiences, and what became of every part.

Source: Adobe, "(Legacy) (V2) Marketo Engage" and its migration to "Marketo Engage"; Experience Platform, Flow Service
API, flows of destinations.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from destination.domain.audience import Activation
from destination.domain.connection import ECID_TARGET, Generation, MappingRow, PersonAction, SyncType
from destination.domain.connection_rules import MARKETING_ACTION, MAX_MARKETING_ACTIONS, MAX_STRING_LENGTH
from destination.domain.migration.account import (
    PersonCreation,
    accounts_of,
    munchkin_id_of,
    person_creation_of,
    skip_credentials,
    workspace_of,
)
from destination.domain.migration.attributes import LEGACY, SEARCHABLE, LegacyMapping, read_mapping
from destination.domain.migration.audiences import read_activations
from destination.domain.migration.export import Kind, Node, objects, read_export
from destination.domain.migration.report import Finding, MigrationReport
from destination.domain.problem import ConfigurationError, Problem

_SHOWN_FLOWS: Final = 10

DEFAULT_NAME: Final = "Marketo Engage"
MAX_DESCRIPTION_LENGTH: Final = 1000

REQUIRED: Final = ("firstName", "lastName")
"""What has to be mapped beside the identity for people to be created."""

_BOOKKEEPING: Final = (
    *("id", "createdAt", "createdBy", "createdClient", "updatedAt", "updatedBy", "updatedClient", "etag", "version"),
    *("sandboxId", "sandboxName", "imsOrgId", "connectionSpec", "_links"),
)
"""What Flow Service keeps about every object; none of it configures the destination."""

_FLOW_BOOKKEEPING: Final = (
    *("flowSpec", "sourceConnectionIds", "targetConnectionIds", "runs", "lastOperation", "lastRunDetails"),
)


@dataclass(frozen=True, slots=True)
class Draft:
    """The connection to be created; what is None has to be given by a person."""

    name: str
    description: str | None
    munchkin_id: str | None
    workspace: str | None
    sync_type: SyncType
    person_action: PersonAction
    generation: Generation
    mapping: tuple[MappingRow, ...]
    marketing_actions: tuple[str, ...]
    propagate_renames: bool
    dedupe_field: str = "email"
    ecid_field: str | None = None


@dataclass(frozen=True, slots=True)
class Migration:
    """`connection` is None if the legacy dataflow finds people in no way that the new connection could."""

    connection: Draft | None
    activations: tuple[Activation, ...]
    report: tuple[Finding, ...]


def migrate(content: object, generation: Generation, now: datetime) -> Migration:
    """Raises ConfigurationError when the content is not the export of one dataflow."""
    export = read_export(content)
    found = objects(export)
    flow = _one_flow(found[Kind.FLOW])
    _skip_bookkeeping(flow, found)
    report = MigrationReport()
    accounts = accounts_of(flow, found)
    mapping = read_mapping(flow, found[Kind.MAPPING_SET], generation, report)
    activations = read_activations(flow, now, report)
    draft = _draft(flow, accounts, mapping, generation, report)
    report.unread(export)
    if draft is None:
        return Migration(None, (), tuple(report.without_draft()))
    return Migration(draft, activations, tuple(report.findings))


def _one_flow(flows: Sequence[Node]) -> Node:
    """Raises ConfigurationError."""
    if len(flows) == 1:
        return flows[0]
    wrong = "must hold the dataflow, which has transformations"
    if flows:
        shown = [
            (one["name"].text() or one["id"].text() or one.path)[:MAX_STRING_LENGTH] for one in flows[:_SHOWN_FLOWS]
        ]
        more = [f"{len(flows) - _SHOWN_FLOWS} more"] if len(flows) > _SHOWN_FLOWS else []
        wrong = f"must hold one dataflow, and holds {len(flows)} ({', '.join([*shown, *more])})"
    raise ConfigurationError([Problem("flow", f"{wrong}; send what GET …/flows/{{id}} answered, one at a time")])


def _skip_bookkeeping(flow: Node, found: dict[Kind, list[Node]]) -> None:
    flow.skip(*_BOOKKEEPING, *_FLOW_BOOKKEEPING)
    flow["inheritedAttributes"].skip("properties", "sourceConnections")
    for connection in accounts_of(flow, found):
        connection.skip(*_BOOKKEEPING, "baseConnectionId", "name", "description", "state")
        connection["auth"].skip("specName")
    for source in found[Kind.SOURCE_CONNECTION]:
        source.take()
    for mapping_set in found[Kind.MAPPING_SET]:
        mapping_set.skip(*_BOOKKEEPING, "name", "description", "schemaRef", "outputSchema", "xdmSchema")


def _draft(
    flow: Node, accounts: Sequence[Node], mapping: LegacyMapping, generation: Generation, report: MigrationReport
) -> Draft | None:
    name, description = _texts(flow, report)
    munchkin_id = munchkin_id_of(accounts, report)
    workspace = workspace_of(accounts, report)
    action = _person_action(person_creation_of(accounts), mapping, report, is_on=flow["state"].value == "enabled")
    skip_credentials(accounts, report)
    actions = _marketing_actions(flow, report)
    _state(flow, report)
    legacy = generation is Generation.LEGACY_V2
    _lost_behaviour(report, legacy=legacy)
    if mapping.is_known and not mapping.identities:
        how = f"by {' and '.join(mapping.refused)} alone" if mapping.refused else "by nothing that is mapped"
        detail = f"the dataflow finds people {how}, as the connection could not, so no draft is made"
        report.cannot_carry("connection", detail, SEARCHABLE if legacy else f"{SEARCHABLE}; {LEGACY}")
        return None
    if ECID_TARGET in mapping.identities:
        remedy = "keep ECIDs in a searchable text field of your own, and give its REST name"
        report.needs_person("ecid_field", "Marketo cannot be searched by its own ECID field", remedy)
    both = bool(mapping.attributes) or not mapping.is_known
    return Draft(
        name=name,
        description=description,
        munchkin_id=munchkin_id,
        workspace=workspace,
        sync_type=SyncType.AUDIENCE_AND_PROFILE if both else SyncType.AUDIENCE_ONLY,
        person_action=action,
        generation=generation,
        mapping=(*mapping.identities.values(), *mapping.attributes.values()),
        marketing_actions=actions,
        propagate_renames=legacy,
    )


def _texts(flow: Node, report: MigrationReport) -> tuple[str, str | None]:
    given, told = flow["name"].text() or "", flow["description"].text()
    name, description = given[:MAX_STRING_LENGTH].strip() or DEFAULT_NAME, told and told[:MAX_DESCRIPTION_LENGTH]
    if (name, description) != (given, told):
        report.changed("name", "the dataflow's name or description is missing, or too long", "give others")
    return name, description


def _person_action(
    told: PersonCreation, mapping: LegacyMapping, report: MigrationReport, *, is_on: bool
) -> PersonAction:
    """People are created with a first and a last name, in the legacy destination as in this one.

    `is_on`: whether the dataflow delivers, so that both would create people.
    """
    creates, careful = PersonAction.UPDATE_EXISTING_AND_CREATE_NEW, PersonAction.UPDATE_EXISTING_ONLY
    missing = [name for name in REQUIRED if name not in mapping.attributes] if mapping.is_known else []
    if told.action is None:
        remedy = f"{careful} creates nobody; set {creates} if missing people are to be created"
        report.needs_person(told.path, told.why, remedy)
    elif told.action is creates and missing:
        detail = f"the dataflow creates people, who need {' and '.join(missing)}, and what is mapped to them cannot be"
        remedy = f"map them, then set person_action to {creates}"
        report.needs_person(told.path, f"{detail} carried over: person_action is {careful}", remedy)
    elif told.action is creates and is_on:
        detail = f"person_action is {creates}, and the dataflow creates people too while it is enabled: two that"
        remedy = f"disable the dataflow before you enable the connection, or set {careful} until then"
        report.needs_person(told.path, f"{detail} create somebody at the same moment make doubles", remedy)
        return creates
    else:
        report.carried(told.path, f"person_action is {told.action}")
        return told.action
    return careful


def _marketing_actions(flow: Node, report: MigrationReport) -> tuple[str, ...]:
    actions: dict[str, None] = {}
    for reference in flow["policy"]["enforcementRefs"].entries():
        name = (reference.text() or "").rsplit("/", 1)[-1]
        if MARKETING_ACTION.fullmatch(name) and len(actions) < MAX_MARKETING_ACTIONS:
            actions[name] = None
            report.carried(reference.path, f"marketing action {name}")
        else:
            report.cannot_carry(reference.path, "is not the name of a marketing action", "give marketing_actions")
    if actions:
        remedy = "add labels to the rows of the mapping and to the audiences, and enable policies"
        report.needs_person("labels", "an export has no data usage labels, without which no policy applies", remedy)
    return tuple(actions)


def _state(flow: Node, report: MigrationReport) -> None:
    state = flow["state"].text()
    if state is not None:
        remedy = "check it, then enable it" if state == "enabled" else "enable it when it is to deliver"
        report.changed(
            flow["state"].path, f"the dataflow is {state[:MAX_STRING_LENGTH]}; the connection is a draft", remedy
        )
    remedy = "make an HTTP API destination in Experience Platform, map the same sources, and activate the audiences"
    report.needs_person("source", "the connection is fed by an HTTP API destination", remedy)


def _lost_behaviour(report: MigrationReport, *, legacy: bool) -> None:
    if legacy:
        report.carried("propagate_renames", "a renamed audience renames its list")
    else:
        remedy = "set propagate_renames to true to keep it"
        report.changed("propagate_renames", "a renamed audience no longer renames its list", remedy)
    remedy = "deactivate with list=empty to take everybody off it, or delete the list in Marketo when nothing uses it"
    report.changed("unmapping", "a deactivated audience's list stays in Marketo", remedy)
