"""What the webhook cannot take, and why: bodies and records that are rejected, parts of records that are left out."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final, NamedTuple


class Lost(StrEnum):
    """What is lost by it: a record, or a body of which no record can be told; or a part of a record that is taken."""

    REJECTED = "rejected"
    LEFT_OUT = "left_out"


class Loss(NamedTuple):
    """Why something was lost: a stable code, and what was."""

    kind: Lost
    code: str


BODY_TOO_LARGE: Final = Loss(Lost.REJECTED, "BODY_TOO_LARGE")
BODY_NOT_JSON: Final = Loss(Lost.REJECTED, "BODY_NOT_JSON")
BODY_WRONG_CHARSET: Final = Loss(Lost.REJECTED, "BODY_WRONG_CHARSET")
BODY_WRONG_TYPE: Final = Loss(Lost.REJECTED, "BODY_WRONG_TYPE")
RECORD_NOT_JSON: Final = Loss(Lost.REJECTED, "RECORD_NOT_JSON")
RECORD_NO_OBJECT: Final = Loss(Lost.REJECTED, "RECORD_NO_OBJECT")
RECORD_OF_OTHER_FORMAT: Final = Loss(Lost.REJECTED, "RECORD_OF_OTHER_FORMAT")
RECORD_OF_OTHER_KIND: Final = Loss(Lost.REJECTED, "RECORD_OF_OTHER_KIND")
RECORD_TOO_LARGE: Final = Loss(Lost.REJECTED, "RECORD_TOO_LARGE")
RECORD_TOO_MANY_AUDIENCES: Final = Loss(Lost.REJECTED, "RECORD_TOO_MANY_AUDIENCES")
RECORD_UNREADABLE: Final = Loss(Lost.REJECTED, "RECORD_UNREADABLE")
RECORD_REFUSED_WITH_OTHERS: Final = Loss(Lost.REJECTED, "RECORD_REFUSED_WITH_OTHERS")
MEMBERSHIP_UNREADABLE: Final = Loss(Lost.LEFT_OUT, "MEMBERSHIP_UNREADABLE")
MEMBERSHIP_STATUS_UNKNOWN: Final = Loss(Lost.LEFT_OUT, "MEMBERSHIP_STATUS_UNKNOWN")
MEMBERSHIP_TIME_UNREADABLE: Final = Loss(Lost.LEFT_OUT, "MEMBERSHIP_TIME_UNREADABLE")
IDENTITY_UNREADABLE: Final = Loss(Lost.LEFT_OUT, "IDENTITY_UNREADABLE")
TOO_MANY_IDENTITIES: Final = Loss(Lost.LEFT_OUT, "TOO_MANY_IDENTITIES")
ATTRIBUTE_UNREADABLE: Final = Loss(Lost.LEFT_OUT, "ATTRIBUTE_UNREADABLE")
EVENT_ID_UNREADABLE: Final = Loss(Lost.LEFT_OUT, "EVENT_ID_UNREADABLE")
EVENT_TIME_UNREADABLE: Final = Loss(Lost.LEFT_OUT, "EVENT_TIME_UNREADABLE")
UNKNOWN_PROPERTY: Final = Loss(Lost.LEFT_OUT, "UNKNOWN_PROPERTY")

LOSSES: Final[Mapping[Loss, str]] = {
    BODY_TOO_LARGE: "The body is too large, or has more than 20,000 records. Send fewer records at a time.",
    BODY_NOT_JSON: "The body is not JSON in any form that is taken. The webhook's answer says where it stops being so.",
    BODY_WRONG_CHARSET: "The body is not in the charset of its content type, or not in UTF-8. Send UTF-8.",
    BODY_WRONG_TYPE: "The headers say that the body is compressed, no JSON or of an unknown charset. Send plain JSON.",
    RECORD_NOT_JSON: "The record is not JSON. Look at how the source writes and separates records.",
    RECORD_NO_OBJECT: "The record is no JSON object. Send each profile or event as an object.",
    RECORD_OF_OTHER_FORMAT: "The record is of another format than source.format. The webhook's answer says of which.",
    RECORD_OF_OTHER_KIND: "The record is a call of a kind that is not taken. The webhook's answer says what to do.",
    RECORD_TOO_LARGE: "The record is larger than a message may be, or has too many inner objects. Map less of it.",
    RECORD_TOO_MANY_AUDIENCES: "The record has too many audience entries, or the body has with it. Send fewer at once.",
    RECORD_UNREADABLE: "Nothing of the record can be read. The webhook's answer names the first part that cannot.",
    RECORD_REFUSED_WITH_OTHERS: "The record is good, others of its body are not; on_rejected is refuse. Send it again.",
    MEMBERSHIP_UNREADABLE: "What should be a membership has another form. Look at what the source writes.",
    MEMBERSHIP_STATUS_UNKNOWN: "A membership's status is no word that is known. Send realized or exited.",
    MEMBERSHIP_TIME_UNREADABLE: "A membership's time cannot be read. Send ISO 8601, such as 2026-11-21T10:00:00Z.",
    IDENTITY_UNREADABLE: "What should be an identity is no text and no whole number, in a list for each namespace.",
    TOO_MANY_IDENTITIES: "A profile has more identities or namespaces than are read. Send those that are mapped.",
    ATTRIBUTE_UNREADABLE: "An attribute is no value of JSON, has half a character, or is nested too deeply.",
    EVENT_ID_UNREADABLE: "An event's id is no text and no whole number: it is another event when it comes again.",
    EVENT_TIME_UNREADABLE: "An event's time cannot be read, so that of its receipt counts. Send ISO 8601.",
    UNKNOWN_PROPERTY: "An event or a membership has an unknown property. The webhook's answer names those known.",
}
"""All that there are, with what they mean and what to do, for people."""


def meaning_of(loss: Loss) -> str:
    """What a loss means; also of one that another release counted."""
    return LOSSES.get(loss, "A reason that this release does not know.")
