"""The matching rules: what each sync type and person action does, and which of several leads is the person.

Source: Adobe, "Marketo Engage destination", sync type and person action table, and its important considerations.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from destination.domain.connection import Connection, PersonAction, SyncType
from destination.domain.text import plain
from destination.domain.value_object import value_object


@value_object
class Lead:
    """A lead as a lookup returns it; `key` is its dedupe value, normalised like the person's, from which it may differ
    in case.

    `others`: its keys by other fields that were asked for (None: it has no value there).
    """

    id: int
    key: str
    updated_at: datetime
    others: tuple[str | None, ...] = ()


@dataclass(frozen=True, slots=True)
class MatchingRule:
    """One row of the table: what is done to a matched lead, and what becomes of an unmatched profile."""

    updates_fields: bool
    keeps_lists: bool
    creates: bool
    takes_partition: bool


_CREATE = PersonAction.UPDATE_EXISTING_AND_CREATE_NEW
_UPDATE = PersonAction.UPDATE_EXISTING_ONLY
_PROFILE = {"updates_fields": True, "keeps_lists": False, "takes_partition": True}
_AUDIENCE = {"updates_fields": False, "keeps_lists": True, "takes_partition": False}
_BOTH = {"updates_fields": True, "keeps_lists": True, "takes_partition": True}

TABLE: Mapping[tuple[SyncType, PersonAction], MatchingRule] = {
    (SyncType.PROFILE_ONLY, _CREATE): MatchingRule(**_PROFILE, creates=True),
    (SyncType.PROFILE_ONLY, _UPDATE): MatchingRule(**_PROFILE, creates=False),
    (SyncType.AUDIENCE_ONLY, _CREATE): MatchingRule(**_AUDIENCE, creates=True),
    (SyncType.AUDIENCE_ONLY, _UPDATE): MatchingRule(**_AUDIENCE, creates=False),
    (SyncType.AUDIENCE_AND_PROFILE, _CREATE): MatchingRule(**_BOTH, creates=True),
    (SyncType.AUDIENCE_AND_PROFILE, _UPDATE): MatchingRule(**_BOTH, creates=False),
}


def rule_of(connection: Connection) -> MatchingRule:
    """The row of the table that a connection goes by."""
    return TABLE[connection.sync_type, connection.person_action]


REQUIRED_TO_CREATE = ("firstName", "lastName", "email")
"""The lead fields that must be mapped, and filled, before a person is created."""

_LEAD_ID = frozenset({"id", "leadid", "marketoid", "marketoleadid"})
_ECID = frozenset(
    {"ecid", "ecids", "experiencecloudid", "experiencecloudids"}
    | {"adobemarketingcloudid", "adobeexperiencecloudid", "adobeexperienceplatformid"}
)


def is_lead_id_or_ecid(name: str) -> bool:
    """Whether somebody who writes this as a field means Marketo's Lead ID or ECID, however it is spelled."""
    return plain(name) in _LEAD_ID | _ECID


def holds_no_ecid(name: str) -> bool:
    """Whether this means a field that people cannot be found by their ECID in: Marketo's Lead ID, or its own ECIDs.

    A searchable field of one's own may be called ECID.
    """
    return plain(name) in {*_LEAD_ID, "ecids"}


def in_other_case(leads: Mapping[str, list[Lead]], persons: Collection[str]) -> set[str]:
    """The persons whose leads have their value in another case, by their keys.

    Such leads are left out of `leads` where they have the exact value of another person who is delivered at once.
    """
    near = {key for key, found in leads.items() if found and found[0].key != key}
    for key in near:
        leads[key][:] = [one for one in leads[key] if one.key not in persons]
    return {key for key in near if leads[key]}


def newest_match(leads: Sequence[Lead]) -> Lead:
    """Of several leads that share a dedupe value only the most recently updated one is used (tie: highest id)."""
    return max(leads, key=lambda lead: (lead.updated_at, lead.id))
