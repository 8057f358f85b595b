"""What a store answers when it cannot do what was asked."""

from botocore.exceptions import BotoCoreError, ClientError

from destination.domain.audience import AudienceKey

AWS_ERRORS = (BotoCoreError, ClientError)
"""Trouble of AWS itself: throttling beyond botocore's patience, a missing permission, no network."""


def aws_code(error: BaseException) -> str:
    """What AWS calls its refusal; its messages are left out, as they may hold what was sent."""
    return str(error.response["Error"].get("Code")) if isinstance(error, ClientError) else type(error).__name__


class StoreError(Exception):
    """Base of what the stores raise themselves; trouble of AWS stays botocore's ClientError."""


class NotFoundError(StoreError):
    """What was asked for does not exist; the message names it."""


class StaleVersionError(StoreError):
    """It has changed since it was read."""


class ListTakenError(StoreError):
    """A list is that of another audience, `audience` of the connection `connection_id`."""

    def __init__(self, list_id: int, connection_id: str, audience: AudienceKey) -> None:
        super().__init__(f"list {list_id} is that of audience {audience} of connection {connection_id}")
        self.list_id = list_id
        self.connection_id = connection_id
        self.audience = audience


class DeletingError(StoreError):
    """The connection is being deleted and takes no changes any more."""
