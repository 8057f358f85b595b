"""Reason codes, for people."""

from destination.marketo.reasons import message_of


def test_every_reason_is_explained() -> None:
    assert message_of("PERSON_NOT_FOUND").startswith("No lead has this dedupe value")
    assert message_of("MARKETO_1003") == "Invalid data. Check the values against the fields' types and lengths."
    assert message_of("MARKETO_1007") == "Several leads match."
    assert message_of("MARKETO_9999")
