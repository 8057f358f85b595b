"""A private card of Adobe's Destination SDK: one description, of which all files of its configuration are made.

    events-server.json      where profiles go, and what is printed of them
    fields-server.json      where the mapping step finds Marketo's fields (only with live fields)
    audience-template.json  how the stack is told of audiences (only where it is told)
    destination.json        the card: authentication, its form, schema, identities, aggregation
    template-test.json      profiles that are hard to print, for Adobe's own rendering of the template

Nothing here calls anybody, and no secret is in it. Names and values are case-sensitive, and those of Adobe's
documentation, Destination SDK: "Server specs", "Templating specs", "Message format", "Customer authentication",
"OAuth 2 authorization", "Customer data fields", "Partner schema configuration", "Identity namespace configuration",
"Aggregation policy", "Audience metadata management", "Destination delivery". docs/adobe-card.md lists what these pages
leave open.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final

Json = dict[str, Any]

EVENTS_SERVER: Final = "events-server.json"
FIELDS_SERVER: Final = "fields-server.json"
AUDIENCE_TEMPLATE: Final = "audience-template.json"
DESTINATION: Final = "destination.json"
TEMPLATE_TEST: Final = "template-test.json"

EVENTS_SERVER_ID: Final = "EVENTS_SERVER_ID"
FIELDS_SERVER_ID: Final = "FIELDS_SERVER_ID"
AUDIENCE_TEMPLATE_ID: Final = "AUDIENCE_TEMPLATE_ID"
DESTINATION_ID: Final = "DESTINATION_ID"
"""Stand in the files for what Adobe calls the thing that was made of another."""

CONNECTION_ID: Final = "connectionId"
DEDUPE_IDENTITY: Final = "DedupeField"
"""The target identity, as Adobe's own Marketo destination calls it ("Marketo Engage destination", identities)."""

PROFILES_TEMPLATE: Final = (
    '{"profiles": [{% for profile in input.profiles %}'
    "{{ profile | raw }}{% if not loop.last %}, {% endif %}"
    "{% endfor %}]}"
)
"""Prints every profile whole, with its memberships, their times, identities and attributes: no value is put between
quotes by the template, so that none has to be escaped by it.
"""

MAX_USERS: Final = 100
"""Profiles of a request at best effort ("Aggregation policy": for endpoints that take fewer than 100)."""

MAX_EVENTS: Final = 1_000
MAX_BATCH_AGE: Final = 301
"""Profiles of a request, and seconds until it is sent, with configurable aggregation: Adobe's least of either.

The webhook takes 6 MB, which is 6 kB for each of 1,000 profiles, and Adobe does not send again what is too large.
"""


class Aggregation(StrEnum):
    """What a card is for: soon, or much at a time."""

    LATENCY = "latency"
    VOLUME = "volume"


class Authentication(StrEnum):
    """How Adobe proves itself: with the ingest token, or with one that the stack gives for client credentials."""

    BEARER = "bearer"
    OAUTH2 = "oauth2"


class FieldsFrom(StrEnum):
    """Where the mapping step has its target fields from.

    The list that Marketo had when the files were written; the stack, each time somebody maps; or whoever maps.
    """

    LISTED = "listed"
    LIVE = "live"
    FREE = "free"


@dataclass(frozen=True, slots=True)
class Card:
    """What tells one card from another.

    `url`: of the stack's interface, as its output `ApiUrl` has it. `fields`: Marketo's fields as the stack lists them,
    each with `name`, `display_name`, `type`; needed for listed ones. `tells_audiences`: whether Adobe tells the stack
    which audiences are activated, renamed and removed.
    """

    url: str
    name: str
    aggregation: Aggregation = Aggregation.LATENCY
    authentication: Authentication = Authentication.BEARER
    fields_from: FieldsFrom = FieldsFrom.LISTED
    fields: Sequence[Mapping[str, Any]] = ()
    tells_audiences: bool = False

    def at(self, path: str) -> str:
        """A URL of the connection that the person names in the card's form."""
        return f"{self.url}/connections/{{{{customerData.{CONNECTION_ID}}}}}/{path}"


@dataclass(frozen=True, slots=True)
class AuthoringCall:
    """A call of Adobe's authoring API: the file that is posted to a path, and what stands for its answer's id."""

    file: str
    path: str
    makes: str | None
    what: str


def calls(card: Card) -> list[AuthoringCall]:
    """The calls that make the card, in their order."""
    made = [AuthoringCall(EVENTS_SERVER, "destination-servers", EVENTS_SERVER_ID, "where profiles are posted")]
    if card.fields_from is FieldsFrom.LIVE:
        made.append(AuthoringCall(FIELDS_SERVER, "destination-servers", FIELDS_SERVER_ID, "where fields are read"))
    if card.tells_audiences:
        made.append(AuthoringCall(AUDIENCE_TEMPLATE, "audience-templates", AUDIENCE_TEMPLATE_ID, "audiences are told"))
    made.append(AuthoringCall(DESTINATION, "destinations", DESTINATION_ID, "the card"))
    made.append(AuthoringCall(TEMPLATE_TEST, "testing/template/render", None, "the template, tried by Adobe"))
    return made


