"""What an event says of one person, as the oracle reads it for a connection (oracle.py, with the sources)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from destination.domain.connection import Connection
from destination.domain.event import ProfileEvent

#                                                         matched lead          unmatched profile
#                                                         fields   lists        created   in the chosen partition
TABLE = {
    ("profile_only", "update_existing_and_create_new"): (True, False, True, True),
    ("profile_only", "update_existing_only"): (True, False, False, True),
    ("audience_only", "update_existing_and_create_new"): (False, True, True, False),
    ("audience_only", "update_existing_only"): (False, True, False, False),
    ("audience_and_profile", "update_existing_and_create_new"): (True, True, True, True),
    ("audience_and_profile", "update_existing_only"): (True, True, False, True),
}
TEXTS = {"firstName": "firstName", "lastName": "lastName", "company": "company", "email": "email"}
LISTS = ("a", "b")
ECID_FIELD = "customerNumber"
BAD = object()
"""A value that Marketo cannot take: it is not sent, and neither is the older one that it replaces."""

Pair = tuple[datetime, datetime]
"""When something was said, and when that was received."""


@dataclass(eq=False)
class Said:
    """One event, read for a connection: what it says of one person. `consents`: None where nobody is asked."""

    pair: Pair
    key: tuple[str, str]
    email: str | None
    ecid: str | None
    attributes: dict[str, object]
    audiences: dict[str, tuple[Pair, bool]]
    bad: set[str]
    consents: bool | None
    fails: bool = False


@dataclass
class Reading:
    """How events are read for a connection. `clears_company`: a profile without one empties it."""

    connection: Connection
    clears_company: bool

    def _read(self, event: ProfileEvent) -> Said | None:
        """What it says; None: it says of nobody."""
        audiences = _audiences(event)
        consents = self._consents(event.profile)
        key, email, ecid = self._identity(event.profile)
        if key is None:
            return None
        pair = event.at, event.received_at
        if consents is False:
            return Said(pair, key, email, ecid, {}, audiences, set(), consents)
        attributes, bad = self._attributes(event.profile)
        fails = bool(bad) and self._bad_fails and self._rule[0]
        return Said(pair, key, email, ecid, attributes, audiences, bad, consents, fails)

    def _concerns(self, event: ProfileEvent) -> bool:
        """Whether it is one of those that are counted."""
        return bool(_audiences(event)) or self.connection.scope == "all_profiles"

    def _consents(self, profile: Mapping[str, object]) -> bool | None:
        if self.connection.consent is None:
            return None
        given = profile.get("consent")
        return given in ("y", True) or (isinstance(given, list) and "y" in given)

    def _identity(self, profile: Mapping[str, object]) -> tuple[tuple[str, str] | None, str | None, str | None]:
        """The person's key, its value for the dedupe field, and its ECID."""
        email, customer = (str(profile.get(name) or "").strip() for name in ("email", "customer"))
        if not self._by_email:
            return (("customer", customer), customer, None) if customer else (None, None, None)
        ecid = (customer if self._is_legacy else "") or None
        if "@" in email:
            return ("email", email.lower()), email, ecid
        return (("ecid", ecid), None, ecid) if ecid else (None, None, None)

    @property
    def _by_email(self) -> bool:
        return self.connection.dedupe_field == "email"

    @property
    def _is_legacy(self) -> bool:
        return self.connection.generation == "legacy_v2"

    @property
    def _bad_fails(self) -> bool:
        return self.connection.on_invalid == "fail"

    def _attributes(self, profile: Mapping[str, object]) -> tuple[dict[str, object], set[str]]:
        attributes: dict[str, object] = {}
        bad: set[str] = set()
        updates, _, creates, _ = self._rule
        if not (updates or creates):
            return {}, set()
        for name, target in TEXTS.items():
            value = profile.get(name)
            if name == "email" and self._by_email:
                continue
            if value is None and name == "company" and self.clears_company:
                attributes[target] = None
            if value in (None, ""):
                continue
            if len(str(value)) > 255 or (name == "email" and "@" not in str(value)):
                bad.add(target)
            else:
                attributes[target] = value
        score = profile.get("score")
        if score is not None:
            if str(score).isdecimal():
                attributes["leadScore"] = int(str(score))
            else:
                bad.add("leadScore")
        return attributes, bad

    @property
    def _rule(self) -> tuple[bool, bool, bool, bool]:
        return TABLE[self.connection.sync_type.value, self.connection.person_action.value]


def _audiences(event: ProfileEvent) -> dict[str, tuple[Pair, bool]]:
    return {
        one.audience.id: ((one.at, event.received_at), one.status == "realized")
        for one in event.memberships
        if one.audience.id in LISTS
    }
