"""What became of a person, of each of its audiences, and why."""

from collections.abc import Mapping
from dataclasses import field
from enum import StrEnum
from typing import NamedTuple

from destination.domain.audience import AudienceKey
from destination.domain.value_object import value_object


class Class(StrEnum):
    """Every received person has exactly one of these outcomes."""

    ACTIVATED = "activated"
    UNCHANGED = "unchanged"
    EXCLUDED = "excluded"
    FAILED = "failed"


class Reason(NamedTuple):
    """Why a person was not activated: a stable code, and the class it puts the person in; hashed for every event."""

    outcome: Class
    code: str


SUPERSEDED = Reason(Class.UNCHANGED, "SUPERSEDED")
ALREADY_DELIVERED = Reason(Class.UNCHANGED, "ALREADY_DELIVERED")
NOT_ON_LIST = Reason(Class.UNCHANGED, "NOT_ON_LIST")
PERSON_NOT_FOUND = Reason(Class.EXCLUDED, "PERSON_NOT_FOUND")
MISSING_DEDUPE_VALUE = Reason(Class.EXCLUDED, "MISSING_DEDUPE_VALUE")
INVALID_DEDUPE_VALUE = Reason(Class.EXCLUDED, "INVALID_DEDUPE_VALUE")
MISSING_REQUIRED_ATTRIBUTE = Reason(Class.EXCLUDED, "MISSING_REQUIRED_ATTRIBUTE")
INVALID_REQUIRED_ATTRIBUTE = Reason(Class.EXCLUDED, "INVALID_REQUIRED_ATTRIBUTE")
OUTSIDE_SCHEDULE = Reason(Class.EXCLUDED, "OUTSIDE_SCHEDULE")
NO_CONSENT = Reason(Class.EXCLUDED, "NO_CONSENT")
ERASED = Reason(Class.EXCLUDED, "ERASED")
INVALID_ATTRIBUTE = Reason(Class.FAILED, "INVALID_ATTRIBUTE")
TOO_MANY_MATCHES = Reason(Class.FAILED, "TOO_MANY_MATCHES")
WAITED_TOO_LONG = Reason(Class.FAILED, "WAITED_TOO_LONG")
UNREADABLE_EVENT = Reason(Class.FAILED, "UNREADABLE_EVENT")

MESSAGES: Mapping[str, str] = {
    "SUPERSEDED": "A newer event of the same person was delivered before this one, which had nothing left to change.",
    "ALREADY_DELIVERED": "The same was delivered to Marketo before.",
    "NOT_ON_LIST": "The person left an audience and was not on its list.",
    "PERSON_NOT_FOUND": "No lead has this dedupe value, and the connection creates nobody for such an event.",
    "MISSING_DEDUPE_VALUE": "The profile has no value at the sources mapped to identities (DedupeField; Email, ECID).",
    "INVALID_DEDUPE_VALUE": "The value mapped to an identity does not fit the lead field that it is compared with.",
    "MISSING_REQUIRED_ATTRIBUTE": "To create a person, firstName, lastName and email must not be empty.",
    "INVALID_REQUIRED_ATTRIBUTE": "firstName, lastName or email has a value that Marketo cannot take.",
    "OUTSIDE_SCHEDULE": "The event is before the start or after the end of every audience that it names.",
    "NO_CONSENT": "The profile has no value that the connection's consent rule allows, so the person is on no list.",
    "ERASED": "The person was erased after the event was received, so the event was dropped.",
    "INVALID_ATTRIBUTE": "A mapped attribute has a value that Marketo cannot take, and on_invalid is fail.",
    "TOO_MANY_MATCHES": "More than 1,000 leads share the dedupe value; Marketo does not list them.",
    "WAITED_TOO_LONG": "The event could not be delivered for 29 days. The connection tells what held it up.",
    "UNREADABLE_EVENT": "The event was changed since it was received, by whoever may write to the queue or the bucket.",
    "OTHER": "Reasons that are not listed one by one: a run lists a limited number, and counts the rest here.",
}
"""By code, for people; the meaning of codes that begin with `MARKETO_CODE` is Marketo's."""

EXPECTED: Mapping[Reason, str] = {
    PERSON_NOT_FOUND: "the person action, or the event, creates nobody",
    OUTSIDE_SCHEDULE: "the audience's start and end",
    NO_CONSENT: "the consent rule",
    ERASED: "the erasure of the person",
}
"""The exclusions that the connection's configuration, or an operator, asks for, by what asks for them; every other one
is a fault.

Adobe counts those without consent among the faults ("Alerts for destinations"); here they are what a rule was made for.
"""

MARKETO_CODE = "MARKETO_"

OTHER = "OTHER"
"""The code of what a run counts without its own code."""


def rejected(code: str) -> Reason:
    """Marketo refused this person alone, with a code of its own."""
    return Reason(Class.FAILED, f"{MARKETO_CODE}{code}")


@value_object
class Outcome:
    """What became of one person: its reasons, the changes made in Marketo, and what became of each audience.

    A person is failed if anything about it failed, else activated if anything changed.
    """

    reason: Reason | None = None
    created: bool = False
    updated: bool = False
    added: int = 0
    removed: int = 0
    audiences: Mapping[AudienceKey, Reason | None] = field(default_factory=dict)

    @property
    def outcome(self) -> Class:
        return self.reason.outcome if self.reason else Class.ACTIVATED
