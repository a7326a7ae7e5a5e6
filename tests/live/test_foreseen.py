"""What the door would have said to the backtest: by the door's own checks, of the run's money of today."""

import json
from dataclasses import replace
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import numpy as np
import polars as pl
import pytest

from live.allowed import Run
from live.foreseen import asked_of, foresee
from live.risk_context import Rules
from research import run_unified_backtest
from research.data.sample import load_sample
from research.kernels import account as ac

D = Decimal
NAN = np.nan
BOTH = "by size and by the list of restricted symbols"


def test_what_was_asked_in_two_symbols_over_three_days():
    """By hand: the second symbol has no bar on the last day, on which the first is entered again."""
    decided = np.zeros((2, 4, ac.N_INTENT))
    entry = {ac.I_SIDE: 1.0, ac.I_REASON: ac.ENTERED}
    for n, t, shares in ((0, 0, 30.0), (1, 0, 4.0), (0, 3, 20.0)):
        decided[n, t, ac.I_QTY] = shares
        for column, value in entry.items():
            decided[n, t, column] = value
    decided[0, 2, [ac.I_SIDE, ac.I_REASON, ac.I_QTY]] = -1.0, ac.SIGNAL, 30.0  # an exit is no entry
    decided[0, 1:3, ac.I_HELD] = 30.0
    decided[1, 1:, ac.I_HELD] = -4.0
    run: Any = SimpleNamespace(
        decided=decided,
        equity=np.array([1000.0, 1100.0, 880.0, 1000.0]),
        panel=SimpleNamespace(
            symbols=("AAA", "BBB"),
            close=np.array([[10.0, 50.0], [11.0, 51.0], [9.0, 52.0], [8.0, NAN]]),
            bar_close=np.array(
                ["2010-01-04T15", "2010-01-04T21", "2010-01-05T21", "2010-01-06T21"], "M8[us]"
            ),
        ),
    )
    told = json.loads(asked_of(run))
    assert told["entries"] == [
        [0.3, 0.0, 0.0, 10.0, "AAA"],  # 300 of 1,000
        [0.2, 0.3, 1.0, 50.0, "BBB"],  # 200 beside the 300 that were asked for just before
        [0.16, 0.208, 1.0, 8.0, "AAA"],  # 160 beside four shorts at their last close, 52
    ]
    assert told["losses"] == [0.2]  # 1,100 at the close of the first day, 880, 1,000
    assert told["drawdown"] == 0.2


def test_what_was_asked_is_what_the_tables_of_a_backtest_say():
    bars = load_sample(["AAPL", "IBM"]).filter(pl.col("bar_close").dt.year() < 2006)
    result = run_unified_backtest(symbols=["AAPL", "IBM"], bars=bars, initial_capital=50_000.0)
    table = result.decisions.join(bars.select("bar_close", "symbol", "close"), on=["bar_close", "symbol"])
    table = table.join(result.equity, on="bar_close").sort("bar_close", "symbol")
    entries = table.filter(pl.col("intent_reason") == "entry")
    share = (entries["intent"] * entries["close"] / entries["equity"]).to_list()
    assert result.run is not None
    told = json.loads(asked_of(result.run))
    assert len(share) > 5
    assert [entry[0] for entry in told["entries"]] == pytest.approx(share, rel=1e-5)
    assert told["drawdown"] == pytest.approx(-result.stats["max_drawdown"], rel=1e-5)


ENTRIES = [[0.3, 0.0, 0, 10.0, "AAA"], [0.3, 0.3, 1, 0.5, "BBB"], [0.4, 0.65, 2, 100.0, "BBB"]]
OLD = [entry[:4] for entry in ENTRIES]  # as journals of before 2026-11-23 keep them
ASKED = json.dumps(
    {
        "entries": ENTRIES,
        "losses": [0.06, 0.04],
        "drawdown": 0.3,
    }
)
WIDE = Run(100_000.0, 0.5, 2, daily=True).defaults()  # 150,000 USD, 30,000 shares, all of the equity


SYMBOLS = ("AAA", "BBB", "CCC")
LOOSE = replace(WIDE, order_quantity=D(10**9), gross_exposure=D(2), daily_loss=D(1), drawdown=D(1))


def foreseen(money=100_000.0, equity=None, **rules):
    found = foresee(ASKED, replace(WIDE, daily_loss=D(1), drawdown=D(1), **rules), money, equity, SYMBOLS)
    assert found.entries == 3
    return found.blocked


