"""Limits of a run: defaults that grow with it, and a settings file that is taken at its word or refused."""

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from live.allowed import KEYS, Run, rules_of_text, said_limits, text_of_rules
from live.keys import access, limits_told, settings_file
from live.risk_context import Quote, Rules
from research.errors import BadValue, UnknownName
from tests.live.risk_helpers import ENTRY, HOLDING, PROTECT, WORLD, blocked

D = Decimal
ROOT = Path(__file__).parents[2]
FILE = "alpaca.toml"


def test_defaults_follow_from_the_money_the_weight_and_the_symbols():
    one = Run(100_000.0, 0.95, 1, daily=True).defaults()
    assert (one.order_notional, one.position_notional) == (D(150_000), D(150_000))  # 1.5 × 100,000
    assert (one.order_quantity, one.position_share) == (D(30_000), D(1))  # 150,000 ÷ 5
    assert (one.positions, one.open_orders, one.stale_after) == (20, 60, timedelta(days=5))
    many = Run(1_000_000.0, 0.019, 50, daily=False).defaults()
    assert (many.order_notional, many.order_quantity) == (D(57_000), D(11_400))
    assert many.position_share == D("0.038")
    assert (many.positions, many.open_orders, many.stale_after) == (50, 150, timedelta(hours=20))


@pytest.mark.parametrize(("symbols", "orders"), [(1, 30), (10, 30), (11, 33), (24, 72), (25, 72), (500, 72)])
def test_orders_of_a_minute_follow_from_the_symbols_within_our_own_rate(symbols, orders):
    """Three of a symbol; at most 150 requests less 30 for cancels and 4 for each of 12 looks."""
    rules = Run(100_000.0, 0.95 / symbols, symbols, daily=True).defaults()
    assert rules.orders_per_minute == orders
    for before, kept in ((orders - 1, ""), (orders, "orders per minute")):
        sent = [WORLD.now - timedelta(seconds=1)] * before
        assert blocked(PROTECT, HOLDING, rules, sent_at=sent) == kept


