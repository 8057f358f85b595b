"""What Adobe's pages call things, for those who copy it from there: a display name stands for the id that it shows.

Source: Adobe, "Marketo Engage destination": destination details; "(Legacy) (V2) Marketo Engage": person creation;
Experience Platform, "Data governance": core marketing actions, data usage labels.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Final

from destination.domain.connection import DEDUPE_TARGET, PersonAction, SyncType
from destination.domain.policy import LABELS, MARKETING_ACTIONS
from destination.domain.text import plain

_WORDS: Final = re.compile(r"[A-Za-z0-9_ -]+")

_Meanings = Mapping[str, str]
"""By what was written, without case and signs, the id that is meant."""


def _meanings(ids: Iterable[str], shown: Mapping[str, str]) -> _Meanings:
    return {plain(one): one for one in ids} | {plain(name): one for name, one in shown.items()}


SYNC_TYPES: Final = _meanings(SyncType, {})
PERSON_ACTIONS: Final = _meanings(
    PersonAction,
    {
        "Update existing and create new persons": PersonAction.UPDATE_EXISTING_AND_CREATE_NEW,
        "Update existing persons only": PersonAction.UPDATE_EXISTING_ONLY,
        "Match Existing Marketo People and Create Missing People in Marketo": (
            PersonAction.UPDATE_EXISTING_AND_CREATE_NEW
        ),
        "Match Existing Marketo People Only": PersonAction.UPDATE_EXISTING_ONLY,
    },
)
ACTIONS: Final = _meanings(MARKETING_ACTIONS, {name: one for one, name in MARKETING_ACTIONS.items()})
"""The core actions; one of the organisation's own is called as it is written."""

TARGETS: Final = _meanings([DEDUPE_TARGET], {})
"""What is no lead field; these are called as they are written."""

LABEL_NAMES: Final = _meanings(LABELS, {})


def meant(written: object, meanings: _Meanings) -> object:
    """The id that is meant, whatever its case, spaces and dashes; what is none of them stays as it was written."""
    return meanings.get(plain(written), written) if isinstance(written, str) and _WORDS.fullmatch(written) else written
