"""Activated audiences as JSON, and their translation from and to the domain."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Self

from pydantic import AfterValidator, Field, StrictInt, StringConstraints

from destination.api.representation import VISIBLE, Labels, Representation, Text, Time
from destination.domain.audience import ANY_NAMESPACE, MAX_NAMESPACE_LENGTH, Activation, AudienceKey, WhenListMissing
from destination.domain.audience_rules import MAX_AUDIENCE_ID_LENGTH, NAMESPACE
from destination.domain.verification import ListSize

Namespace = Annotated[str, StringConstraints(pattern=NAMESPACE.pattern, max_length=MAX_NAMESPACE_LENGTH, to_lower=True)]
"""Namespaces are compared without case, and shown in lower case."""


def _as_written(value: str) -> str:
    if value != value.strip():
        raise ValueError("must not begin or end with space, which no id of a source does; leave it out")
    return value


AudienceId = Annotated[
    str, StringConstraints(min_length=1, max_length=MAX_AUDIENCE_ID_LENGTH), AfterValidator(_as_written), VISIBLE
]
"""As the source writes it."""

ActivationId = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{12}$")]


class ListIn(Representation):
    id: Annotated[StrictInt, Field(ge=1)]


class ListOut(Representation):
    """The audience's static list in Marketo."""

    id: int
    name: str | None


class ListSizeOut(Representation):
    """How many people were on the list when it was last verified; Marketo tells no sizes of lists."""

    people: int
    counted_at: Time

    @classmethod
    def of(cls, activation: Activation, sizes: Mapping[str, ListSize]) -> Self | None:
        """`sizes`: by the ids of activations; that of a list that the audience had before says nothing of this one."""
        size = sizes.get(activation.id)
        if size is None or size.list_id != activation.list_id:
            return None
        return cls(people=size.people, counted_at=size.at)


def list_of(activation: Activation) -> ListOut | None:
    return None if activation.list_id is None else ListOut(id=activation.list_id, name=activation.list_name)


class Audience(Representation):
    """An audience of the source. `start` and `end` say from when to when its people are delivered."""

    id: AudienceId
    namespace: Namespace | None = Field(None, description="Null: the audience of this id in any namespace.")
    name: Text
    data_type: Text = Field("people", description="Only audiences of people can be activated.")
    origin: Text | None = None
    start: Time | None = None
    end: Time | None = None
    when_list_missing: WhenListMissing = Field(
        WhenListMissing.BLOCK,
        description="If the list is deleted in Marketo: block the connection, or create the list again.",
    )
    labels: Labels = Field(default_factory=list, description="Data usage labels of the audience, such as C4.")


class AudienceIn(Audience):
    list: ListIn | None = Field(
        None, description="An existing list to deliver to; null: the list with the audience's name."
    )

    @classmethod
    def of(cls, activation: Activation) -> Self:
        kept = None if activation.list_id is None else {"id": activation.list_id}
        return cls.model_validate(_audience(activation) | {"list": kept})

    def activation(self) -> Activation:
        return Activation(
            audience=AudienceKey(self.namespace or ANY_NAMESPACE, self.id),
            name=self.name,
            data_type=self.data_type,
            origin=self.origin,
            start=self.start,
            end=self.end,
            list_id=self.list.id if self.list else None,
            when_list_missing=self.when_list_missing,
            labels=tuple(self.labels),
        )

    def over(self, activation: Activation) -> Activation:
        """The activation as described here, at its version, with all that no caller sets."""
        return replace(
            self.activation(),
            list_name=activation.list_name,
            may_hold_others=activation.may_hold_others,
            made_by_sender=activation.made_by_sender,
            fill_at=activation.fill_at,
            emptied_to=activation.emptied_to,
            named_at=activation.named_at,
            version=activation.version,
        )


class AudienceOut(Audience):
    activation_id: str = Field(description="What the activation is called in the paths of calls.")
    version: int
    list: ListOut | None
    list_size: ListSizeOut | None = Field(description="Null: the list was not verified yet.")
    fill_due_at: Time | None = Field(
        None, description="From when on the list is to be filled with the members known; null once it is filled."
    )

    @classmethod
    def of(cls, activation: Activation, sizes: Mapping[str, ListSize]) -> Self:
        set_here = {
            "activation_id": activation.id,
            "version": activation.version,
            "list": list_of(activation),
            "list_size": ListSizeOut.of(activation, sizes),
            "fill_due_at": activation.fill_at,
        }
        return cls.model_validate(_audience(activation) | set_here)


class AudienceList(Representation):
    audiences: list[AudienceOut]

    @classmethod
    def of(cls, activations: Iterable[Activation], sizes: Mapping[str, ListSize]) -> Self:
        return cls(audiences=[AudienceOut.of(one, sizes) for one in activations])


def _audience(activation: Activation) -> dict[str, Any]:
    properties = ("name", "data_type", "origin", "start", "end", "when_list_missing", "labels")
    namespace, audience_id = activation.audience
    return {"id": audience_id, "namespace": namespace or None} | {
        name: getattr(activation, name) for name in properties
    }
