"""What one Marketo instance is known to do that no document says: answers of a canary, on which lanes rest.

Source: Marketo REST API, "Bulk Lead Import", which leaves these questions open.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final


@dataclass(frozen=True, slots=True)
class Capabilities:
    """Answers, each None while it is not known. `asked_at`: when they were found out.

    `joins_by_id`: an import by `id` with `listId` puts the leads on that list. `id_is_a_header`: `id` may be its only
    column. `creates_on_list`: an import by another field with `listId` creates leads that are on that list.
    `keeps_blank`: an empty cell leaves the value as it was. `ignores_unknown_columns`: a column that is no field does
    no harm. `updates_newest`: of several leads with one value the one that was updated last is taken.
    """

    joins_by_id: bool | None = None
    id_is_a_header: bool | None = None
    creates_on_list: bool | None = None
    keeps_blank: bool | None = None
    ignores_unknown_columns: bool | None = None
    updates_newest: bool | None = None
    asked_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Capability:
    """One answer, for people. `name`: its property of Capabilities. `lane`: what a yes opens."""

    name: str
    yes: str
    no: str
    lane: str

    def told(self, known: Capabilities) -> str:
        """What is known, in a sentence."""
        answer: bool | None = getattr(known, self.name)
        return NOT_KNOWN if answer is None else self.yes if answer else self.no


NOT_KNOWN: Final = "Not known: no canary had an answer to it."

CAPABILITIES: Final = (
    Capability(
        "joins_by_id",
        "An import by lead id puts the leads on the list that it names.",
        "An import by lead id puts nobody on the list that it names.",
        "People whose lead is known are put on a list by imports, with or without attributes.",
    ),
    Capability(
        "id_is_a_header",
        "The lead id may be the only column of an import.",
        "An import needs a field beside the lead id.",
        "People whose lead is known are put on a list by imports where nothing of them is written.",
    ),
    Capability(
        "creates_on_list",
        "An import by e-mail address creates leads that are on the list that it names.",
        "An import by e-mail address creates leads that are not on the list that it names.",
        "People whom Marketo does not have are created by imports, and are on their list.",
    ),
    Capability(
        "keeps_blank",
        "An empty cell leaves the value as it was.",
        "An empty cell clears the value.",
        "None: empty cells are sent in no case, so that neither answer can do harm.",
    ),
    Capability(
        "ignores_unknown_columns",
        "A column that is no field does no harm.",
        "A column that is no field keeps an import from being carried out.",
        "None: only columns that are fields are sent.",
    ),
    Capability(
        "updates_newest",
        "Of several leads with one e-mail address an import updates the one that was updated last.",
        "Of several leads with one e-mail address an import does not update the one that was updated last.",
        "None: imports update leads by their id.",
    ),
)
"""Every answer there may be, those first that most rests on."""

NOTHING_KNOWN: Final = Capabilities()
"""Of an instance that no canary was sent to."""
