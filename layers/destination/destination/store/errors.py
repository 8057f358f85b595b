"""What a store answers when it cannot do what was asked."""


class StoreError(Exception):
    """Base of what the stores raise themselves; trouble of AWS stays botocore's ClientError."""


class NotFoundError(StoreError):
    """There is no such thing; the message names it."""


class StaleVersionError(StoreError):
    """Somebody else changed it since it was read."""
