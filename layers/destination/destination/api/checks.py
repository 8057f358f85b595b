"""The checks of a connection against its Marketo instance, as JSON."""

from typing import Any, Self

from pydantic import Field

from destination.api.problems import ProblemDetails
from destination.api.representation import Representation
from destination.domain.check import Check, CheckName, ChecksReport


class ChecksIn(Representation):
    """`sample`: an event, or a body of events, in the format of the connection's source; null: values go unchecked."""

    sample: Any = Field(None, repr=False)


class CheckOut(Representation):
    """`ok` null: the check could not be made, and `detail` says why. `hint`: what to do where it is not ok."""

    name: CheckName
    ok: bool | None
    detail: str
    hint: str
    errors: list[ProblemDetails.PropertyError] = Field(
        description="The properties of the configuration that have to be corrected."
    )

    @classmethod
    def of(cls, check: Check) -> Self:
        errors = [ProblemDetails.PropertyError(path=one.path, message=one.message) for one in check.problems]
        return cls(name=check.name, ok=check.ok, detail=check.detail, hint=check.hint, errors=errors)


class ChecksOut(Representation):
    """`ok`: whether every check is. `marketo_calls`: how many calls it took that count towards Marketo's limits."""

    ok: bool
    checks: list[CheckOut]
    warnings: list[ProblemDetails.PropertyError]
    marketo_calls: int

    @classmethod
    def of(cls, report: ChecksReport) -> Self:
        return cls(
            ok=report.ok,
            checks=[CheckOut.of(check) for check in report.checks],
            warnings=[ProblemDetails.PropertyError(path=one.path, message=one.message) for one in report.warnings],
            marketo_calls=report.calls,
        )
