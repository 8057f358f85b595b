"""Cursors: where a listing goes on, as a string that callers hand back and do not read."""

from base64 import urlsafe_b64decode, urlsafe_b64encode


class InvalidCursorError(ValueError):
    """The cursor is none that a listing gave."""

    def __init__(self, message: str = "not a cursor of this listing") -> None:
        super().__init__(message)


def cursor_of(position: str) -> str:
    return urlsafe_b64encode(position.encode()).decode()


def position_of(cursor: str) -> str:
    """What the cursor was made of. Raises InvalidCursorError."""
    try:
        return urlsafe_b64decode(cursor.encode()).decode()
    except ValueError as invalid:
        raise InvalidCursorError from invalid
