"""The mapping of a legacy dataflow: its identities and attributes, in both forms that there are.

Source: Experience Platform, Flow Service API, profile selectors of destinations; Data Prep API, mapping sets; Adobe,
"(Legacy) (V2) Marketo Engage", supported identities and attributes.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from destination.domain.connection import DEDUPE_TARGET, ECID_TARGET, EMAIL_TARGET, OPT_OUTS, Generation, MappingRow
from destination.domain.connection_rules import MAX_MAPPING_ROWS, MAX_STRING_LENGTH, NEVER_WRITTEN
from destination.domain.migration.export import Node
from destination.domain.migration.report import MigrationReport
from destination.domain.path import Path, PathError

SEARCHABLE: Final = (
    "choose a searchable lead field whose value is on every profile, such as email, as dedupe_field, and map its "
    f"source to {DEDUPE_TARGET}"
)

LEGACY: Final = "or migrate with generation=legacy_v2 and a searchable lead field that holds the ECID"
_NAMESPACES: Final = {
    "email": EMAIL_TARGET,
    "ecid": ECID_TARGET,
    "adobe marketing cloud id": ECID_TARGET,
    "adobe experience cloud id": ECID_TARGET,
    "adobe experience platform id": ECID_TARGET,
}

_RENAMED: Final = {"companyname": "company"}
"""Names under which the first legacy card (V1) offered fields, in lower case, and their REST names."""

_NO_FIELDS: Final = frozenset(name.lower() for name in (*NEVER_WRITTEN, DEDUPE_TARGET))
_IDENTITY_PATH: Final = re.compile(r"identityMap\.(.+)", re.IGNORECASE)
_STEP: Final = r"[\w:$-]+(?:\[[^\]]*\])*"
_ATTRIBUTE_PATH: Final = re.compile(rf"{_STEP}(\.{_STEP})*")
_HASHED: Final = re.compile(r"sha.?256|hash", re.IGNORECASE)
_TRANSFORMED: Final = re.compile(r"transform|hash|expression|formula", re.IGNORECASE)
_PLAIN_SOURCES: Final = frozenset({"text/x.schema-path", "text/x.xdm-path", "attribute"})


@dataclass(slots=True)
class LegacyMapping:
    """`is_known`: False if the export refers to a mapping that is not in it. `refused`: the identities that no
    connection of this generation could find people by, each once.
    """

    identities: dict[str, MappingRow] = field(default_factory=dict)
    refused: dict[str, None] = field(default_factory=dict)
    attributes: dict[str, MappingRow] = field(default_factory=dict)
    is_known: bool = True

    @property
    def count(self) -> int:
        return len(self.identities) + len(self.attributes)


def transformations(flow: Node) -> Iterator[Node]:
    for transformation in flow["transformations"].entries():
        transformation.skip("name")
        yield transformation["params"]


def read_mapping(flow: Node, sets: Sequence[Node], generation: Generation, report: MigrationReport) -> LegacyMapping:
    """Identities come first, whatever their place: an attribute may be filled by one of them already."""
    mapping, rows = LegacyMapping(), []
    for parameters in transformations(flow):
        rows += [_selector(one) for one in parameters["profileSelectors"]["selectors"].entries()]
        rows += [_set_row(one) for one in _rows_of_sets(parameters["profileMapping"], sets, mapping, report)]
    for row in sorted(rows, key=lambda row: row.namespace is None):
        _add(mapping, row, generation, report)
    for parameters in transformations(flow):
        for place in (parameters["profileSelectors"], parameters):
            _declared_fields(place, mapping, generation, report)
    return mapping


@dataclass(frozen=True, slots=True)
class _Source:
    """One row of the legacy mapping: where a value comes from, and the identity or the field that it fills."""

    item: str
    source: str
    namespace: str | None
    target: str
    obstacle: str | None
    condition: str | None = None


def _selector(selector: Node) -> _Source:
    """A selector of the older generation of mappings; in the report it is one item, whatever is in it."""
    value, mapping = selector["value"], selector["value"]["mapping"]
    selector.skip("type")
    value.skip("description")
    mapping.skip("primaryIdentity", "functionVersion", "copyModeMapping")
    operator = value["operator"].text()
    condition = operator if operator not in {None, "EXISTS"} else None
    path = value["path"].text()
    namespace = value["identity"]["namespace"].text()
    return replace(_row(mapping, path, namespace, _obstacle(value)), item=selector.path, condition=condition)


def _set_row(row: Node) -> _Source:
    row.skip("id", "version", "primaryIdentity", "functionVersion", "copyModeMapping", "matchScore", "description")
    return replace(_row(row, None, None, None), item=row.path)


def _row(mapping: Node, path: str | None, namespace: str | None, obstacle: str | None) -> _Source:
    sources = [mapping[name].text() for name in ("source", "sourceAttribute")]
    targets = [mapping[name].text() for name in ("destination", "destinationXdmPath")]
    source = _tidy(next(filter(None, (*sources, path)), ""))
    target = _tidy(next(filter(None, targets), ""))
    source_type = mapping["sourceType"].text()
    if source_type is not None and source_type.lower() not in _PLAIN_SOURCES:
        obstacle = "the value is calculated"
    is_identity = mapping["identity"].take() is True
    namespace = namespace or _namespace(source, target, is_identity=is_identity)
    return _Source("", source, namespace, target, obstacle or _obstacle(mapping))


def _namespace(source: str, target: str, *, is_identity: bool) -> str | None:
    """The identity that a row fills; None: it fills an attribute, perhaps from an identity."""
    if into := _IDENTITY_PATH.fullmatch(target):
        return into[1]
    known = target.lower() in _NAMESPACES
    origin = _IDENTITY_PATH.fullmatch(source)
    if target in {EMAIL_TARGET, ECID_TARGET} or (known and (is_identity or origin)):
        return target
    if origin and (is_identity or not target):
        return origin[1]
    return (target or source) if is_identity else None


def _obstacle(node: Node) -> str | None:
    for name, child in node.properties():
        if _TRANSFORMED.search(name) and child.value and child.value not in ("NONE", "none"):
            child.take()
            return "a transformation is applied to the value"
    return None


def _tidy(path: str) -> str:
    """A path of XDM as our events have it: dotted, without a root and without schema prefixes; `[]` is every entry."""
    plain = path[1:].replace("/", ".") if path.startswith("/") else path.removeprefix("$.")
    plain = ".".join(step.removeprefix("xdm:") for step in plain.split("."))
    if identity := re.fullmatch(r"identityMap\.(.+?)(?:\[\d*\]|\.\d+)?(?:\.id)?", plain, re.IGNORECASE):
        return f"identityMap.{identity[1].lower()}"
    return plain.replace("[]", "[*]")


def _add(mapping: LegacyMapping, row: _Source, generation: Generation, report: MigrationReport) -> None:
    namespace = None if row.namespace is None else _NAMESPACES.get(row.namespace.lower(), row.namespace)
    target = row.target if namespace is None else namespace
    shown = f"{row.source[:MAX_STRING_LENGTH]} → {target[:MAX_STRING_LENGTH]}"
    obstacle = row.obstacle or _unreadable(row.source)
    if obstacle is None and namespace is not None and _HASHED.search(f"{row.source} {namespace}"):
        obstacle = "the value is hashed, and Marketo finds nobody by a hash"
    if obstacle is not None:
        remedy = "map an attribute that holds the value as it is to be in Marketo"
        report.cannot_carry(row.item, f"{shown}: {obstacle}", f"{remedy}, computed in Experience Platform if need be")
    elif namespace is not None:
        _add_identity(mapping, row, namespace, shown, generation, report)
    else:
        _add_attribute(mapping, row, shown, report)


def _unreadable(source: str) -> str | None:
    if not source:
        return "there is no source"
    if len(source) > MAX_STRING_LENGTH:
        return "the source is too long"
    try:
        path = Path.of(source)
    except PathError as error:
        return f"the source is not the path of an attribute: {error}"
    if path.namespace is not None or _ATTRIBUTE_PATH.fullmatch(source):
        return None
    return "the source is not the path of an attribute"


def _add_identity(
    mapping: LegacyMapping, row: _Source, namespace: str, shown: str, generation: Generation, report: MigrationReport
) -> None:
    if namespace not in {EMAIL_TARGET, ECID_TARGET}:
        mapping.refused[namespace[:MAX_STRING_LENGTH]] = None
        report.cannot_carry(row.item, f"{shown}: the legacy destination finds people by Email and ECID", SEARCHABLE)
    elif namespace == ECID_TARGET and generation is Generation.CURRENT:
        mapping.refused[namespace] = None
        report.cannot_carry(row.item, f"{shown}: Marketo cannot be searched by ECID", f"{SEARCHABLE}; {LEGACY}")
    elif before := mapping.identities.get(namespace):
        _twice(row, before, shown, report)
    else:
        target = DEDUPE_TARGET if generation is Generation.CURRENT else namespace
        mapping.identities[namespace] = MappingRow(row.source, target)
        by = "email" if namespace == EMAIL_TARGET else "ecid_field"
        _mapped(row, f"{shown}: becomes {target}, and people are found by {by}", report)


def _add_attribute(mapping: LegacyMapping, row: _Source, shown: str, report: MigrationReport) -> None:
    target = _RENAMED.get(row.target.lower(), row.target)
    before = mapping.attributes.get(target)
    if not target or len(target) > MAX_STRING_LENGTH or "." in target or target.lower() in _NO_FIELDS:
        report.cannot_carry(row.item, f"{shown}: this is no lead field that can be written", "map a lead field")
    elif target == "email" and EMAIL_TARGET in mapping.identities:
        remedy = "nothing, if both hold the same; else map it to another field"
        report.changed(row.item, f"{shown}: is left out, as the identity Email fills email", remedy)
    elif before is not None:
        _twice(row, before, shown, report)
    elif mapping.count >= MAX_MAPPING_ROWS:
        report.cannot_carry(
            row.item, f"{shown}: a mapping has {MAX_MAPPING_ROWS} rows at most", "map it in place of another"
        )
    else:
        mapping.attributes[target] = MappingRow(row.source, target)
        if target != row.target:
            report.changed(row.item, f"{shown}: the field's REST name is {target}")
        elif target in OPT_OUTS:
            remedy = "decide opt_in: keep sends true only; send takes opt-outs back too, as the legacy destination does"
            report.needs_person(row.item, f"{shown}: whether opt-outs may be taken back is to be decided", remedy)
        else:
            _mapped(row, shown, report)


def _twice(row: _Source, before: MappingRow, shown: str, report: MigrationReport) -> None:
    if row.source == before.source:
        report.carried(row.item, f"{shown}: is mapped by another row as well")
    else:
        remedy = "one source fills a target; decide which"
        report.cannot_carry(row.item, f"{shown}: {before.source} fills {before.target} already", remedy)


def _mapped(row: _Source, detail: str, report: MigrationReport) -> None:
    if row.condition is None:
        report.carried(row.item, detail)
    else:
        condition = f"the condition {row.condition[:MAX_STRING_LENGTH]} is not carried over"
        report.changed(row.item, f"{detail}; {condition}", "build the condition into the audience")


def _rows_of_sets(
    reference: Node, sets: Sequence[Node], mapping: LegacyMapping, report: MigrationReport
) -> Iterator[Node]:
    """The rows of the mapping set that the dataflow names; the set has to be in the export."""
    mapping_id, version = reference["mappingId"].text(), reference["mappingVersion"].text()
    if mapping_id is None:
        return
    found = [one for one in sets if one["id"].text() == mapping_id]
    if not found and len(sets) == 1 and sets[0]["id"].value is None:
        found = list(sets)
    if not found:
        mapping.is_known = False
        shown = mapping_id[:MAX_STRING_LENGTH]
        remedy = f"add what GET …/mappingSets/{shown} of Data Prep answers to the export, and migrate again"
        report.needs_person(reference.path, f"mapping set {shown} is not in the export", remedy)
        return
    used = found[0]
    actual = used["version"].text()
    if version is not None and actual is not None and version != actual:
        detail = f"the dataflow uses version {version[:20]}, and the export holds {actual[:20]}"
        report.needs_person(reference.path, detail, "compare the mapping with the one in Experience Platform")
    yield from used["mappings"].entries()


def _declared_fields(place: Node, mapping: LegacyMapping, generation: Generation, report: MigrationReport) -> None:
    """Fields that the dataflow declares mandatory, or to be those by which people are told apart."""
    for one in place["primaryFields"].entries():
        namespace = one["identityNamespace"].text()
        path = one["attributePath"].text()
        one.skip("fieldType")
        known = _NAMESPACES.get((namespace or "").lower())
        row = mapping.identities.get(known) if known else None
        if known and row is None:
            source = _tidy(path) if path else f"identityMap.{known.lower()}"
            _add(mapping, _Source(one.path, source, namespace, "", None), generation, report)
        elif row:
            report.carried(one.path, f"{known} identifies people")
        else:
            name = (namespace or path or "a field")[:MAX_STRING_LENGTH]
            report.cannot_carry(one.path, f"{name} tells people apart in the dataflow", SEARCHABLE)
    for one in place["mandatoryFields"].entries():
        name = (one.text() or one["attributePath"].text() or "a field")[:MAX_STRING_LENGTH]
        detail = f"{name} is mandatory in the dataflow; here {DEDUPE_TARGET} is, and what people are created with"
        report.cannot_carry(one.path, detail, "leave profiles without it out of the audience")
