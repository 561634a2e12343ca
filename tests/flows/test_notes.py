"""What the trail is told of findings."""

from __future__ import annotations

from ml_connector.flows.notes import said_of, sentences
from ml_connector.records.reason import Finding, Reason


def test_the_other_sides_words_stand_beside_the_sentence_and_never_in_it() -> None:
    twice = (
        Finding(Reason.NOT_RELEASED, "INV-1", "Account is inactive."),
        Finding(Reason.NOT_RELEASED, "INV-1", "Account is inactive."),
        Finding(Reason.ACCOUNT_BLOCKED, "5100", "No posting allowed."),
    )
    assert said_of(twice) == {"said": "Account is inactive.; No posting allowed."}
    assert "inactive" not in sentences(twice)


def test_where_nothing_was_said_nothing_is_told() -> None:
    assert said_of((Finding(Reason.NUMBER_MISSING),)) == {}
