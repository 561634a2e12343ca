"""Bills that are right: what is written is what was said, once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest

from conformance.bench import Bench
from conformance.stage import (
    Stage,
    assert_stands_as_said,
    bill_of,
    draft_of,
    found_of,
    line_of,
    only,
    posted_of,
    standing,
)
from ml_connector.connectors.base import Ledger
from ml_connector.connectors.errors import Refused
from ml_connector.records.invoice import BillStatus, DocumentKind
from ml_connector.records.reason import Reason

ODD_TEXTS = (
    "Straßenreinigung, Größe <XL> & mehr",
    "O'Brien's \"special\" delivery; 100 % & more",
    "Kahvit ☕ ja pullat 🥐",
    "Łódź – „jesień” / 日本語 / عربى",
    "back\\slash {json} [brackets] $filter=1 or 1 eq 1",
)


class Posting(Stage):
    """Post once, twice, credit notes, currencies, lines, dimensions, texts, files."""

    async def test_a_bill_is_posted_once_and_found(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "P-1", due_date=bench.facts.open_day + timedelta(days=21))
        assert await ledger.check([bill]) == {bill.key: ()}
        assert await found_of(ledger, bill) == ()
        posted = await posted_of(ledger, bill)
        assert (posted.kind, posted.vendor, posted.vendor_number) == (bill.kind, bill.vendor, bill.number)
        assert (posted.net, posted.tax, posted.gross) == (bill.net, bill.tax, bill.gross)
        stands = await assert_stands_as_said(bench, bill)
        assert (stands.id, stands.number) == (posted.id, posted.number)
        assert [(each.id, each.status) for each in await found_of(ledger, bill)] == [(posted.id, BillStatus.POSTED)]
        assert await ledger.read_bill(bill, posted.id) == replace(posted, line_count=None)

    async def test_a_draft_tells_the_totals_the_ledger_computes(self, bench: Bench, ledger: Ledger) -> None:
        lines = (line_of(bench), line_of(bench, net=Decimal("33.33"), tax_code=bench.facts.untaxed_code))
        bill = bill_of(bench, "P-1", lines=lines)
        draft = await draft_of(ledger, bill)
        assert (draft.net, draft.tax, draft.gross) == (bill.net, bill.tax, bill.gross)
        assert draft.line_count == 2

    async def test_posting_twice_posts_once(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "P-1")
        draft = await draft_of(ledger, bill)
        first = await ledger.post(bill, draft)
        second = await ledger.post(bill, draft)
        assert (second.id, second.number, second.status) == (first.id, first.number, BillStatus.POSTED)
        await assert_stands_as_said(bench, bill)

    async def test_a_second_bill_with_the_number_is_refused_by_the_ledger(self, bench: Bench, ledger: Ledger) -> None:
        if not ledger.capabilities.refuses_duplicates:
            pytest.skip(f"{ledger.name} takes a number twice: looking beforehand is what prevents it")
        bill = bill_of(bench, "P-1")
        first = await posted_of(ledger, bill)
        with pytest.raises(Refused) as refused:
            await posted_of(ledger, replace(bill, key="c/other/1"))
        assert refused.value.reason is Reason.POSSIBLE_DUPLICATE
        for twin in await found_of(ledger, bill):
            if twin.status is BillStatus.DRAFT:
                await ledger.discard(bill, twin)
        assert (await only(bench, bill)).id == first.id

    async def test_a_number_is_found_in_any_spelling_of_case(self, bench: Bench, ledger: Ledger) -> None:
        posted = await posted_of(ledger, bill_of(bench, "Inv-7a"))
        for spelling in ("INV-7A", "inv-7a", " Inv-7a "):
            assert [each.id for each in await found_of(ledger, bill_of(bench, spelling))] == [posted.id]

    async def test_another_vendors_number_and_another_kind_are_not_found(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "P-1")
        await posted_of(ledger, bill)
        others = (
            replace(bill, key="vendor", vendor=bench.facts.other_vendor),
            replace(bill, key="kind", kind=DocumentKind.CREDIT_NOTE),
            replace(bill, key="number", number="P-11"),
        )
        assert await ledger.find(others) == {"vendor": (), "kind": (), "number": ()}
        posted = await posted_of(ledger, others[0])
        assert [each.id for each in await found_of(ledger, others[0])] == [posted.id]

    async def test_one_look_covers_many_bills(self, bench: Bench, ledger: Ledger) -> None:
        bills = [bill_of(bench, f"P-{index}") for index in range(ledger.capabilities.find_batch)]
        posted = await posted_of(ledger, bills[3])
        await bench.forget_calls()
        found = await ledger.find(bills)
        assert {key: [each.id for each in value] for key, value in found.items() if value} == {
            bills[3].key: [posted.id]
        }
        assert set(found) == {bill.key for bill in bills}
        assert len(await bench.calls()) <= 2

    async def test_a_credit_note_is_one_in_the_ledger(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "CN-1", kind=DocumentKind.CREDIT_NOTE)
        assert await ledger.check([bill]) == {bill.key: ()}
        posted = await posted_of(ledger, bill)
        assert (posted.kind, posted.gross) == (DocumentKind.CREDIT_NOTE, bill.gross)
        await assert_stands_as_said(bench, bill)

    async def test_a_line_may_take_away(self, bench: Bench, ledger: Ledger) -> None:
        lines = (line_of(bench, net=Decimal("400.00")), line_of(bench, net=Decimal("-40.50")))
        bill = bill_of(bench, "NEG-1", lines=lines)
        await posted_of(ledger, bill)
        await assert_stands_as_said(bench, bill)

    async def test_a_bill_in_foreign_currency_keeps_its_own_sums(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "FC-1", currency=bench.facts.foreign_currency)
        assert await ledger.check([bill]) == {bill.key: ()}
        posted = await posted_of(ledger, bill)
        assert (posted.currency, posted.gross) == (bench.facts.foreign_currency, bill.gross)
        await assert_stands_as_said(bench, bill)

    @pytest.mark.parametrize("kind", list(DocumentKind))
    @pytest.mark.parametrize("count", [2, 130])
    async def test_many_lines_keep_each_its_own_dimensions(
        self, bench: Bench, ledger: Ledger, kind: DocumentKind, count: int
    ) -> None:
        facts = bench.facts
        lines = tuple(
            line_of(
                bench,
                account=(facts.account, facts.other_account)[index % 2],
                net=Decimal(1000 + index) / 100,
                description=f"Line {index}",
                tax_code=facts.untaxed_code,
                dimensions={
                    facts.dimension: facts.values[index // 2 % 2],
                    **({facts.second_dimension: facts.second_values[index % 2]} if index % 3 else {}),
                },
            )
            for index in range(count)
        )
        bill = bill_of(bench, f"LONG-{count}", kind=kind, lines=lines)
        draft = await draft_of(ledger, bill)
        assert draft.line_count == count
        await ledger.post(bill, draft)
        stands = await assert_stands_as_said(bench, bill)
        assert [line.description for line in stands.lines] == [line.description for line in lines]
        assert [line.tax_code for line in stands.lines] == [line.tax_code for line in lines]

    async def test_the_coding_overrules_the_ledgers_default_dimensions(self, bench: Bench, ledger: Ledger) -> None:
        facts = bench.facts
        # Where nothing brings any, what is not coded stays empty, whatever the ledger would have put there.
        name, given = next(iter(facts.default_dimensions.items()), (facts.dimension, None))
        pool = {facts.dimension: facts.values, facts.second_dimension: facts.second_values}[name]
        other = next(value for value in pool if value != given)
        lines = tuple(
            line_of(bench, account=facts.account_with_defaults, dimensions=coded) for coded in ({name: other}, {})
        )
        bill = bill_of(bench, "DEF-1", vendor=facts.vendor_with_defaults, lines=lines)
        await posted_of(ledger, bill)
        stands = await assert_stands_as_said(bench, bill)
        assert stands.lines[0].dimensions[name] == other
        assert stands.lines[1].dimensions.get(name) == given

    @pytest.mark.parametrize("text", ODD_TEXTS)
    async def test_odd_characters_arrive_as_they_were(self, bench: Bench, ledger: Ledger, text: str) -> None:
        bill = bill_of(bench, "ODD-1", lines=(line_of(bench, description=text),))
        await posted_of(ledger, bill)
        assert [line.description for line in (await assert_stands_as_said(bench, bill)).lines] == [text]

    @pytest.mark.parametrize(
        "spelling", [str.lower, str.upper, lambda text: f" {text} "], ids=["lower", "upper", "wide"]
    )
    async def test_codes_in_another_spelling_are_taken_wherever_the_check_lets_them_pass(
        self, bench: Bench, ledger: Ledger, spelling: Callable[[str], str]
    ) -> None:
        facts = bench.facts
        plain = line_of(bench)
        line = replace(
            plain,
            account=spelling(plain.account),
            tax_code=spelling(plain.tax_code),
            dimensions={name: spelling(value) for name, value in plain.dimensions.items()},
        )
        bill = bill_of(bench, "CASE-1")
        spelt = replace(bill, vendor=spelling(facts.vendor), lines=(line,))
        if (await ledger.check([spelt]))[spelt.key]:
            with pytest.raises(Refused):
                await posted_of(ledger, spelt)
            assert await standing(bench, bill) == []
            return
        await posted_of(ledger, spelt)
        await assert_stands_as_said(bench, bill)

    async def test_line_breaks_in_a_text_are_no_obstacle(self, bench: Bench, ledger: Ledger) -> None:
        bill = bill_of(bench, "ODD-2", lines=(line_of(bench, description="one\r\ntwo\tthree\x07"),))
        await posted_of(ledger, bill)
        (line,) = (await assert_stands_as_said(bench, bill)).lines
        assert line.description.split() == ["one", "two", "three"]

    async def test_odd_numbers_are_posted_and_found_again(self, bench: Bench, ledger: Ledger) -> None:
        bills = [bill_of(bench, number) for number in bench.facts.odd_numbers]
        for bill in bills:
            await posted_of(ledger, bill)
        found = await ledger.find(bills)
        assert {key: len(each) for key, each in found.items()} == {bill.key: 1 for bill in bills}
        assert len(await bench.bills()) == len(bills)

    async def test_a_number_of_the_greatest_length_is_kept_whole(self, bench: Bench, ledger: Ledger) -> None:
        number = "9" * ledger.capabilities.number_length
        bill = bill_of(bench, number)
        assert await ledger.check([bill]) == {bill.key: ()}
        await posted_of(ledger, bill)
        assert (await only(bench, bill)).supplier_number == number

    @pytest.mark.parametrize("letter", ["x", "Å", "🥐"])
    async def test_a_text_that_is_too_long_is_cut_and_nothing_else(
        self, bench: Bench, ledger: Ledger, letter: str
    ) -> None:
        length = bench.facts.description_length
        text = "a" + letter * length
        bill = bill_of(bench, "CUT-1", lines=(line_of(bench, description=text),))
        await posted_of(ledger, bill)
        (line,) = (await assert_stands_as_said(bench, bill)).lines
        size = len(line.description.encode("utf-16-le")) // 2
        assert length - 1 <= size <= length
        assert text.startswith(line.description)

    async def test_a_file_is_put_once(self, bench: Bench, ledger: Ledger) -> None:
        if not ledger.capabilities.attaches_files:
            pytest.skip(f"{ledger.name} takes no files")
        bill = bill_of(bench, "FILE-1")
        posted = await posted_of(ledger, bill)
        for _ in range(2):
            await ledger.attach(bill, posted, name="image.pdf", content=b"%PDF-1.7 image")
        assert (await only(bench, bill)).attachments == 1
        await ledger.attach(bill, posted, name="O'Brien & ß.xml", content=b"<a/>")
        assert (await only(bench, bill)).attachments == 2

    async def test_a_write_is_not_sent_where_this_process_may_no_longer_write(self, bench: Bench) -> None:
        def stop() -> None:
            raise PermissionError

        bill = bill_of(bench, "G-1")
        ledger = bench.open(bench.side(), guard=stop)
        try:
            await found_of(ledger, bill)
            with pytest.raises(PermissionError):
                await ledger.create(bill)
        finally:
            await ledger.close()
        assert await standing(bench, bill) == []
