"""Parts of a legacy dataflow's export, in the form in which Flow Service and Data Prep give them."""

from typing import Any

EMAIL: dict[str, Any] = {
    "type": "JSON_PATH",
    "value": {
        "path": "identityMap.Email",
        "operator": "EXISTS",
        "identity": {"namespace": "Email"},
        "mapping": {"source": "identityMap.Email", "destination": "identityMap.Email", "identity": True},
    },
}


def selector(source: str, target: str, **properties: object) -> dict[str, Any]:
    """An attribute of the older generation of mappings, its mapping changed by `properties`."""
    mapping = {"sourceType": "text/x.schema-path", "source": source, "destination": target, "identity": False}
    return {"type": "JSON_PATH", "value": {"path": source, "operator": "EXISTS", "mapping": mapping | properties}}


NAMES = (selector("person.name.firstName", "firstName"), selector("person.name.lastName", "lastName"))


def segment(audience_id: str = "aud-1", kind: str = "PLATFORM_SEGMENT", **properties: object) -> dict[str, Any]:
    return {"type": kind, "value": {"id": audience_id, "name": f"Audience {audience_id}", **properties}}


def flow(*profile: object, segments: tuple[object, ...] = (), **parameters: object) -> dict[str, Any]:
    """A dataflow by its selectors; `parameters` are those of its transformation."""
    selectors = {"profileSelectors": {"selectors": list(profile)}, "segmentSelectors": {"selectors": list(segments)}}
    return {
        "id": "flow-1",
        "name": "EMEA",
        "state": "enabled",
        "transformations": [{"name": "GeneralTransform", "params": selectors | parameters}],
    }


def export(legacy: object, creation: object = "MATCH_AND_CREATE", **parameters: object) -> dict[str, Any]:
    """A dataflow with its target and base connection; `parameters` are those of the target."""
    target = {"workspaceName": "Default", "personCreation": creation, **parameters}
    return {
        "flow": legacy,
        "targetConnection": {"id": "target-1", "baseConnectionId": "base-1", "params": target},
        "baseConnection": {
            "id": "base-1",
            "auth": {"specName": "Marketo", "params": {"munchkinId": "123-ABC-456", "clientSecret": "hush-hush"}},
        },
    }
