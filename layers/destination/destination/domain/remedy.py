"""What to do about a cause: every sentence that tells somebody to do something, once, with a name of its own.

The API, the command, alerts, hints of checks and docs/operations.md take the sentences from here. Each names, in a test
that is marked with it, what was done as it says; a test fails for a remedy that nobody has tried
(tests/unit/test_remedies.py).
"""

from collections.abc import Mapping
from enum import Enum
from typing import Final

NO_CREDENTIALS: Final = "NO_CREDENTIALS"
"""The code of a connection that has no credentials, or whose secret lost them."""


class Remedy(Enum):
    """A sentence, and the codes that it is for: Marketo's (`marketo.errors`) and our own (`domain.outcome`)."""

    # What holds up a connection
    ENABLE = "Enable the connection (destination enable); all that is parked of it is delivered then."
    RESUME = "Delivery goes on by itself. If the cause is over before that, resume the connection (destination resume)."
    MEND_CAUSE = "Mend the cause in Marketo, or change the connection."
    TRY_AGAIN = "Delivery is tried again every 15 minutes, and at once when somebody asks for it (destination resume)."
    AWAIT_PERSON = (
        "It is tried again within some 20 minutes. Whoever is refused for half a day, while others are served, becomes "
        "a letter (destination letters)."
    )
    AWAIT_AWS = "It is tried again within minutes. If that lasts, an alarm of the stack names what AWS refuses."
    AWAIT_RATE = (
        "No more leads are created or updated in an hour than limits.lead_updates_per_hour says; they come back by "
        "themselves. Raise it to have them sooner (destination apply)."
    )
    AWAIT_IMPORT = (
        "An import tells Marketo of them, which takes minutes to hours. When it has ended they come back by themselves."
    )

    # What Marketo answers
    GIVE_CREDENTIALS = (
        "Give the client id and client secret that the LaunchPoint service has now (destination apply --credentials).",
        *("401", "600", "601", "602", NO_CREDENTIALS),
    )
    GRANT_PERMISSION = (
        "Give the API user's role the permission that it lacks, and check Marketo's IP allow-list.",
        *("403", "603"),
    )
    CHECK_HOST = (
        "Check that the Munchkin ID is that of the instance, and that nothing on the way answers for Marketo.",
        *("404", "610"),
    )
    CHECK_NETWORK = ("Check the network and the Munchkin ID.", "CONNECTION_FAILED")
    LOWER_SHARE = (
        "Other integrations use the same limit: lower their share or this connection's.",
        *("429", "606", "615"),
    )
    RAISE_QUOTA = (
        (
            "Wait for the reset at midnight US Central, or raise Marketo's quota and then the connection's "
            "limits.daily_calls (destination apply); find the integration that calls so much."
        ),
        *("607", "BUDGET_REACHED"),
    )
    CHECK_SUBSCRIPTION = ("Check that the Marketo subscription is active, and what it includes.", "614", "616")
    ENABLE_FEATURE = ("Have the feature enabled in Marketo.", "703", "1026")
    REPORT_DEFECT = (
        "This is a defect of this destination: report it. The events wait for the release that mends it.",
        *("414", "605", "609", "612", "613"),
    )
    SEND_LESS = ("Send less in one record.", "413")
    MAP_VALUE = ("Map a value to the field.", "701")
    CHOOSE_NAME = ("Choose another name.", "709")
    CHECK_WORKSPACE = (
        "Check that the workspace has its folder for lists, and that the API user may see it.",
        *("710", "711"),
    )
    CORRECT_VALUES = ("Check the values against the fields' types and lengths.", "1003")
    CORRECT_MAPPING = ("Check the mapping: the field was removed or renamed in Marketo.", "1006")
    CHOOSE_PARTITION = (
        "Give the API user's role access to the partition, or choose another one for the connection.",
        *("1008", "1009"),
    )
    MAKE_SEARCHABLE = ("Have the field made searchable in Marketo, or choose a searchable one.", "1011")
    ACTIVATE_AGAIN = (
        (
            "Activate the audience again: it gets a new list, which is filled. With when_list_missing set to create "
            "that is done without you."
        ),
        "1013",
    )
    CHANGE_IN_CRM = ("Change the record in the CRM.", "1018")
    LEAVE_OUT_COMPANY = ("Take the company fields out of the mapping.", "1021")

    # Why people did not arrive
    GIVE_DEDUPE_VALUE = (
        "Give all profiles a value at the source of the dedupe field, or map another source to it.",
        "MISSING_DEDUPE_VALUE",
    )
    CORRECT_DEDUPE_VALUE = (
        "Correct the values of the dedupe field at the source, or map another source to it.",
        "INVALID_DEDUPE_VALUE",
    )
    GIVE_REQUIRED = (
        (
            "Give the profiles firstName, lastName and email at the source, or choose the person action "
            "update_existing_only."
        ),
        "MISSING_REQUIRED_ATTRIBUTE",
    )
    CORRECT_REQUIRED = (
        "Correct firstName, lastName and email at the source, or map other attributes.",
        "INVALID_REQUIRED_ATTRIBUTE",
    )
    CORRECT_ATTRIBUTE = (
        (
            "Correct the attribute that the run names, or set on_invalid to drop; then redrive the letters "
            "(destination redrive)."
        ),
        "INVALID_ATTRIBUTE",
    )
    TELL_APART = (
        "Choose a dedupe field that tells people apart, or merge the leads in Marketo.",
        "TOO_MANY_MATCHES",
    )
    REDRIVE_WAITED = (
        "Mend what holds the connection up (destination parking), then redrive the letters (destination redrive).",
        "WAITED_TOO_LONG",
    )

    SEND_UNREADABLE_AGAIN = (
        "Have the source send the event again, and discard the letter (destination discard).",
        "UNREADABLE_EVENT",
    )

    # Alerts
    CORRECT_AT_SOURCE = (
        "Look at the run's reasons, and at who it was (destination persons); correct at the source what they name."
    )
    FIX_AND_REDRIVE = (
        "Look at the run's reasons, and at who it was (destination persons), fix the cause, then redrive the letters "
        "(destination redrive)."
    )
    SEND_REJECTED_AGAIN = (
        "Look at the run's losses for what is wrong, correct it at the source, and let it send the records again: they "
        "are not kept."
    )
    MEND_HOLD = (
        "See what holds the connection up (destination parking), mend it, and bring events back (destination resume)."
    )
    DECIDE_LETTERS = (
        "See their reasons (destination letters), fix the cause, then redrive them (destination redrive), or discard "
        "them (destination discard)."
    )
    LOOK_AT_SOURCE = "Look at the source: is its destination still switched on, does the webhook answer it 202?"
    VERIFY = (
        "Verify with the default repair (destination verify), which puts missing people on the lists, takes leavers "
        "off, and leaves foreign people alone. Then find out who changes the lists in Marketo."
    )
    LOOK_AT_AUDIENCE = (
        "Look at the source: was an audience, its schedule or its filter changed, are fewer or more people in it?"
    )
    LOOK_AT_LIST = (
        "Look at the audience in the source, and at who changes the list in Marketo. If the source sent too little, "
        "have it send again."
    )

    MEND_CHECKS = (
        "Do what the hints of the checks say, then make the checks again (destination checks). Delivery may go on all "
        "the same until it needs what fails."
    )

    # Checks
    FIX_PROPERTIES = "Fix what errors names."
    ASK_AGAIN = "Try again."

    def __init__(self, says: str, *codes: str) -> None:
        self.says = says
        self.codes = frozenset(codes)

    @property
    def marker(self) -> str:
        """The name by which documents and tests call it: its anchor in docs/operations.md."""
        return self.name.lower().replace("_", "-")


_OF_CODE: Final[Mapping[str, Remedy]] = {code: one for one in Remedy for code in one.codes}
_OF_MARKETO: Final = "MARKETO_"
_REDIRECT: Final = "3"


def remedy_of(code: str) -> Remedy | None:
    """What to do about a code, as it stands in a cause or in a reason; None: nothing that would help.

    A redirect means the same as 404, for Marketo redirects nobody.
    """
    plain = code.removeprefix(_OF_MARKETO)
    if len(plain) == len("302") and plain.startswith(_REDIRECT):
        plain = "404"
    return _OF_CODE.get(plain)


def told(*remedies: Remedy | None) -> str:
    """The sentences of those that there are, one after the other; empty for none."""
    return " ".join(one.says for one in remedies if one is not None)
