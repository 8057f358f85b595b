"""Calls of the control plane, and what makes them bad: each body or query with what is said of it.

A newcomer adds a case to the call whose rule it breaks; a call that is not here yet, to `REFUSED` with what has to be
there before.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import boto3

from destination.domain.file import MAX_FILE_BYTES, MAX_NAME_LENGTH
from destination.domain.file_form import ENCODINGS, MAX_COLUMN_LENGTH
from destination.domain.migration.export import MAX_VALUES
from destination.domain.recipient import MAX_CONNECTIONS, MAX_RECIPIENTS
from marketo_simulator import Simulator
from testing.bad_configurations import DEDUPE, DROP, FIRST, LAST, LEGACY, LEGACY_ECID, Case, mapping
from testing.bad_configurations.asking import WHOLE, Asked, Prepared
from testing.bad_configurations.audiences import AUDIENCE, AUDIENCES, OF_PROFILES, OVER
from testing.bad_configurations.settings import SETTINGS, UNCHANGEABLE
from testing.control_plane import AUD_1, CREATE, activated, call, created, delivering
from testing.legacy import NAMES, export, flow
from testing.marketo import START

ADA: Final = "ada@example.org"
CRM: Final = {"source": "crm", "target": "customerKey"}
SCORE: Final = {"source": "score", "target": "leadScore"}
OPS: Final = {"protocol": "email", "endpoint": "ops@example.com"}
HOOK: Final = {"protocol": "https", "endpoint": "https://example.com/hook"}
FILE: Final = {"name": "people.csv", "size": 100, "mode": "mirror", "activation_id": AUD_1}
LABELLED: Final[Mapping[str, Any]] = {"sources": {FIRST["source"]: ["I1"]}, "audiences": {AUD_1: ["C2"]}}
OWN: Final[Mapping[str, Any]] = {
    "id": "own",
    "name": "No health data in e-mail",
    "status": "enabled",
    "marketing_actions": ["emailTargeting"],
    "deny": {"label": "health"},
}
GIVE_ACTIONS: Final = ("policies[0].marketing_actions", "must be given")


def nothing(_: Simulator) -> str:
    return ""


def connection(**changes: object) -> Prepared:
    return lambda _: created(**changes)


def enabled(**changes: object) -> Prepared:
    """With an audience."""

    def prepared(_: Simulator) -> str:
        made = created(**changes)
        assert activated(made).status == 201
        assert call("POST", f"/connections/{made}/enable").status == 200
        return made

    return prepared


def with_audience(_: Simulator) -> str:
    made = created()
    assert activated(made).status == 201
    return made


def with_history(marketo: Simulator) -> str:
    """It has a list, and has delivered."""
    made = with_audience(marketo)
    assert delivering().begin_delivery(made, 1, START)
    return made


def with_people(marketo: Simulator) -> str:
    """Two have one customer number."""
    marketo.seed({"fields": [{"name": "customerKey", "data_type": "string"}]})
    marketo.seed({"leads": [{"email": ADA, "customerKey": "7"}, {"email": "bob@example.org", "customerKey": "7"}]})
    return created(**mapping(DEDUPE, FIRST, LAST, CRM, SCORE))


def with_visitors(marketo: Simulator) -> str:
    """People are known by ECIDs alone."""
    marketo.seed({"fields": [{"name": "visitorKey", "data_type": "string"}]})
    return created(**{**LEGACY, **mapping(LEGACY_ECID, FIRST, LAST)}, ecid_field="visitorKey")


def with_busy_recipient(_: Simulator) -> str:
    of = {"pk": "recipient#email#ops@example.com"}
    with boto3.resource("dynamodb").Table("ConnectionsTable").batch_writer() as table:
        for number in range(MAX_CONNECTIONS):
            table.put_item(Item={**of, "sk": f"connection#{number}"})
    return created()


POLICIES: Final = Asked("PUT", "/governance/policies", {"policies": [OWN]})
RECIPIENTS: Final = Asked("PUT", "…/recipients", {WHOLE: [OPS, HOOK]}, connection())
ADDRESS_IN_USE: Final = Asked("PUT", "…/recipients", {WHOLE: [HOOK, {**OPS, "endpoint": ADA}]}, with_busy_recipient)
FILES: Final = Asked("POST", "…/files", FILE, enabled())
FILES_OF_PROFILES: Final = Asked("POST", "…/files", FILE, enabled(sync_type="profile_only"))
EARLY_FILES: Final = Asked("POST", "…/files", FILE, with_audience)
LABELS: Final = Asked("PATCH", "…/labels", LABELLED, with_audience)
LISTS: Final = Asked("GET", "…/marketo/lists", {"limit": "50"}, connection(), is_query=True)
EARLY_LISTS: Final = Asked("GET", "…/marketo/lists", {}, connection(credentials=None), is_query=True)
EARLY_VERIFICATION: Final = Asked("POST", "…/verifications", {}, with_audience)
VERIFICATION_OF_PROFILES: Final = Asked("POST", "…/verifications", {}, enabled(sync_type="profile_only"))
CONNECTIONS: Final = Asked("POST", "/connections", CREATE)
CHANGES: Final = Asked("PATCH", "…", CREATE, with_history)
AUDIENCES_OF_PEOPLE: Final = Asked("POST", "…/audiences", AUDIENCE, connection())
AUDIENCES_OF_PROFILES: Final = Asked("POST", "…/audiences", AUDIENCE, connection(sync_type="profile_only"))
PEOPLE: Final = Asked("POST", "…/people/lookups", {"value": ADA}, with_people)
PEOPLE_BY_ECID: Final = Asked("POST", "…/people/lookups", {"value": "7"}, with_visitors)
ERASURES_OF_NOBODY: Final = Asked("POST", "…/people/erasures", {"value": ADA}, connection(mapping=[]))
ERASURES: Final = Asked("POST", "…/people/erasures", {"value": ADA}, with_people)
RUNS: Final = Asked("GET", "…/runs", {"to": "2026-11-21T10:00:00Z"}, connection(), is_query=True)
AUDIT: Final = Asked("GET", "/audit", {"to": "2026-11-21T10:00:00Z"}, is_query=True)
MIGRATIONS: Final = Asked("POST", "/migrations/legacy-v2", {WHOLE: export(flow(*NAMES))})
EVALUATIONS: Final = Asked(
    "POST", "/governance/evaluations", {"marketing_actions": ["emailTargeting"], "labels": ["C4"]}
)
"""Of data, and not of a connection."""

NOT_ADOBES: Final = (
    "is none of Adobe's labels, which are C1 to C12, I1, I2, S1, S2, PSPD, RHD and Third-Party; call one of your own "
    "otherwise"
)
NOT_CORE: Final = (
    "emailTargetting is no marketing action of Adobe's; write emailTargeting (Email Targeting) if that is meant, or "
    "call one of your own otherwise"
)
LEVELS: Final = "nests deeper than 8 levels; AND within AND, and OR within OR, can be joined"
AT_MOST: Final = f"must be the file's size in bytes, {MAX_FILE_BYTES} at most; split a larger one"
A_COLUMN: Final = f"must be the name or the path of a column, of 1 to {MAX_COLUMN_LENGTH} characters"
A_NAME: Final = f"must be a file's name of 1 to {MAX_NAME_LENGTH} characters, without a path"
TOO_MANY: Final = "gets the alerts of 150 connections, which is all that SNS allows; give another address"
PERIOD: Final = "must be from 0 to 90 days before to"
ONE_FLOW: Final = "send what GET …/flows/{id} answered, one at a time"


def policies(**changes: object) -> dict[str, Any]:
    """One of one's own, changed, beside a core one."""
    return {"policies": [{"id": "corepolicy_0003", "status": "enabled"}, {**OWN, **changes}]}


