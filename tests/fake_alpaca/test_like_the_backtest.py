"""The fake fills as the backtest does: the same orders over random bars, each price to the bit."""

from datetime import timedelta

import numpy as np
import pytest

from research.execution import Execution
from research.kernels import account as ac
from research.kernels import signals as sg
from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.worlds import MONDAY, daily, placed, week
from tests.kernels.broker_cases import Bars, run

T = 240


def market(seed):
    """Return random daily bars in cents, often gapping, and the signals of somebody who trades a lot."""
    rng = np.random.default_rng(seed)
    close = np.round(100 * np.exp(np.cumsum(rng.normal(0, 0.02, T))), 2)
    open_ = np.round(np.concatenate([[100.0], close[:-1]]) * np.exp(rng.normal(0, 0.01, T)), 2)
    high = np.round(np.maximum(open_, close) * (1 + rng.exponential(0.01, T)), 2)
    low = np.round(np.minimum(open_, close) * (1 - rng.exponential(0.01, T)), 2)
    signals = np.full((sg.N_SIGNALS, 1, T), np.nan)
    signals[sg.ENTRY] = rng.random(T) < 0.3
    signals[sg.EXIT] = (rng.random(T) < 0.1) & (signals[sg.ENTRY] == 0)
    signals[sg.GATE] = 0.0
    signals[sg.WEIGHT] = 0.5
    signals[sg.STOP], signals[sg.TARGET] = 0.03, 0.05
    return (open_, high, low, close), signals


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_same_fills_same_cash(seed):
    prices, signals = market(seed)
    ones, zeros = np.ones((1, T)), np.zeros((1, T))
    o, h, lo, c = (np.ascontiguousarray(p[None, :]) for p in prices)
    wanted = run(
        Bars(o, h, lo, c, ones, zeros), signals, Execution(slippage=0.001, commission=0.002), cash=1e5
    )
    calendar = week(weeks=T // 5)
    sessions = calendar.between(MONDAY, MONDAY + timedelta(days=3 * T))
    settings = Settings(slippage=0.001, commission=0.002)
    bars = daily(calendar, span=3 * T, AAA=list(zip(*prices, strict=True)))
    by_bar: dict = {}
    for order in wanted.orders:
        by_bar.setdefault(int(order[ac.O_BAR]), []).append(order)

    with FakeAlpaca(
        bars, start=sessions[0].open - timedelta(hours=1), calendar=calendar, settings=settings
    ) as fake:
        for bar, session in enumerate(sessions):
            orders = by_bar.get(bar, [])
            for order in orders:  # what was decided at the last close
                if int(order[ac.O_REASON]) == ac.SIGNAL:
                    for resting in fake.exchange.book.open:
                        fake.exchange.finish(resting, "canceled")
                    placed(fake, qty=order[ac.O_QTY], side="sell")
                elif int(order[ac.O_REASON]) == ac.ENTERED:
                    placed(fake, qty=order[ac.O_QTY])
            fake.advance_to(session.open)
            if any(int(order[ac.O_REASON]) == ac.ENTERED for order in orders):
                protect(fake)
            fake.advance_to(session.close)
        got = [(e.time.date(), e.order.sign, e.qty, e.price) for e in fake.exchange.account.executions]
        cash = fake.exchange.account.cash
    assert got == [
        (sessions[int(o[ac.O_BAR])].date, o[ac.O_SIDE], o[ac.O_QTY], o[ac.O_PRICE]) for o in wanted.orders
    ]
    assert len(got) > 40
    assert {ac.STOP, ac.TARGET, ac.SIGNAL} <= {int(o[ac.O_REASON]) for o in wanted.orders}
    assert cash == pytest.approx(wanted.cash[-1], rel=1e-12)


def protect(fake):
    """Rest a stop and a target at the exact levels, finer than the cents that the order desk takes."""
    price = fake.exchange.account.executions[-1].price
    qty = fake.positions()["AAA"]
    make = fake.exchange.book.make
    shared = {"symbol": "AAA", "side": "sell", "qty": qty, "order_class": "oco", "time_in_force": "gtc"}
    now, claim = fake.exchange.now, fake.exchange.book.claim
    target = make(now, claim(None), type="limit", limit_price=price * 1.05, status="new", **shared)
    stop = make(now, claim(None), type="stop", stop_price=price * (1 - 0.03), status="held", **shared)
    target.legs, target.siblings, stop.siblings, stop.parent = [stop], [stop], [target], target
