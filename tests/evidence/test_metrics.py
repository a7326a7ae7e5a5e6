"""Metrics against figures worked by hand; vectorbt's own are compared in tests/simulation."""

import math

import numpy as np
import polars as pl
import pytest

from research.evidence.metrics import drawdown, equity_stats, trade_stats


def test_by_hand():
    # 100 -> 110 -> 99 -> 108.9: returns +10 %, -10 %, +10 %
    stats = equity_stats(np.array([110.0, 99.0, 108.9]), 100.0, 12.0)
    mean, std = 0.1 / 3, math.sqrt(((0.1 - 0.1 / 3) ** 2 * 2 + (-0.1 - 0.1 / 3) ** 2) / 2)
    assert stats["total_return"] == pytest.approx(0.089, rel=1e-12)
    assert stats["annual_return"] == pytest.approx(1.089**4 - 1, rel=1e-12)
    assert stats["volatility"] == pytest.approx(std * math.sqrt(12), rel=1e-12)
    assert stats["sharpe_ratio"] == pytest.approx(mean / std * math.sqrt(12), rel=1e-12)
    assert stats["sortino_ratio"] == pytest.approx(
        mean * 12 / (math.sqrt(0.01 / 3) * math.sqrt(12)), rel=1e-12
    )
    assert stats["max_drawdown"] == pytest.approx(-0.1, rel=1e-12)
    assert stats["calmar_ratio"] == pytest.approx((1.089**4 - 1) / 0.1, rel=1e-12)
    assert stats["max_drawdown_bars"] == 2


def test_drawdown_counts_from_the_initial_capital():
    assert equity_stats(np.array([90.0, 95.0]), 100.0, 252.0)["max_drawdown"] == pytest.approx(-0.1)
    assert drawdown(np.array([1.0, 2.0, 1.0, 4.0])).tolist() == [0.0, 0.0, -0.5, 0.0]


def test_longest_drawdown_is_the_longest_not_the_deepest():
    equity = np.array([100, 50, 101, 100, 100, 100, 102, 101], dtype=float)
    assert equity_stats(equity, 100.0, 252.0)["max_drawdown_bars"] == 3


def test_what_cannot_be_said_is_nan():
    flat = equity_stats(np.full(5, 100.0), 100.0, 252.0)
    assert flat["total_return"] == 0.0
    assert flat["volatility"] == 0.0
    assert all(math.isnan(flat[k]) for k in ("sharpe_ratio", "sortino_ratio", "calmar_ratio"))
    none = trade_stats(trades([]), 365.25)
    assert none["trades"] == 0
    assert none["trades_per_month"] == 0
    assert all(math.isnan(none[k]) for k in ("win_rate", "profit_factor", "expectancy", "average_trade"))


def trades(rows):
    schema = {"status": pl.String, "pnl": pl.Float64, "return": pl.Float64, "bars_held": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def test_trades_by_hand():
    table = trades(
        [
            ("closed", 30.0, 0.03, 4),
            ("closed", -10.0, -0.01, 2),
            ("closed", -5.0, -0.02, 6),
            ("open", 99.0, 0.5, 1),
        ]
    )
    stats = trade_stats(table, 365.25 / 6)  # two months
    assert stats["trades"] == 3
    assert stats["open_trades"] == 1
    assert stats["trades_per_month"] == pytest.approx(2.0)
    assert stats["win_rate"] == pytest.approx(1 / 3)
    assert stats["profit_factor"] == pytest.approx(2.0)
    assert stats["expectancy"] == pytest.approx(5.0)
    assert stats["average_trade"] == pytest.approx(0.0, abs=1e-15)
    assert stats["average_bars_held"] == pytest.approx(4.0)


def test_only_wins_has_no_profit_factor():
    assert math.isnan(trade_stats(trades([("closed", 1.0, 0.1, 1)]), 30.0)["profit_factor"])


def test_a_short_span_or_a_ruined_account_has_no_annual_figure():
    minutes = equity_stats(np.array([100.0 * 1.02**i for i in range(1, 9)]), 100.0, 98_280.0)
    assert math.isnan(minutes["annual_return"])
    assert math.isnan(minutes["calmar_ratio"])
    assert minutes["total_return"] == pytest.approx(1.02**8 - 1)
    assert math.isnan(minutes["sharpe_ratio"])  # equal returns: their spread is rounding
    ruined = equity_stats(np.array([-50.0, -25.0]), 100.0, 12.0)
    assert ruined["total_return"] == -1.25
    assert all(
        math.isnan(ruined[k]) for k in ("annual_return", "sharpe_ratio", "sortino_ratio", "volatility")
    )