@pytest.mark.parametrize("capital", [40_000.0, 100_000.0, 5_000_000.0])
@pytest.mark.parametrize("symbols", [1, 3, 4, 30])
def test_what_a_strategy_may_ask_passes_and_ten_times_as_much_does_not(capital, symbols):
    """Also where only a third of that is usual, and where the account is large enough for the tenfold."""
    weight = 0.95 / symbols
    rules = Run(capital, weight, symbols, daily=True).defaults()
    rich = D(str(100 * capital))
    for equity in (D(str(capital)), rich):
        world = {"equity": equity, "day_equity": equity, "peak_equity": equity, "buying_power": rich}
        most = int(capital * weight / 100)  # shares at 100 USD
        asked = replace(ENTRY, quantity=D(most))
        assert blocked(asked, rules=rules, **world) == ""
        for wrong in (10 * most, 10 * most * 35 // 100):
            assert blocked(replace(ENTRY, quantity=D(wrong)), rules=rules, **world) == "order notional"


def test_a_cheap_stock_is_blocked_by_shares():
    rules = Run(100_000.0, 0.95, 1, daily=True).defaults()
    penny = {"IBM": Quote(D("0.10"), WORLD.now, D("0.10"))}
    asked = replace(ENTRY, quantity=D(30_001))  # 3,000.10 USD
    assert blocked(asked, rules=rules, quotes=penny) == "order quantity"


def test_what_the_file_says_takes_the_place_of_a_default():
    told = {
        "order_quantity": 100, "order_notional": 5e4, "position_notional": 60_000.5, "position_share": 0.5,
        "gross_exposure": 2, "positions": 3, "open_orders": 4, "orders_per_minute": 5, "orders_per_day": 6,
        "daily_loss": 0.01, "drawdown": 1, "collar": 0.1, "stale_after": 3600, "clock_skew": 0.5,
        "restricted": ["GME", " BRK.B "],
    }  # fmt: skip
    assert set(told) == set(KEYS)
    assert Rules(**said_limits(told, FILE)) == Rules(
        order_quantity=D(100), order_notional=D(50_000), position_notional=D("60000.5"),
        position_share=D("0.5"), gross_exposure=D(2), positions=3, open_orders=4, orders_per_minute=5,
        orders_per_day=6, daily_loss=D("0.01"), drawdown=D(1), collar=D("0.1"),
        stale_after=timedelta(hours=1), clock_skew=timedelta(seconds=0.5),
        restricted=frozenset({"GME", "BRK.B"}),
    )  # fmt: skip
    assert said_limits({}, FILE) == {}


REFUSED: dict[str, tuple[list[object], str]] = {
    "order_notional": ([0, -1, float("nan"), float("inf"), True, "5e4", [1], {}], "a number of USD > 0"),
    "order_quantity": ([0, False], "a number of shares > 0"),
    "position_share": ([50, 1.01, 0, -0.1, "50%"], r"a fraction in \(0, 1\]"),
    "gross_exposure": ([95, 4.01], r"a fraction in \(0, 4\]"),
    "daily_loss": ([3, 0], r"a fraction in \(0, 1\]"),
    "positions": ([0, 2.0, True, "3"], "a whole number ≥ 1"),
    "stale_after": ([0, 1e10, "5d"], "a number of seconds"),
    "restricted": (["GME", [1], [""], {}, ["IBM", "aapl"], ["A" * 20]], "a list of symbols in capitals"),
}


@pytest.mark.parametrize(("name", "value"), [(n, v) for n, (values, _) in REFUSED.items() for v in values])
def test_a_value_outside_its_rule_is_one_line_without_its_text(name, value):
    rule = REFUSED[name][1]
    with pytest.raises(
        BadValue, match=rf"^limit `{name}` in {FILE} must be {rule}.*; write it like "
    ) as told:
        said_limits({name: value}, FILE)
    assert "\n" not in str(told.value)
    if isinstance(value, str) and name != "restricted":
        assert "was text; " in str(told.value)


@pytest.mark.parametrize(
    ("told", "was"), [("aapl", "'aapl'"), ("brk.b", "'brk.b'"), ("PK" * 10, "something else")]
)
def test_a_restricted_name_that_no_symbol_is_written_like_is_refused(told, was):
    """The door compares letter by letter: "aapl" would have restricted nothing."""
    with pytest.raises(BadValue) as refused:
        said_limits({"restricted": ["IBM", told]}, FILE)
    assert str(refused.value) == (
        f"limit `restricted` in {FILE} must be a list of symbols in capitals, was or held {was}; "
        'write it like restricted = ["GME", "BRK.B"]'
    )


@pytest.mark.parametrize(
    ("name", "remedy"),
    [("order_notionl", "did you mean 'order_notional'"), ("hosts", ""), ("allow_short", ""), ("secret", "")],
)
def test_a_limit_that_there_is_not(name, remedy):
    with pytest.raises(UnknownName, match=rf"^unknown limit in {FILE} '{name}'; {remedy}") as told:
        said_limits({"positions": 3, name: "canary-value"}, FILE)
    assert "canary-value" not in str(told.value)


def test_limits_go_through_text_and_back():
    rules = Run(123_456.78, 0.95 / 7, 7, daily=True).defaults()
    assert rules_of_text(text_of_rules(rules)) == rules
    some = replace(rules, restricted=frozenset({"IBM", "BRK.B"}))
    assert text_of_rules(some)["restricted"] == "BRK.B, IBM"
    assert rules_of_text(text_of_rules(some)) == some
    for name in text_of_rules(rules):
        known = text_of_rules(rules)
        assert rules_of_text(known | {name: "x"}) is None
        del known[name]
        assert rules_of_text(known) is None


def test_the_docs_name_every_limit_and_where_to_set_it():
    table = (
        (ROOT / "docs" / "risk.md").read_text().partition("## The limits of a run")[2].partition("\n## ")[0]
    )
    rows = [row.split(" | ") for row in table.splitlines() if row.startswith("| ")]
    told = {row[1].partition("`")[2].partition("`")[0]: row[3].rstrip(" |") for row in rows if "`" in row[1]}
    assert set(told) == set(KEYS)
    three = text_of_rules(Run(100_000.0, 0.95 / 3, 3, daily=True).defaults())
    assert (three.pop("restricted"), told["restricted"]) == ("", "none")
    for name, value in three.items():
        number = told[name].removesuffix(" USD").replace(",", "")
        assert float(number) == pytest.approx(float(value), abs=0.001), name


def test_the_file_in_the_docs_can_be_read(tmp_path):
    text = (ROOT / "docs" / "live.md").read_text()
    example = text.partition("```toml\n")[2].partition("```")[0]
    file = tmp_path / "alpaca.toml"
    file.write_text(example)
    file.chmod(0o600)
    assert set(said_limits(limits_told(file), file)) == {"order_notional", "daily_loss", "restricted"}
    assert access(live=True, environment={"ONEPATH_LIVE": "yes"}, file=file).live
    where = "/".join(settings_file().parts[-2:])
    assert where in text
    assert where in (ROOT / "README.md").read_text()
    assert "chmod 600" in text