def test_each_check_of_amounts_is_the_doors():
    loose = {"gross_exposure": D(2), "order_quantity": D(10**9)}
    assert foreseen(**loose) == {}
    assert foreseen(gross_exposure=D(2)) == {"order quantity": 1}  # 60,000 at 0.50
    assert foreseen(**loose, order_notional=D(30_000)) == {"order notional": 1}
    assert foreseen(**loose, position_notional=D(29_999)) == {"position notional": 3}
    assert foreseen(**loose, position_share=D("0.3")) == {"position share": 1}
    assert foreseen(order_quantity=D(10**9)) == {"gross exposure": 1}  # 0.4 beside 0.65
    assert foreseen(**loose, positions=2) == {"positions": 1}
    tight = {"order_notional": D(30_000), "order_quantity": D(59_999)}
    assert foreseen(**tight) == {"order notional": 1, "order quantity": 1}


def test_shares_are_of_the_account_and_dollars_of_the_runs_own_money():
    loose = {"order_quantity": D(10**9)}
    assert foreseen(equity=D(200_000), **loose) == {}  # 1.05 of the half of it
    assert foreseen(equity=D(90_000), **loose) == {"gross exposure": 1}  # lost since: not below the run's own
    assert foreseen(money=10_000.0, **loose, order_notional=D(3_000)) == {"order notional": 1}


def listed(entries, *restricted, symbols=SYMBOLS, **options):
    asked = json.dumps({"entries": entries, "losses": [], "drawdown": 0.0})
    rules = replace(LOOSE, restricted=frozenset(restricted))
    return foresee(asked, rules, 100_000.0, None, symbols, **options)


def test_entries_of_restricted_symbols_are_counted():
    assert listed(ENTRIES, "BBB").blocked == {"restricted": 2}
    assert listed(ENTRIES, "AAA", "BBB").blocked == {"restricted": 3}
    assert listed(ENTRIES, "CCC", "ZZZ").blocked == {}
    assert str(listed(ENTRIES, "AAA")) == "would have blocked 1 of the backtest's 3 entries (restricted 1)"


def test_bars_that_are_always_too_old_block_what_the_list_lets_pass():
    assert listed(ENTRIES, stale=True).blocked == {"stale bar": 3}
    assert listed(ENTRIES, "AAA", stale=True).blocked == {"stale bar": 2, "restricted": 1}


def test_a_journal_that_does_not_keep_whose_the_entries_were_is_read():
    """Where all of a run's symbols are restricted, or none, that does not matter; else it is said."""
    assert (
        str(listed(OLD))
        == str(listed(ENTRIES))
        == f"would have let pass all 3 entries of the backtest {BOTH}"
    )
    assert str(listed(OLD, "ZZZ")) == str(listed(OLD))
    assert listed(OLD, "AAA", symbols=("AAA",)).blocked == {"restricted": 3}
    assert listed(OLD, *SYMBOLS).blocked == {"restricted": 3}
    some = listed(OLD, "BBB", "CCC")
    assert (some.blocked, some.nameless) == ({}, ("BBB", "CCC"))
    assert str(some) == (
        "would have let pass all 3 entries of the backtest by size; those of BBB, CCC are restricted; this "
        "older journal does not keep how many they were"
    )
    assert listed(ENTRIES, "BBB").nameless == ()


def test_losses_that_would_have_latched_are_told():
    rules = replace(WIDE, order_quantity=D(10**9), gross_exposure=D(2))
    found = foresee(ASKED, rules, 100_000.0, None, SYMBOLS)
    assert found.latched == {"daily loss": 1, "drawdown": 1}
    assert str(found) == (
        "would have let pass all 3 entries of the backtest by size and by the list of restricted symbols; "
        "daily loss would have latched on 1 day; drawdown would have latched"
    )
    # At an account four times as large the same loss is a fourth.
    assert foresee(ASKED, rules, 100_000.0, D(400_000), SYMBOLS).latched == {}


def test_the_audits_case():
    """One symbol and 100,000 USD: the old limits would have blocked most, those of today none."""
    result = run_unified_backtest("IBM", strategy="ma_crossover")
    assert result.run is not None
    asked = asked_of(result.run)
    old = foresee(asked, replace(Rules(), daily_loss=D(1)), 100_000.0, D(100_000), ["IBM"])
    assert str(old) == "would have blocked 21 of the backtest's 25 entries (order notional 21)"
    new = foresee(asked, Run(100_000.0, 0.95, 1, daily=True).defaults(), 100_000.0, D(100_000), ["IBM"])
    assert str(new) == f"would have let pass all 25 entries of the backtest {BOTH}"
    none = foresee(asked, replace(Rules(), restricted=frozenset({"IBM"})), 100_000.0, None, ["IBM"])
    assert none.blocked == {"restricted": 25}
