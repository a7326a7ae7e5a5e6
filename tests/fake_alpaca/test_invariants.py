"""Whatever is asked of the broker, its books balance: random orders, cancels, replacements and faults."""

from contextlib import suppress
from datetime import timedelta

import numpy as np
import pytest

from tests.fake_alpaca import FakeAlpaca, Settings
from tests.fake_alpaca.desk import close_position, replace
from tests.fake_alpaca.order import CLOSED
from tests.fake_alpaca.settings import Refused
from tests.fake_alpaca.worlds import at, daily, placed, week

DAYS = 60
SEEDS = range(2)


def market(rng):
    """Return two random daily symbols."""
    close = np.round(50 * np.exp(np.cumsum(rng.normal(0, 0.03, (2, DAYS)), axis=1)), 2)
    open_ = np.round(close * np.exp(rng.normal(0, 0.02, close.shape)), 2)
    high = np.round(np.maximum(open_, close) * 1.02, 2)
    low = np.round(np.minimum(open_, close) * 0.98, 2)
    rows = [list(zip(open_[k], high[k], low[k], close[k], strict=True)) for k in range(2)]
    return {"AAA": rows[0], "BBB": rows[1]}


def act(fake, rng):
    """Ask for something at random; a refusal is an answer too."""
    symbol = str(rng.choice(["AAA", "BBB"]))
    mark = fake.exchange.account.marks.get(symbol, 50.0)
    near = [round(mark * f, 2) for f in rng.normal(1.0, 0.03, 2)]
    side, qty = str(rng.choice(["buy", "sell"])), int(rng.integers(1, 40))
    tif = str(rng.choice(["day", "gtc"]))
    orders = fake.exchange.book.open
    one = orders[int(rng.integers(len(orders)))] if orders else None
    levels = {
        "take_profit": {"limit_price": round(mark * 1.04, 2)},
        "stop_loss": {"stop_price": round(mark * 0.97, 2)},
    }
    choices = [
        lambda: placed(fake, symbol, qty, side, time_in_force=str(rng.choice(["day", "opg", "cls", "ioc"]))),
        lambda: placed(fake, symbol, qty, side, "limit", tif, limit_price=near[0]),
        lambda: placed(fake, symbol, qty, side, "stop", tif, stop_price=near[0]),
        lambda: placed(fake, symbol, qty, side, "stop_limit", tif, stop_price=near[0], limit_price=near[1]),
        lambda: placed(fake, symbol, qty, side, "trailing_stop", tif, trail_percent=3),
        lambda: placed(fake, symbol, qty, "buy", "market", tif, order_class="bracket", **levels),
        lambda: placed(fake, symbol, qty, "sell", "limit", "gtc", order_class="oco", **levels),
        lambda: placed(fake, symbol, qty / 8, side),
        lambda: one and fake.exchange.cancel(one),
        lambda: one and fake.exchange.activate(replace(fake.exchange, one, {"qty": qty})),
        lambda: one and fake.exchange.activate(replace(fake.exchange, one, {"stop_price": near[1]})),
        lambda: fake.exchange.activate(close_position(fake.exchange, symbol)),
        lambda: fake.tick(symbol, near[0]),
    ]
    with suppress(Refused):
        choices[int(rng.integers(len(choices)))]()


def balance(fake, settings):
    """Assert that cash and positions are exactly what was executed, and that nobody got more than asked."""
    account = fake.exchange.account
    cash, held = settings.cash, dict.fromkeys(("AAA", "BBB"), 0.0)
    filled: dict = {}
    for done in account.executions:
        value = done.order.sign * done.qty * done.price
        cash -= value + abs(value) * settings.commission
        held[done.order.symbol] += done.order.sign * done.qty
        filled[done.order.id] = filled.get(done.order.id, 0.0) + done.qty
        assert done.qty > 0
    assert account.cash == pytest.approx(cash)
    assert all(fake.positions().get(s, 0.0) == pytest.approx(q, abs=1e-9) for s, q in held.items())
    assert min(held.values()) > -1e-9, "a cash account went short"
    for order in fake.orders():
        assert order.filled_qty == pytest.approx(filled.get(order.id, 0.0))
        assert order.filled_qty <= order.qty + 1e-9
        assert (order.status == "filled") == (order.remaining == 0.0)
        if order.replaced_by:
            assert order.status == "replaced"
        for twin in order.siblings:
            assert not (order.status == twin.status == "filled"), "both of a pair filled"


@pytest.mark.parametrize("seed", SEEDS)
def test_the_books_balance(seed):
    rng = np.random.default_rng(seed)
    calendar = week(weeks=DAYS // 5)
    settings = Settings(cash=20_000.0, slippage=0.001, commission=0.001, cancel_delay=3600.0 * (seed % 2))
    with FakeAlpaca(
        daily(calendar, span=2 * DAYS, **market(rng)),
        start=at(0, "08:00"),
        calendar=calendar,
        settings=settings,
    ) as fake:
        fake.script.random.seed(seed)
        fake.fault("fill", "partial", times=0, chance=0.2, portions=[0.3, 0.0, 0.5])
        fake.fault("fill", "partial_then_cancel", times=0, chance=0.05)
        fake.fault("order", "reject", times=0, chance=0.03)
        fake.fault("order", "stick", times=0, chance=0.02, status="pending_review")
        ended: dict = {}
        for hour in range(24 * 6):
            for _ in range(int(rng.integers(0, 4))):
                act(fake, rng)
            fake.advance_to(at(0, "08:00") + timedelta(hours=6 * hour))
            balance(fake, settings)
            for order in fake.orders():
                now = (order.status, order.filled_qty)
                assert ended.setdefault(order.id, now) == now, "an order changed after its end"
                if order.status not in CLOSED:
                    del ended[order.id]
        assert len(fake.exchange.account.executions) > 30