def combined(*operands: object) -> dict[str, Any]:
    return {"operator": "OR", "operands": list(operands)}


def nested(levels: int) -> dict[str, Any]:
    whole: dict[str, Any] = {"label": "C4"}
    for _ in range(levels):
        whole = combined(whole)
    return whole


def deep(levels: int) -> list[Any]:
    whole: list[Any] = []
    for _ in range(levels):
        whole = [whole]
    return whole


SOURCES: Final = ", ".join(row["source"] for row in (DEDUPE, FIRST, LAST, CRM, SCORE))

CONFIGURED: Final[Sequence[tuple[Asked, Sequence[Case]]]] = (
    (CONNECTIONS, SETTINGS),
    (CHANGES, UNCHANGEABLE),
    (AUDIENCES_OF_PEOPLE, [AUDIENCES[0], *OVER]),
    (AUDIENCES_OF_PROFILES, OF_PROFILES),
)
"""Some of the rules of configurations: the domain says alike, and the interface takes what is mended."""

REFUSED: Final[Sequence[tuple[Asked, Sequence[Case]]]] = (
    (
        POLICIES,
        [
            ({"policies": [OWN, OWN]}, "policies[1].id", "own is given twice; keep one"),
            (policies(id="core_own"), "policies[1].id", "there is no core policy core_own; choose another id"),
            (
                {"policies": [{**OWN, "id": f"own-{number}"} for number in range(41)]},
                "policies",
                "at most 40 beside the core policies; join some with OR",
            ),
            (policies(deny=combined({"label": "C99"})), "policies[1].deny.operands[0].label", f"C99 {NOT_ADOBES}"),
            (policies(marketing_actions=["emailTargetting"]), "policies[1].marketing_actions[0]", NOT_CORE),
            (
                {"policies": [{"id": "corepolicy_0003", "status": "enabled", "name": "Mine"}]},
                "policies[0].name",
                "cannot be changed: it is a core policy's; leave it out, or make a policy of your own",
            ),
            ({"policies": [{"id": "own", "status": "draft", "deny": {"label": "C4"}, "name": "N"}]}, *GIVE_ACTIONS),
            (policies(deny=nested(8)), "policies[1].deny", LEVELS),
            (
                policies(deny=combined(*({"label": f"l{number}"} for number in range(60)))),
                "policies[1].deny",
                "has 61 labels and combinations, and at most 60 fit; make two policies",
            ),
        ],
    ),
    (
        EVALUATIONS,
        [
            ({"labels": ["C99"]}, "labels", f"C99 {NOT_ADOBES}"),
            ({"marketing_actions": ["emailTargetting"]}, "marketing_actions[0]", NOT_CORE),
        ],
    ),
    (
        RECIPIENTS,
        [
            (
                {WHOLE: [OPS | {"endpoint": f"{number}@example.com"} for number in range(MAX_RECIPIENTS + 1)]},
                "",
                "must be 10 at most; subscribe a mailing list for more",
            ),
            ({WHOLE: [OPS, OPS]}, "[1].endpoint", "is that of [0] as well; keep one"),
            (
                {WHOLE: [OPS | {"endpoint": "ops"}]},
                "[0].endpoint",
                "must be an e-mail address, such as ops@example.com",
            ),
            (
                {WHOLE: [HOOK | {"endpoint": "http://example.com/hook"}]},
                "[0].endpoint",
                "must be an https URL, such as https://example.com/hook",
            ),
            (
                {WHOLE: [HOOK | {"endpoint": "https://ada:secret@example.com/hook"}]},
                "[0].endpoint",
                "must have no user name and password in it: whoever may view alerts sees it",
            ),
        ],
    ),
    (
        ADDRESS_IN_USE,
        [
            (
                {WHOLE: [HOOK, OPS]},
                "[1].endpoint",
                f"ops@example.com {TOO_MANY}",
            )
        ],
    ),
    (
        FILES,
        [
            ({"name": "2026/people.csv"}, "name", A_NAME),
            ({"size": 0}, "size", AT_MOST),
            ({"size": MAX_FILE_BYTES + 1}, "size", AT_MOST),
            ({"activation_id": DROP}, "activation_id", "must say of which audience the rows are"),
            (
                {"activation_id": "0" * 12},
                "activation_id",
                "must be that of an audience that is activated",
            ),
            ({"separator": "::"}, "separator", "must be one character, and neither a quote nor a line end"),
            ({"encoding": "utf-7"}, "encoding", f"must be one of {', '.join(ENCODINGS)}"),
            ({"status": "s" * (MAX_COLUMN_LENGTH + 1)}, "status", A_COLUMN),
        ],
    ),
    (
        FILES_OF_PROFILES,
        [({"mode": "mirror"}, "mode", "must be add or incremental: profile_only keeps no lists")],
    ),
    (EARLY_FILES, [({}, "status", "it is draft: enable the connection first")]),
    (
        LABELS,
        [
            (
                {"sources": {"person.name.middleName": ["I1"]}},
                "sources.person.name.middleName",
                "is not mapped; GET …/labels shows those that are: leave it out, or map it first",
            ),
            (
                {"audiences": {"0" * 12: ["I1"]}},
                f"audiences.{'0' * 12}",
                "is not activated; GET …/labels shows those that are: leave it out, or activate it first",
            ),
            ({"sources": {FIRST["source"]: ["C99"]}}, f"sources.{FIRST['source']}", f"C99 {NOT_ADOBES}"),
            ({"audiences": {AUD_1: ["C99"]}}, f"audiences.{AUD_1}", f"C99 {NOT_ADOBES}"),
        ],
    ),
    (
        LISTS,
        [
            (
                {"name": "Webinar, spring"},
                "name",
                "must have no comma: Marketo cannot search such names; leave it out, and look through all lists",
            ),
            ({"cursor": "made-up"}, "cursor", "must be that of the page before; leave it out to start"),
        ],
    ),
    (EARLY_LISTS, [({}, "credentials", "give them first: the choices are read from Marketo")]),
    (EARLY_VERIFICATION, [({}, "status", "it is draft: enable the connection first")]),
    (
        VERIFICATION_OF_PROFILES,
        [
            (
                {},
                "sync_type",
                "a connection with profile_only keeps no lists to verify; set another sync_type to have some",
            )
        ],
    ),
    (
        PEOPLE,
        [
            ({"value": "not an address"}, "value", "fits no lead: not an e-mail address"),
            (
                {"value": "7", "source": "crm"},
                "value",
                "2 people have it; give one's value of personalEmail.address",
            ),
            (
                {"value": "8", "source": "crm"},
                "value",
                "nobody has it, as far as is known; give a value of personalEmail.address",
            ),
            (
                {"source": "identityMap.email"},
                "source",
                f"must be one of those that the mapping reads: {SOURCES}",
            ),
            (
                {"value": "3", "source": "score"},
                "source",
                "Marketo cannot be searched by leadScore, which it fills; leave it out, or name another one",
            ),
        ],
    ),
    (PEOPLE_BY_ECID, [({}, "source", "must be identityMap.ECID: people are known by nothing else")]),
    (ERASURES_OF_NOBODY, [({}, "source", "map a source to DedupeField; people are known by nothing else")]),
    (
        ERASURES,
        [
            (
                {"value": "7", "source": "crm"},
                "source",
                "people are known by personalEmail.address here; give the value of this, and leave source out",
            )
        ],
    ),
    (
        RUNS,
        [
            ({"from": "2026-11-22T10:00:00Z"}, "from", PERIOD),
            ({"from": "2026-01-22T10:00:00Z"}, "from", PERIOD),
            ({"to": "0001-01-01T00:00:00Z"}, "from", PERIOD),
        ],
    ),
    (AUDIT, [({"from": "2026-11-22T10:00:00Z"}, "from", "must not be later than to")]),
    (
        MIGRATIONS,
        [
            ({WHOLE: {}}, "flow", f"must hold the dataflow, which has transformations; {ONE_FLOW}"),
            (
                {WHOLE: {"items": [flow(*NAMES), flow(*NAMES)]}},
                "flow",
                f"must hold one dataflow, and holds 2 (EMEA, EMEA); {ONE_FLOW}",
            ),
            ({WHOLE: [0] * MAX_VALUES}, "", "must have at most 100,000 values; send one dataflow at a time"),
            (
                {WHOLE: deep(33)},
                "",
                "must nest at most 32 levels deep; send what Flow Service answered, as it is",
            ),
        ],
    ),
)
"""Calls, and what is wrong with each; the answer's errors are none but this one."""
