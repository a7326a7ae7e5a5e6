"""What the tests of the risk door share: a world in which all is well, and one thing changed in it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from live.risk import Admitted, Door
from live.risk_context import Asset, Context, Purpose, Quote, Resting, Rules, Session, Wanted

D = Decimal
NOW = datetime(2026, 11, 20, 15, tzinfo=UTC)
SECOND = timedelta(seconds=1)
GOOD = Asset(active=True, tradable=True, shortable=True, fractionable=True)
RULES = Rules(
    order_quantity=D(100), order_notional=D(9000), position_notional=D(20000), position_share=D("0.25"),
    gross_exposure=D("0.8"), positions=3, open_orders=4, orders_per_minute=5, orders_per_day=8,
    daily_loss=D("0.02"), drawdown=D("0.1"), collar=D("0.05"), stale_after=timedelta(hours=1),
)  # fmt: skip
WORLD = Context(
    now=NOW, mode="paper", host="paper-api.alpaca.markets", prefix="XX-", equity=D(100000),
    day_equity=D(100000), peak_equity=D(100000), buying_power=D(100000), shorting=True,
    clock_skew=timedelta(0), session=Session(True),
    quotes={name: Quote(D(100), NOW, D(100)) for name in ("IBM", "KO", "GE", "MO", "BA")},
    assets=dict.fromkeys(("IBM", "KO", "GE", "MO", "BA"), GOOD),
)  # fmt: skip
ENTRY = Wanted("XX-1", "IBM", 1, D(10), Purpose.ENTER)
EXIT = Wanted("XX-1", "IBM", -1, D(10), Purpose.EXIT)
PROTECT = Wanted("XX-1", "IBM", -1, D(10), Purpose.PROTECT, "gtc", D(120), D(90))
FLATTEN = Wanted("XX-1", "IBM", -1, D(10), Purpose.FLATTEN)
HOLDING = replace(WORLD, positions={"IBM": D(10)})


def resting(name="XX-0", symbol="IBM", side=1, remaining=10, purpose=Purpose.ENTER, **more):
    return Resting(name, symbol, side, D(remaining), purpose, **more)


def blocked(wanted=ENTRY, world=WORLD, rules=RULES, **changes):
    """Return the check that blocks an order in a changed world; "" if it is admitted."""
    said = Door(rules).check(wanted, replace(world, **changes))
    if isinstance(said, Admitted):
        assert said.order is wanted
        return ""
    return said.check
