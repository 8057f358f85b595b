"""What the schema calls say of a lead field beside what the field is (Marketo REST, Leads, "Query Fields")."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class FieldNote:
    """Description and switches of one lead field; none of them changes what the field does."""

    description: str | None = None
    is_html_encoding_in_email: bool = True
    is_sensitive: bool = False
    is_api_created: bool = False