def files(card: Card) -> dict[str, Json]:
    """The files by name, in the order in which they are posted."""
    made = {
        EVENTS_SERVER: _events_server(card),
        FIELDS_SERVER: _fields_server(card),
        AUDIENCE_TEMPLATE: _audience_template(card),
        DESTINATION: _destination(card),
        TEMPLATE_TEST: {
            "destinationId": DESTINATION_ID,
            "template": PROFILES_TEMPLATE,
            "profiles": [*AWKWARD_PROFILES],
        },
    }
    return {call.file: made[call.file] for call in calls(card)}


def _pebble(template: str) -> Json:
    return {"templatingStrategy": "PEBBLE_V1", "value": template}


def _server(name: str, url: str, **request: object) -> Json:
    return {"name": name, "destinationServerType": "URL_BASED", "urlBasedDestination": {"url": _pebble(url)}} | request


def _events_server(card: Card) -> Json:
    body = {"httpMethod": "POST", "requestBody": _pebble(PROFILES_TEMPLATE), "contentType": "application/json"}
    return _server(f"{card.name}: events", card.at("events"), httpTemplate=body)


def _fields_server(card: Card) -> Json:
    """The stack answers with the schema itself (JSON Schema, a property a field), which is printed as it is."""
    schema = {"name": "schema", **_pebble("{{ response.body | raw }}")}
    return _server(
        f"{card.name}: fields", card.at("source/fields"), httpTemplate={"httpMethod": "GET"}, responseFields=[schema]
    )


def _audience_template(card: Card) -> Json:
    """Adobe keeps what `create` answers as the audience's alias, by which it calls `update` and `delete`."""
    audiences, audience = card.at("source/audiences"), card.at("source/audiences/{{segment.alias}}")
    token = "oauth2ServiceAccessToken" if card.authentication is Authentication.OAUTH2 else "authData.token"
    headers = [
        {"header": "Content-Type", "value": "application/json"},
        {"header": "Authorization", "value": f"Bearer {{{{{token}}}}}"},
    ]
    refused = [{"name": "message", "value": "{{detail}}"}]
    named = {"id": "{{segment.id}}", "name": "{{segment.name}}"}
    common: Json = {"headers": headers, "responseErrorFields": refused}
    return {
        "metadataTemplate": {
            "name": card.name,
            "create": {
                "url": audiences,
                "httpMethod": "POST",
                "requestBody": {"json": named},
                "responseFields": [{"name": "externalAudienceId", "value": "{{body.id}}"}],
                **common,
            },
            "update": {"url": audience, "httpMethod": "PUT", "requestBody": {"json": named}, **common},
            "delete": {"url": audience, "httpMethod": "DELETE", **common},
            "validate": {"url": card.at("source/fields"), "httpMethod": "GET", **common},
        }
    }


def _destination(card: Card) -> Json:
    return {
        "name": card.name,
        "description": "Keeps Marketo people and static lists equal to audiences, through a stack of one's own.",
        "status": "TEST",
        "customerAuthenticationConfigurations": [_authentication(card)],
        "customerDataFields": [_CONNECTION_FIELD],
        "uiAttributes": {
            "category": "marketingAutomation",
            "connectionType": "Server-to-server",
            "frequency": "Streaming",
        },
        "identityNamespaces": {
            DEDUPE_IDENTITY: {
                "acceptsAttributes": True,
                "acceptsCustomNamespaces": True,
                "acceptedGlobalNamespaces": {"Email": {}, "Phone": {}},
            }
        },
        "schemaConfig": {
            **_schema(card),
            "profileRequired": True,
            "segmentRequired": True,
            "identityRequired": True,
            "segmentNamespaceDenyList": [],
            "requiredMappingsOnly": False,
            "requiredMappings": [{"destination": f"identityMap.{DEDUPE_IDENTITY}", "mandatoryRequired": True}],
        },
        "segmentMappingConfig": _audience_mapping(card),
        "aggregation": _AGGREGATIONS[card.aggregation],
        "destinationDelivery": [
            {"authenticationRule": "CUSTOMER_AUTHENTICATION", "destinationServerId": EVENTS_SERVER_ID}
        ],
        "backfillHistoricalProfileData": True,
    }


