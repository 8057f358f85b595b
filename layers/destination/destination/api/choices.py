"""What a Marketo instance offers to choose from, as JSON."""

from collections.abc import Iterable
from typing import Annotated, Literal, Self

from pydantic import StringConstraints

from destination.api.representation import Representation
from destination.domain.schema import Field

Cursor = Annotated[str, StringConstraints(min_length=1, max_length=4000)]
ListName = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=255)]


class DedupeField(Representation):
    """A field that people can be found by. `type`: Marketo's data type; null where Marketo does not say."""

    name: str
    display_name: str
    type: str | None


class DedupeFieldList(Representation):
    dedupe_fields: list[DedupeField]

    @classmethod
    def of(cls, fields: Iterable[Field]) -> Self:
        shown = [
            DedupeField(name=one.name, display_name=one.display_name or one.name, type=one.data_type or None)
            for one in fields
        ]
        return cls(dedupe_fields=shown)


class LeadField(Representation):
    """A lead field. `length`: in characters; null where Marketo states none. `writable`: whether it can be a target."""

    name: str
    display_name: str
    type: str
    length: int | None
    writable: bool


class LeadFieldList(Representation):
    fields: list[LeadField]

    @classmethod
    def of(cls, fields: Iterable[Field]) -> Self:
        return cls(fields=[_lead_field(one) for one in fields])


class PartitionOut(Representation):
    id: int
    name: str


class PartitionList(Representation):
    """The lead partitions that the API user sees."""

    partitions: list[PartitionOut]

    @classmethod
    def of(cls, partitions: Iterable[object]) -> Self:
        return cls.model_validate({"partitions": list(partitions)}, from_attributes=True)


class WorkspaceOut(Representation):
    name: str


class WorkspaceList(Representation):
    """`source`: `user_management`, all of the instance; `derived`, those whose folders or lists the API user sees."""

    source: Literal["user_management", "derived"]
    workspaces: list[WorkspaceOut]

    @classmethod
    def of(cls, source: str, names: Iterable[str]) -> Self:
        return cls.model_validate({"source": source, "workspaces": [{"name": name} for name in names]})


class StaticListOut(Representation):
    id: int
    name: str
    workspace: str | None


class StaticListPage(Representation):
    """`cursor`: pass it on to read what follows; null: there is no more."""

    lists: list[StaticListOut]
    cursor: str | None

    @classmethod
    def of(cls, lists: Iterable[object], cursor: str | None) -> Self:
        return cls.model_validate({"lists": list(lists), "cursor": cursor}, from_attributes=True)


def _lead_field(field: Field) -> LeadField:
    return LeadField(
        name=field.name,
        display_name=field.display_name or field.name,
        type=field.data_type,
        length=field.length,
        writable=field.is_writable,
    )
