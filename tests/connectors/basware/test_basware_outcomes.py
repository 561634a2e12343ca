"""What became of an import, from what Basware tells."""

from __future__ import annotations

from typing import Any

import pytest

from ml_connector.connectors.basware.outcomes import newest_feedback, parse_status, settle, settle_by_feedback
from ml_connector.connectors.import_items import ImportItem, ItemState


def item(code: str) -> ImportItem:
    return ImportItem.of("vendors", code, {})


def status(state: str, *items: tuple[str, str, str], system: str = "P2P") -> dict[str, Any]:
    told = [
        {"externalCode": code, "status": word, "errors": [{"message": text}] if text else []}
        for code, word, text in items
    ]
    return {"requestStatus": state, "systems": [{"system": system, "items": told}]}


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("Success", ItemState.ACCEPTED),
        ("Warning", ItemState.ACCEPTED),
        ("NotProcessed", ItemState.UNCHANGED),
        ("Error", ItemState.REJECTED),
        ("RecordExpired", ItemState.SUPERSEDED),
        ("InProgress", ItemState.PENDING),
        ("SomethingNew", ItemState.PENDING),
    ],
)
def test_item_words(word: str, state: ItemState) -> None:
    outcome = settle([parse_status([status("Error", ("A", word, "said"))])], [item("A")])
    assert [(each.state, each.message) for each in outcome.items] == [(state, "said")]
    assert outcome.done is (state is not ItemState.PENDING)


def test_a_request_not_visible_yet_is_pending() -> None:
    outcome = settle([None], [item("A")])
    assert (outcome.done, outcome.items[0].state) == (False, ItemState.PENDING)


def test_a_request_that_succeeded_need_not_list_its_records() -> None:
    for word in ("Success", "AcknowledgedSuccess"):
        assert settle([parse_status([status(word)])], [item("A")]).items[0].state is ItemState.ACCEPTED


@pytest.mark.parametrize("word", ["Error", "InProgress", "", "AcknowledgedError"])
def test_a_record_nobody_speaks_of_is_not_assumed_taken(word: str) -> None:
    assert not settle([parse_status([status(word)])], [item("A")]).done


def test_a_split_batch_is_done_when_all_of_it_is() -> None:
    first = parse_status([status("Success", ("A", "Success", ""))])
    assert not settle([first, None], [item("A"), item("B")]).done
    second = parse_status([status("Error", ("B", "Error", "Payment term NET45 not found"))])
    outcome = settle([first, second], [item("A"), item("B")])
    assert (outcome.done, outcome.items[1].message) == (True, "Payment term NET45 not found")


def test_the_strongest_word_of_several_modules_stands() -> None:
    entry = status("Error", ("A", "Success", ""))
    entry["systems"] += status("Error", ("A", "Error", "no"))["systems"]
    assert parse_status([entry]).items["A"].state is ItemState.REJECTED


def test_other_systems_have_no_say() -> None:
    entry = status("Error", ("A", "Success", ""))
    entry["systems"] += status("Error", ("A", "Error", "no"), system="Network")["systems"]
    assert parse_status([entry]).items["A"].state is ItemState.ACCEPTED


def test_feedback_rejects_at_once_and_accepts_after_the_wait() -> None:
    entries = [{"externalCode": "A", "errors": ["one", "two"]}]
    early = settle_by_feedback(entries, [item("A"), item("B")], waited=False)
    assert [each.state for each in early.items] == [ItemState.REJECTED, ItemState.PENDING]
    assert early.items[0].message == "one; two"
    assert not early.done
    late = settle_by_feedback(entries, [item("A"), item("B")], waited=True)
    assert (late.done, late.items[1].state) == (True, ItemState.ACCEPTED)


def test_the_newest_feedback_is_told() -> None:
    entries = [
        {"errorStamp": "2026-02-03T09:20:11Z", "errors": ["old"]},
        {"errorStamp": "2026-02-04T09:20:11Z", "errors": ["new"]},
    ]
    assert newest_feedback(entries) == "new"
    assert newest_feedback([]) is None
