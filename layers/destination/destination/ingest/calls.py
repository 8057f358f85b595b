"""What a sender asks of its connection besides taking events: audiences, fields, a test of a body.

A source reads such a call from a request below `/connections/{connection_id}/source/`, and says what its sender is told
of what came of it. It decides nothing: which audiences a call may touch, and whether a connection takes calls at all,
is decided by the control plane (control/source_calls.py), which does them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from destination.domain.audience import ANY_NAMESPACE, Activation
from destination.domain.connection import ActiveConnection, Status
from destination.domain.problem import Problem
from destination.ingest.admission import SourceRequest
from destination.ingest.reply import Reply

if TYPE_CHECKING:
    from destination.domain.schema import Field


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A request that was admitted. `path`: what stands behind `…/source/`, as it was sent; `request`: all the rest."""

    method: str
    path: str
    request: SourceRequest

    @property
    def segments(self) -> tuple[str, ...]:
        return tuple(self.path.strip("/").split("/"))


CALL_PROBLEMS: Final = frozenset({"not-found", "method-not-allowed", "not-json", "invalid"})
"""The kinds of problems of a request that is no call."""


class CallError(Exception):
    """A request that is no call of this sender. `kind`: one of CALL_PROBLEMS; `problems`: what is wrong with which
    property.
    """

    def __init__(self, kind: str, detail: str, problems: Sequence[Problem] = ()) -> None:
        super().__init__(detail)
        self.kind = kind
        self.problems = tuple(problems)


@dataclass(frozen=True, slots=True)
class CreateAudience:
    """Activate an audience, with a list. `id`, `namespace`: as the source's events name it; without an id the audience
    is known by its name, and gets an id that the answer tells.
    """

    name: str
    id: str | None = None
    namespace: str = ANY_NAMESPACE


@dataclass(frozen=True, slots=True)
class ShowAudience:
    activation_id: str


@dataclass(frozen=True, slots=True)
class ListAudiences:
    """All that are activated on the connection."""


@dataclass(frozen=True, slots=True)
class RenameAudience:
    activation_id: str
    name: str


@dataclass(frozen=True, slots=True)
class DeleteAudience:
    """What it does is the connection's to say (`source.calls.on_delete`)."""

    activation_id: str


@dataclass(frozen=True, slots=True)
class ListFields:
    """The lead fields of the connection's Marketo instance that a value can be sent to."""


@dataclass(frozen=True, slots=True)
class ShowConnection:
    """Whether the connection is there, and takes events; what senders call a test of the connection."""


@dataclass(frozen=True, slots=True)
class ShowConfiguration:
    """All that is configured of the connection, its activated audiences and its mapping among it."""


@dataclass(frozen=True, slots=True)
class CheckEvents:
    """Read the body as the webhook would, and take nothing of it."""


@dataclass(frozen=True, slots=True)
class TakeEvents:
    """Take the body as the webhook does; for senders that have one address for all they do."""


@dataclass(frozen=True, slots=True)
class AnswerAtOnce:
    """Nothing has to be done for the answer."""

    reply: Reply


Call = (
    CreateAudience
    | ShowAudience
    | ListAudiences
    | RenameAudience
    | DeleteAudience
    | ListFields
    | ShowConnection
    | ShowConfiguration
    | CheckEvents
    | TakeEvents
    | AnswerAtOnce
)


@dataclass(frozen=True, slots=True)
class AudienceShown:
    """`is_new`: whether the call activated it."""

    activation: Activation
    is_new: bool = False


@dataclass(frozen=True, slots=True)
class AudiencesShown:
    activations: tuple[Activation, ...]


@dataclass(frozen=True, slots=True)
class AudienceDeleted:
    activation_id: str


@dataclass(frozen=True, slots=True)
class FieldsShown:
    fields: "tuple[Field, ...]"


@dataclass(frozen=True, slots=True)
class ConnectionShown:
    name: str
    status: Status


@dataclass(frozen=True, slots=True)
class ConfigurationShown:
    active: ActiveConnection


@dataclass(frozen=True, slots=True)
class EventsRead:
    """Of a body that was checked, or taken: how many events it had, and the problems of its records with the indices of
    these, as the webhook tells them. `reply`: what the source tells its sender of a body that was taken (None: nothing
    of its own).
    """

    accepted: int
    rejected: Sequence[tuple[int, Problem]]
    warnings: Sequence[tuple[int, Problem]]
    reply: Reply | None = None


@dataclass(frozen=True, slots=True)
class NotDone:
    """Nothing was done. `kind`: of the problem (api/problem_kinds.py), with `status`; `detail` and `problems`: what to
    do about it; `retry_after`: in how many seconds to try again, if that is known. `reply`: what the source tells its
    sender of a body that was to be taken (None: nothing of its own).
    """

    kind: str
    status: int
    detail: str
    problems: tuple[Problem, ...] = ()
    retry_after: int | None = None
    reply: Reply | None = None


Outcome = (
    AudienceShown
    | AudiencesShown
    | AudienceDeleted
    | FieldsShown
    | ConnectionShown
    | ConfigurationShown
    | EventsRead
    | NotDone
)


@dataclass(frozen=True, slots=True)
class CallForm:
    """How a source reads and answers calls.

    `read(asked)`: which call a request is. It raises CallError, and nothing else, whatever was sent.
    `answer(asked, call, outcome)`: what this sender is told; `call` is None where `read` raised. It may read the
    request again, for what the answer repeats. None: the problem, of what was not done.
    """

    read: Callable[[CallRequest], Call]
    answer: Callable[[CallRequest, Call | None, Outcome], Reply | None]
