"""The simulated broker is the backtest's own step: same fills, same account, to the bit."""

import numpy as np
import pytest

from live.broker import SimulatedBroker
from research.data import load_sample, to_panel
from research.engine import UnifiedTradingEngine
from research.execution import Execution
from research.kernels.account import O_REASON, REASON_NAMES

SHORTS = {"allow_short": 1, "target_atr": 2.0, "trail_atr": 2.5, "time_limit": 15, "max_weight": 0.5}
CASES = {
    "adaptive_momentum": ("adaptive_momentum", {}, Execution()),
    "ma_crossover": ("ma_crossover", {"stop": 0.05, "target": 0.1}, Execution(slippage=0.0, dividends=False)),
    "everything": ("adaptive_momentum", SHORTS, Execution(allow_short=True, fractional=True)),
}


@pytest.mark.parametrize("case", CASES)
def test_bar_by_bar_through_the_broker_is_one_scan(case):
    strategy, params, execution = CASES[case]
    panel = to_panel(load_sample(), ["AAPL", "GOOG", "IBM", "MSFT"])[:1800]
    one, many = (
        UnifiedTradingEngine(strategy, symbols=panel.symbols, params=params, execution=execution)
        for _ in range(2)
    )
    whole = one.advance(panel)
    broker = SimulatedBroker()
    parts = [many.advance(panel[t : t + 1], fill=broker.fill) for t in range(len(panel))]
    assert len(whole.orders) > 20
    reasons = {REASON_NAMES[int(r)] for r in whole.orders[:, O_REASON]}
    if case == "everything":
        assert reasons == {"entry", "signal", "stop", "target", "trail", "time"} - (
            {"stop"} if "stop" not in reasons else set()
        )
    np.testing.assert_array_equal(whole.orders, np.concatenate([p.orders for p in parts]))
    for name in ("equity", "cash", "exposure"):
        np.testing.assert_array_equal(getattr(whole, name), np.concatenate([getattr(p, name) for p in parts]))
    for name in ("decided", "gates", "signals", "features"):
        axis = 1 if name in {"decided", "gates"} else 2
        np.testing.assert_array_equal(
            getattr(whole, name), np.concatenate([getattr(p, name) for p in parts], axis=axis)
        )
    for a, b in zip(one.account, many.account, strict=True):
        np.testing.assert_array_equal(a, b)
    assert one.snapshot() == many.snapshot()
