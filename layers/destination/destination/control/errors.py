"""What the control plane's use cases raise, and how it is drawn:

    RefusedError                destination.domain.problem
     ├─ ConfigurationError      there too, for rules and bodies raise it as well: the configuration breaks a rule
     │   ├─ IncompleteError     the connection lacks what it needs to deliver, or to be asked about
     │   └─ ChecksFailedError   Marketo was asked, and the connection could not deliver
     ├─ PolicyViolationError    enabled policies deny it; .violations
     ├─ AlreadyBoundError       the list or the audience is taken
     ├─ NotAllowedError         the connection takes no such call from its senders
     ├─ VerifyingError          the connection is being verified
     ├─ ResyncingError          a resync of the connection goes on
     ├─ CanaryGoingOnError      a canary of the instance is not at its end
     ├─ NotEmptiedError         Marketo keeps people on a list that is to be emptied
     ├─ UnreadableError         the body is not JSON
     ├─ TooLargeError           the body, what it stands for, or the answer is too large
     ├─ NotQueuedError      what is to be done cannot be queued now; try again
     └─ BusyError               the instance is being delivered to, or paused, or there is more to do; try again

Beside these, what the edges raise goes through: StoreError (`store.errors`), MarketoError (`marketo.errors`) and
OutOfTimeError (`marketo.pace`). What each becomes for callers is decided in one place, functions/connections/app.py.
"""

from collections.abc import Sequence

from destination.domain.governance import Violation
from destination.domain.problem import ConfigurationError, Problem, RefusedError


class IncompleteError(ConfigurationError):
    """A connection must be able to deliver, or to be asked about, and this one lacks what `problems` name."""


class ChecksFailedError(ConfigurationError):
    """Marketo was asked, and the connection could not deliver because of what `problems` name."""


class PolicyViolationError(RefusedError):
    """Enabled policies deny what is asked for. `problems` say where, and how to fix it."""

    def __init__(self, violations: Sequence[Violation], problems: Sequence[Problem]) -> None:
        named = sorted({f"{one.policy.name} ({one.policy.id})" for one in violations})
        super().__init__("; ".join(named), problems)
        self.violations = tuple(violations)


class AlreadyBoundError(RefusedError):
    """An audience has one list and a list one audience, and one of the two is taken; the message says what to do."""


class NotAllowedError(RefusedError):
    """The connection takes no such call from its senders; the message says what an operator can do about it."""


class VerifyingError(RefusedError):
    """The connection is being verified; the message names the verification."""


class ResyncingError(RefusedError):
    """A resync of the connection goes on; the message names it."""


class CanaryGoingOnError(RefusedError):
    """A canary of the instance is not at its end; the message names it."""


class UnreadableError(RefusedError):
    """The body is not JSON; the message says where it stops being so."""


class TooLargeError(RefusedError):
    """The body, what it stands for or the answer is more than a call takes; the message says what to send."""


class NotEmptiedError(RefusedError):
    """Marketo keeps people on a list that is to be emptied; the message says how many, and why."""


class NotQueuedError(RefusedError):
    """What was asked for cannot be queued now; the message says what holds all the same."""


class BusyError(RefusedError):
    """The instance is being delivered to, or paused, or there is more to do than a call has time for."""
