"""The checks of a connection against its Marketo instance, as JSON."""

from collections.abc import Sequence
from typing import Any, Self

from pydantic import Field, StrictBool

from destination.api.audiences import AudienceIn
from destination.api.connections import ConnectionPatch
from destination.api.problems import ProblemDetails
from destination.api.representation import Representation, Text
from destination.domain.check import Check, CheckName, ChecksReport
from destination.domain.connection import Connection
from destination.domain.problem import Problem


class ChecksIn(Representation):
    """`sample`: an event, or a body of events, in the format of the connection's source; null: values go unchecked."""

    sample: Any = Field(None, repr=False)


class ConfigurationIn(Representation):
    """A configuration that is not stored: of a new connection, or a change of one.

    `connection_id`: the connection that `configuration` is to change; null: it is a new one.
    """

    connection_id: Text | None = None
    configuration: dict[str, Any] = Field(
        repr=False,
        description="As in the body that creates a connection; of one that is there, a JSON merge patch.",
    )
    audiences: list[AudienceIn] | None = Field(
        None, description="All audiences that it would have; null: those that it has."
    )
    enabled: StrictBool = Field(True, description="Whether it is to be enabled, or to stay so.")

    def patch(self, before: Connection | None) -> ConnectionPatch:
        """Raises ConfigurationError."""
        if before is None:
            return ConnectionPatch.read(self.configuration)
        return ConnectionPatch.of(before).patched(self.configuration)


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


class ConfigurationOut(Representation):
    """What keeps a configuration from being stored or enabled, and the checks that were made of it.

    The path of an audience has the id that its activation has or would have: `audiences.2cf24dba5fb0.labels`.
    """

    ok: bool
    refusals: list[ProblemDetails.PropertyError]
    checks: list[CheckOut]
    warnings: list[ProblemDetails.PropertyError]
    marketo_calls: int

    @classmethod
    def of(cls, refusals: Sequence[Problem], report: ChecksReport) -> Self:
        shown = ChecksOut.of(report).model_dump(exclude={"ok"})
        errors = [{"path": one.path, "message": one.message} for one in refusals]
        return cls.model_validate({"ok": not refusals, "refusals": errors, **shown})
