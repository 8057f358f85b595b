"""Recipients of alerts as JSON."""

from collections.abc import Mapping
from typing import Self

from pydantic import Field

from destination.api.representation import Representation, Text
from destination.domain.recipient import MAX_ENDPOINT_LENGTH, Confirmation, Protocol, Recipient


class RecipientIn(Representation):
    """An address that is to get the alerts of a connection."""

    protocol: Protocol
    endpoint: Text = Field(max_length=MAX_ENDPOINT_LENGTH, description="An e-mail address, or an https URL.")

    def recipient(self) -> Recipient:
        return Recipient(self.protocol, self.endpoint)


class RecipientOut(Representation):
    """An address, and how far its subscription is."""

    protocol: Protocol
    endpoint: str
    confirmation: Confirmation = Field(
        description="pending: not confirmed yet, so that it gets nothing; ended: not confirmed within two days, or "
        "ended by the recipient; others: subscribed by somebody else, with a filter of their own."
    )


class RecipientList(Representation):
    """Who gets the alerts of a connection."""

    recipients: list[RecipientOut]

    @classmethod
    def of(cls, recipients: Mapping[Recipient, Confirmation]) -> Self:
        return cls(
            recipients=[
                RecipientOut(protocol=one.protocol, endpoint=one.endpoint, confirmation=confirmation)
                for one, confirmation in recipients.items()
            ]
        )
