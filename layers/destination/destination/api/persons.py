"""Who did not arrive, as JSON, as JSON lines and as CSV."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from typing import Final, Self

from pydantic import Field

from destination.api.representation import Representation, Time
from destination.domain.audience import AudienceKey, activation_id
from destination.domain.flaw import Flaw
from destination.domain.not_arrived import Ended, PersonsPage
from destination.domain.outcome import Class

CSV_COLUMNS: Final = (
    *("person_id", "pseudonym", "outcome", "code", "message", "fields"),
    *("audiences", "received_at", "ended_at", "event"),
)

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001
"""What spreadsheets take for the beginning of a formula (OWASP, "CSV Injection")."""


class FlawOut(Representation):
    """What is wrong with the value of a lead field. The value itself is not kept."""

    field: str
    code: str
    message: str
    value: str | None = Field(description="What kind of value it is, such as `text of 300 characters`.")

    @classmethod
    def of(cls, flaw: Flaw) -> Self:
        return cls(field=flaw.field, code=flaw.code, message=flaw.message, value=flaw.value)


class AudienceNamed(Representation):
    """`name` is null for an audience that is no longer activated."""

    activation_id: str
    id: str
    namespace: str | None
    name: str | None

    @classmethod
    def of(cls, audience: AudienceKey, names: Mapping[AudienceKey, str]) -> Self:
        return cls(
            activation_id=activation_id(audience),
            id=audience.id,
            namespace=audience.namespace or None,
            name=names.get(audience),
        )


class PersonOut(Representation):
    """One event's person that did not arrive.

    Where the connection names people by no `person_id`, or the profile has none, it is the `pseudonym` that runs name
    people by; neither where the event named nobody.
    """

    person_id: str | None
    pseudonym: str | None
    outcome: Class
    code: str
    message: str
    fields: list[FlawOut] = Field(description="What is wrong with which lead field, where that is known.")
    audiences: list[AudienceNamed] = Field(description="Those of the event for which nothing changed.")
    received_at: Time
    ended_at: Time = Field(description="When this became known.")
    event: str = Field(
        description="The event, as its letter knows it.", examples=["4be0643f1d98573b97cdca98a65347dd/7"]
    )

    @classmethod
    def of(cls, ended: Ended, names: Mapping[AudienceKey, str], message_of: Callable[[str], str]) -> Self:
        one = ended.person
        return cls(
            person_id=one.person_id,
            pseudonym=one.pseudonym if one.person_id is None else None,
            outcome=one.outcome,
            code=one.code,
            message=message_of(one.code),
            fields=[FlawOut.of(flaw) for flaw in one.flaws],
            audiences=[AudienceNamed.of(audience, names) for audience in one.audiences],
            received_at=one.received_at,
            ended_at=ended.at,
            event=one.event,
        )


class PersonPage(Representation):
    """Those who ended first first. `cursor`: pass it on to read what follows; null: there is no more.

    A page may hold fewer than its limit, or none, and have others after it.
    """

    persons: list[PersonOut]
    cursor: str | None

    @classmethod
    def of(cls, page: PersonsPage, message_of: Callable[[str], str], max_bytes: int) -> Self:
        """As many as fit into so many bytes, as Lambda writes them: as a text of JSON, in ASCII."""
        shown: list[PersonOut] = []
        size = 0
        for one in page.persons:
            out = PersonOut.of(one, page.names, message_of)
            size += len(json.dumps(out.model_dump_json()))
            if shown and size > max_bytes:
                return cls(persons=shown, cursor=one.cursor)
            shown.append(out)
        return cls(persons=shown, cursor=page.cursor)


def json_lines(persons: Iterable[PersonOut]) -> str:
    """One person a line."""
    return "".join(f"{one.model_dump_json()}\n" for one in persons)


def csv_lines(persons: Iterable[PersonOut], *, with_header: bool) -> str:
    """One person a line, as RFC 4180 has it, with the columns' names first where that is wanted.

    Every cell is in quotation marks, for where a spreadsheet takes semicolons for commas, an id with one would be two
    cells, and the second one a formula.
    """
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    if with_header:
        writer.writerow(CSV_COLUMNS)
    for one in persons:
        shown = one.model_dump(mode="json") | {
            "fields": "; ".join(map(_flaw, one.fields)),
            "audiences": "; ".join(map(_audience, one.audiences)),
        }
        writer.writerow([_cell(shown[name]) for name in CSV_COLUMNS])
    return text.getvalue()


def _flaw(flaw: FlawOut) -> str:
    told = f"{flaw.field}: {flaw.message}"
    return told if flaw.value is None else f"{told} ({flaw.value})"


def _audience(audience: AudienceNamed) -> str:
    return audience.id if audience.name is None else f"{audience.name} ({audience.id})"


def _cell(value: str | None) -> str:
    """No formula: a person's id comes from outside."""
    text = value or ""
    return f"'{text}" if text.startswith(_FORMULA) else text