def _authentication(card: Card) -> Json:
    """With OAuth 2, id and secret are typed into the card's form, and are in no file."""
    if card.authentication is Authentication.BEARER:
        return {"authType": "BEARER"}
    asked = {"type": "string", "isRequired": True, "source": "CUSTOMER"}
    body = (
        "{{ formUrlEncode('grant_type', 'client_credentials', 'client_id', authData.clientId, "
        "'client_secret', authData.clientSecret) | raw }}"
    )
    request = {"httpMethod": "POST", "requestBody": _pebble(body), "contentType": "application/x-www-form-urlencoded"}
    told = {"accessToken": "access_token", "tokenType": "token_type", "expiresIn": "expires_in"}
    return {
        "authType": "OAUTH2",
        "grant": "OAUTH2_CLIENT_CREDENTIALS",
        "authenticationDataFields": [
            {"name": "clientId", "title": "Client ID", "description": "The connection's client id.", **asked},
            {
                "name": "clientSecret",
                "title": "Client secret",
                "description": "The connection's client secret.",
                "format": "password",
                **asked,
            },
        ],
        "accessTokenRequest": {
            "destinationServerType": "URL_BASED",
            "urlBasedDestination": {"url": {"templatingStrategy": "NONE", "value": f"{card.url}/oauth2/token"}},
            "httpTemplate": request,
            "responseFields": [
                {"name": name, **_pebble(f"{{{{ response.body.{property_name} }}}}")}
                for name, property_name in told.items()
            ],
        },
    }


def _schema(card: Card) -> Json:
    """Marketo's fields, as text all of them: what a field can take is decided where values are delivered."""
    match card.fields_from:
        case FieldsFrom.FREE:
            return {}
        case FieldsFrom.LIVE:
            asked = {
                "authenticationRule": "CUSTOMER_AUTHENTICATION",
                "destinationServerId": FIELDS_SERVER_ID,
                "value": "Marketo fields",
                "responseFormat": "SCHEMA",
            }
            return {"dynamicSchemaConfig": {"dynamicEnum": asked}}
    listed = [
        {
            "name": one["name"],
            "title": one["display_name"],
            "description": f"Marketo's field {one['name']} ({one['type']}).",
            "type": "string",
            "isRequired": False,
            "readOnly": False,
            "hidden": False,
        }
        for one in card.fields
    ]
    return {"profileFields": listed}


def _audience_mapping(card: Card) -> Json:
    mapping: Json = {
        "mapExperiencePlatformSegmentName": False,
        "mapExperiencePlatformSegmentId": not card.tells_audiences,
        "mapUserInput": False,
    }
    return mapping | ({"audienceTemplateId": AUDIENCE_TEMPLATE_ID} if card.tells_audiences else {})


_CONNECTION_FIELD: Final[Json] = {
    "name": CONNECTION_ID,
    "title": "Connection ID",
    "description": "The id of the connection, as `destination list` shows it.",
    "type": "string",
    "isRequired": True,
    "pattern": "^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$",
    "readOnly": False,
    "hidden": False,
}

_AGGREGATIONS: Final[Mapping[Aggregation, Json]] = {
    Aggregation.LATENCY: {
        "aggregationType": "BEST_EFFORT",
        "bestEffortAggregation": {"maxUsersPerRequest": MAX_USERS, "splitUserById": False},
    },
    Aggregation.VOLUME: {
        "aggregationType": "CONFIGURABLE_AGGREGATION",
        "configurableAggregation": {
            "maxNumEventsInBatch": MAX_EVENTS,
            "maxBatchAgeInSecs": MAX_BATCH_AGE,
            "splitUserById": False,
            "aggregationKey": {
                "includeSegmentId": False,
                "includeSegmentStatus": False,
                "includeIdentity": False,
                "oneIdentityPerGroup": False,
                "groups": None,
            },
        },
    },
}
"""Grouped by nothing: a raw profile says itself which audiences it is in, so that it comes once, not for each."""

AWKWARD_PROFILES: Final[Sequence[Json]] = (
    {
        "segmentMembership": {
            "ups": {
                "11111111-1111-1111-1111-111111111111": {
                    "lastQualificationTime": "2026-11-21T08:15:42.000+0000",
                    "status": "realized",
                },
                "22222222-2222-2222-2222-222222222222": {
                    "lastQualificationTime": "2026-11-20T02:41:50Z",
                    "status": "exited",
                },
            },
            "CustomerAudienceUpload": {
                "trade fair": {"lastQualificationTime": "2026-11-19T00:00:00Z", "status": "realized"}
            },
        },
        "identityMap": {DEDUPE_IDENTITY: [{"id": "ada+1@example.org"}]},
        "attributes": {
            "firstName": {"value": 'Ada "the first" <Lovelace> & \\ Söhne'},
            "address": {"value": "12, St James's Square\nLondon\t{{ raw }}"},
            "company": {},
            "leadScore": {"value": 0},
            "doNotCall": {"value": False},
        },
    },
    {
        "segmentMembership": {
            "ups": {
                "11111111-1111-1111-1111-111111111111": {
                    "lastQualificationTime": "2026-11-21T08:15:43Z",
                    "status": "exited",
                }
            }
        },
        "identityMap": {DEDUPE_IDENTITY: [{"id": "岩@example.org"}, {"id": "C-17"}]},
        "attributes": {"firstName": {"value": "岩"}},
    },
)
"""Quotes, backslashes, line ends, characters of HTML and of templates, absent attributes, 0 and false."""
