"""Canaries and capabilities as JSON."""

from collections.abc import Callable
from typing import Final, Literal, Self

from pydantic import Field

from destination.api.representation import Representation, Text, Time
from destination.domain.canary import TIMED_OUT, Canary, CanaryStatus, Question
from destination.domain.capabilities import CAPABILITIES, Capabilities, Capability

_OWN_MESSAGES: Final = {
    TIMED_OUT: "Marketo did not finish an import within an hour, so nothing more was asked. It may still carry it out: "
    "look for leads of the address, then send another canary when Marketo is less busy.",
}


class CanaryIn(Representation):
    """What the test leads are."""

    email: Text = Field(description="An address of yours that no lead has. The test leads have it; they are deleted.")
    list_id: int = Field(ge=1, description="A static list that only the test leads join; no audience's.")
    consent: Literal[True] = Field(description="That test leads may be made in this instance, imported and deleted.")


class AnswerOut(Representation):
    """One question, and its answer."""

    name: str
    answer: bool | None = Field(description="Null: not known.")
    message: str = Field(description="The answer, in a sentence.")
    lane: str = Field(
        description="What is done by imports where the answer is yes; otherwise it is done by REST calls."
    )

    @classmethod
    def of(cls, one: Capability, known: Capabilities) -> Self:
        return cls(name=one.name, answer=getattr(known, one.name), message=one.told(known), lane=one.lane)


class CanaryCauseOut(Representation):
    code: str
    message: str


class CanaryOut(Representation):
    """A canary, and how far it is. It goes on with each call that asks for it."""

    id: str
    status: CanaryStatus = Field(
        description="asking: goes from question to question; cleaning: deletes its test leads; failed: it was ended "
        "before all was asked."
    )
    list_id: int
    requested_at: Time
    finished_at: Time | None
    questions: int = Field(description="How many there are.")
    asked: int = Field(description="How many are done with.")
    question: Question | None = Field(description="What is asked now.")
    held_up: CanaryCauseOut | None = Field(description="Why the last step is done once more.")
    ended_by: CanaryCauseOut | None = Field(description="Why not all was asked.")
    leads: list[int] = Field(
        description="The test leads that Marketo has; of one that is finished, delete them by hand."
    )
    answers: list[AnswerOut]

    @classmethod
    def of(cls, one: Canary, message_of: Callable[[str], str]) -> Self:
        def cause(code: str | None) -> CanaryCauseOut | None:
            if code is None:
                return None
            return CanaryCauseOut(code=code, message=_OWN_MESSAGES.get(code) or message_of(code))

        return cls(
            id=one.id,
            status=one.status,
            list_id=one.list_id,
            requested_at=one.requested_at,
            finished_at=one.finished_at,
            questions=len(Question),
            asked=one.asked,
            question=one.question,
            held_up=cause(one.held_up),
            ended_by=cause(one.code),
            leads=list(one.left),
            answers=[AnswerOut.of(each, one.answers) for each in CAPABILITIES],
        )


class CapabilitiesOut(Representation):
    """What the connection's instance is known to do. It is the same for all connections to it."""

    munchkin_id: str
    asked_at: Time | None = Field(description="When a canary found it out; null: none did.")
    answers: list[AnswerOut]
    canary_id: str | None = Field(description="The last canary, if this connection sent it.")

    @classmethod
    def of(cls, munchkin_id: str, known: Capabilities, canary_id: str | None) -> Self:
        answers = [AnswerOut.of(one, known) for one in CAPABILITIES]
        return cls(munchkin_id=munchkin_id, asked_at=known.asked_at, answers=answers, canary_id=canary_id)
