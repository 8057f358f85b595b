"""Labels as JSON: what mapped sources and audiences are labelled with."""

from typing import Self

from pydantic import Field

from destination.api.audiences import ActivationId
from destination.api.representation import Labels, Representation, Text
from destination.domain.governance import Labelled


class LabelsIn(Representation):
    """What is to be labelled how, in place of the labels that it has; what is not named stays."""

    sources: dict[Text, Labels] = Field(
        default_factory=dict, description="By mapped source.", examples=[{"person.name.firstName": ["I1"]}]
    )
    audiences: dict[ActivationId, Labels] = Field(
        default_factory=dict, description="By `activation_id`, also of audiences deactivated within 90 days."
    )


class LabelsOut(Representation):
    """The labels of all mapped sources, and by `activation_id` of all audiences."""

    sources: dict[str, list[str]]
    audiences: dict[str, list[str]]

    @classmethod
    def of(cls, labelled: Labelled) -> Self:
        return cls(
            sources={source: list(labels) for source, labels in labelled.sources.items()},
            audiences={audience: list(labels) for audience, labels in labelled.audiences.items()},
        )
