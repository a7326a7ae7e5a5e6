"""The last prices, read once for a bar."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, cast

from live.journal import Journal
from live.outlook import Quotes
from live.risk_context import Quote


class Rows:
    """Stands for a journal: symbol, close of the bar, price, split, rank."""

    asked = 0

    def rows(self, _query: str, *_values: object) -> list[tuple[Any, ...]]:
        self.asked += 1
        return [
            ("AAA", "2026-11-20T15:00:00Z", 10.0 + self.asked, 2.0, 1),
            ("AAA", "2026-11-20T14:59:00Z", 30.0, 1.0, 2),
        ]


def quote(price):
    return {"AAA": Quote(Decimal(price), datetime(2026, 11, 20, 15, tzinfo=UTC), Decimal(15))}


def test_prices_are_read_once_for_a_bar():
    journal = Rows()
    quotes = Quotes(cast("Journal", journal))
    assert [quotes.at(7), quotes.at(7), quotes.at(8), quotes.at(8)] == [
        quote("11.0"), quote("11.0"), quote("12.0"), quote("12.0")
    ]  # fmt: skip
    assert journal.asked == 2
