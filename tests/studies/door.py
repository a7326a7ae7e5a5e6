"""Random orders at the risk door: none that is admitted may break a limit, and asking must be quick.

A market and an account wander at random: prices move and go missing, orders fill, are
cancelled or fall into doubt, bars grow old, the session ends, losses come. At each step
an order is wanted, often a wrong one, often one that lies just at a limit. What the
door admits is audited by other code, in whole cents and shares, with everything that is
open taken at its worst; what it blocks is counted by check.

``python -m tests.studies door --orders 100000 --seed 1``
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from time import perf_counter_ns, thread_time_ns

from live.risk import Admitted, Door
from live.risk_context import Asset, Context, Purpose, Quote, Resting, Rules, Session, Wanted

SYMBOLS = ("AAPL", "GE", "IBM", "KO", "MO", "XOM")
HOSTS = {"paper": "paper-api.alpaca.markets", "live": "api.alpaca.markets"}
# The limits once more in whole numbers, so that the audit shares nothing with the door.
MOST_SHARES, MOST_ORDER, MOST_POSITION = 400, 3_000_000, 4_000_000  # cents
SHARE, GROSS, LOSS, DRAWDOWN, COLLAR = 3000, 8000, 300, 1000, 500  # of 10,000
POSITIONS, OPEN, MINUTE, DAY = 4, 4, 3, 900
STALE, SKEW = 3600, 2  # seconds
RULES = Rules(
    restricted=frozenset({"MO"}), order_quantity=Decimal(400), order_notional=Decimal(30_000),
    position_notional=Decimal(40_000), position_share=Decimal("0.3"), gross_exposure=Decimal("0.8"),
    positions=4, open_orders=4, orders_per_minute=3, orders_per_day=900, daily_loss=Decimal("0.03"),
    drawdown=Decimal("0.1"), collar=Decimal("0.05"), stale_after=timedelta(hours=1),
    clock_skew=timedelta(seconds=2), allow_short=True,
)  # fmt: skip
START = datetime(2026, 11, 20, 15, tzinfo=UTC)


@dataclass
class World:
    """The account in cents, shares and seconds."""

    now: int = 0
    equity: int = 10_000_000
    day: int = 10_000_000
    peak: int = 10_000_000
    power: int = 10_000_000
    price: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, 10_000))
    before: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, 10_000))
    seen: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, 0))
    held: dict[str, int] = field(default_factory=lambda: dict.fromkeys(SYMBOLS, 0))
    open: dict[str, tuple[str, int, int, Purpose, bool]] = field(default_factory=dict)
    sent: list[int] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    is_open: bool = True
    killed: bool = False
    latched: bool = False
    skew: int = 0
    mode: str = "paper"
    host: str = HOSTS["paper"]
    tradable: bool = True


@dataclass(frozen=True)
class Found:
    """What a study found: asked, admitted, breaches by rule, blocks by check, 99th percentiles in ms."""

    asked: int
    admitted: int
    breaches: Counter[str]
    blocked: Counter[str]
    p99: float  # by the clock
    p99_busy: float  # of processor time


def usd(cents: int) -> Decimal:
    return Decimal(cents) / 100


def context_of(w: World) -> Context:
    """Tell the door of the world as the runner would."""
    at = {s: START + timedelta(seconds=w.seen[s]) for s in SYMBOLS}
    return Context(
        now=START + timedelta(seconds=w.now), mode=w.mode, host=w.host, prefix="XX-", equity=usd(w.equity),
        day_equity=usd(w.day), peak_equity=usd(w.peak), buying_power=usd(w.power), shorting=True,
        clock_skew=timedelta(seconds=w.skew), session=Session(w.is_open),
        positions={s: Decimal(q) for s, q in w.held.items() if q},
        quotes={s: Quote(usd(w.price[s]), at[s], usd(w.before[s])) for s in SYMBOLS if w.price[s]},
        assets=dict.fromkeys(SYMBOLS, Asset(True, w.tradable, True, False)),
        resting=[Resting(i, s, side, Decimal(q), p, d) for i, (s, side, q, p, d) in w.open.items()],
        used_ids=w.used, sent_at=[START + timedelta(seconds=t) for t in w.sent],
        latched={"daily loss": "hit"} if w.latched else {}, killed=w.killed,
    )  # fmt: skip


def stir(w: World, draw: random.Random) -> None:
    """Let the world go on."""
    w.now += draw.choice((0, 1, 5, 20, 60))
    w.sent = [t for t in w.sent if t > w.now - 90_000]
    symbol = draw.choice(SYMBOLS)
    w.before[symbol] = w.price[symbol] or w.before[symbol]
    moved = draw.choice((0.94, 1.06)) if draw.random() < 0.03 else draw.uniform(0.96, 1.042)
    w.price[symbol] = 0 if draw.random() < 0.01 else int(w.before[symbol] * moved)

    if not 1000 < w.before[symbol] < 60_000:  # wandered off
        w.before[symbol] = w.price[symbol] = 10_000
    w.seen.update(dict.fromkeys(SYMBOLS, w.now))
    if draw.random() < 0.1:
        w.seen[draw.choice(SYMBOLS)] -= STALE + draw.choice((-1, 0, 1))
    w.is_open, w.killed = draw.random() < 0.97, draw.random() < 0.02
    w.latched, w.tradable = draw.random() < 0.02, draw.random() < 0.98
    w.skew = draw.choice((0,) * 20 + (-2, 2, 3, -3))
    w.mode, w.host = draw.choice(
        (("paper", HOSTS["paper"]),) * 30 + (("paper", HOSTS["live"]), ("live", HOSTS["live"]))
    )
    w.equity = int(w.day * draw.uniform(0.967, 1.02))
    w.peak = int(w.equity * draw.choice((1, 1, 1, 1.1, 1.12)))
    w.power = draw.randint(0, 2 * w.equity)
    if draw.random() < 0.01:
        w.day = w.peak = draw.randint(5_000_000, 15_000_000)
        w.equity = w.day
    for name in draw.sample(sorted(w.open), min(2, len(w.open))):
        symbol, side, quantity, purpose, _ = w.open.pop(name)
        done = draw.choice((0, quantity, quantity // 2))
        w.held[symbol] += side * done
        if draw.random() < 0.3 and quantity > done:  # the rest stays, perhaps in doubt
            w.open[name] = (symbol, side, quantity - done, purpose, draw.random() < 0.1)


def want(w: World, draw: random.Random, number: int) -> Wanted:
    """Want an order: mostly a sound one, often at the edge, sometimes nonsense."""
    symbol = draw.choice(SYMBOLS)
    purpose = draw.choice((Purpose.ENTER,) * 5 + (Purpose.EXIT, Purpose.PROTECT, Purpose.FLATTEN))
    held, price = w.held[symbol], w.price[symbol] or 10_000
    side = (1 if held > 0 else -1 if held < 0 else draw.choice((1, 1, -1))) * (
        1 if purpose is Purpose.ENTER else -1
    )
    side *= draw.choice((1,) * 30 + (-1,))
    edge = draw.choice(
        (MOST_SHARES, MOST_ORDER // price, MOST_POSITION // price - abs(held), w.power // price, abs(held))
    )
    least = abs(held) if purpose is not Purpose.ENTER else edge
    shares = draw.choice((least - 1, least, least, least + 1, *(draw.randint(1, 200) for _ in range(4))))
    shares = max(shares, draw.choice((1,) * 40 + (-1, 0)))
    quantity = draw.choice(
        (Decimal(shares),) * 40 + (Decimal("NaN"), Decimal(-1), Decimal("0.5"), Decimal("1e15"))
    )
    limit = None
    if draw.random() < 0.3:
        limit = usd(int(price * draw.choice((0.949, 0.95, 1, 1.05, 1.051))) + draw.choice((-1, 0, 1)))
    count = number if draw.random() < 0.98 else draw.randint(0, number)
    name = f"{draw.choice(('XX-',) * 50 + ('YY-',))}{count}"
    instead = draw.choice(sorted(w.open)) if w.open and draw.random() < 0.05 else ""
    return Wanted(name, symbol, side, quantity, purpose, draw.choice(("day", "gtc")), limit, None, instead)


def breaches(w: World, a: Wanted) -> list[str]:
    """Say which limits an admitted order breaks, in whole numbers."""
    if not a.quantity.is_finite() or a.quantity != int(a.quantity) or a.quantity < 1:
        return ["quantity"]
    shares, price = int(a.quantity), w.price[a.symbol]
    cents = max(price, int(a.limit * 100) if a.limit else 0)
    others = {i: o for i, o in w.open.items() if i != a.replaces}
    entering = a.purpose is Purpose.ENTER
    found = {
        "id": a.client_id in w.used or not a.client_id.startswith("XX-"),
        "host": HOSTS.get(w.mode) != w.host,
        "limit off the tick": a.limit is not None and (a.limit <= 0 or (a.limit * 100) % 1 != 0),
    }
    if a.purpose is not Purpose.FLATTEN:
        found |= {
            "killed": w.killed, "untradable": not w.tradable,
            "minute": sum(t > w.now - 60 for t in w.sent) >= MINUTE,
            "doubt": any(o[0] == a.symbol and o[4] for o in w.open.values()),
            "twice": any(o[0] == a.symbol and o[1] == a.side and o[3] is a.purpose for o in others.values()),
            "wash": any(o[0] == a.symbol and o[1] != a.side for o in others.values()),
            "closed": not w.is_open and not (a.purpose is Purpose.PROTECT and a.time_in_force == "gtc"),
        }  # fmt: skip
    if a.purpose in {Purpose.ENTER, Purpose.EXIT} and a.limit is not None:
        found["collar"] = abs(int(a.limit * 100) - price) * 10_000 > COLLAR * price
    if not entering:
        leaving = sum(o[2] for o in others.values() if o[0] == a.symbol and o[1] == a.side)
        found["turns over"] = shares + leaving > -w.held[a.symbol] * a.side
        return [name for name, broken in found.items() if broken]
    worst = {}
    for s in SYMBOLS:
        up, down = (
            sum(o[2] for o in w.open.values() if o[0] == s and o[1] == d and o[3] is Purpose.ENTER)
            for d in (1, -1)
        )
        if s == a.symbol:
            up, down = up + shares * (a.side > 0), down + shares * (a.side < 0)
        worst[s] = max(abs(w.held[s]), abs(w.held[s] + up), abs(w.held[s] - down))
    value = {s: q * (cents if s == a.symbol else w.price[s]) for s, q in worst.items()}
    found |= {
        "no price": any(worst[s] and not w.price[s] for s in SYMBOLS), "shares": shares > MOST_SHARES,
        "order": shares * cents > MOST_ORDER, "position": value[a.symbol] > MOST_POSITION,
        "share": value[a.symbol] * 10_000 > SHARE * w.equity,
        "gross": sum(value.values()) * 10_000 > GROSS * w.equity,
        "positions": sum(q > 0 for q in worst.values()) > POSITIONS, "power": shares * cents > w.power,
        "open": len(others) >= OPEN, "day": sum(t > w.now - 86_400 for t in w.sent) >= DAY,
        "loss": (w.day - w.equity) * 10_000 > LOSS * w.day,
        "drawdown": (w.peak - w.equity) * 10_000 > DRAWDOWN * w.peak,
        "latched": w.latched, "restricted": a.symbol == "MO", "stale": w.now - w.seen[a.symbol] > STALE,
        "skew": abs(w.skew) > SKEW, "against": w.held[a.symbol] * a.side < 0,
        "jump": abs(price - w.before[a.symbol]) * 10_000 > COLLAR * w.before[a.symbol],
    }  # fmt: skip
    return [name for name, broken in found.items() if broken]


def study(orders: int, seed: int) -> Found:
    """Ask the door `orders` times."""
    draw, w, door = random.Random(seed), World(), Door(RULES)
    broken: Counter[str] = Counter()
    blocked: Counter[str] = Counter()
    admitted = 0
    spent: list[int] = []
    busy: list[int] = []
    for number in range(orders):
        stir(w, draw)
        wanted, context = want(w, draw, number), context_of(w)
        began, began_busy = perf_counter_ns(), thread_time_ns()
        said = door.check(wanted, context)
        busy.append(thread_time_ns() - began_busy)
        spent.append(perf_counter_ns() - began)
        if not isinstance(said, Admitted):
            blocked[said.check] += 1
            continue
        admitted += 1
        broken.update(breaches(w, wanted))
        w.open.pop(wanted.replaces, None)
        w.used.add(wanted.client_id)
        w.sent.append(w.now)
        w.open[wanted.client_id] = (wanted.symbol, wanted.side, int(wanted.quantity), wanted.purpose, False)
    p99, p99_busy = (sorted(times)[int(0.99 * (orders - 1))] / 1e6 for times in (spent, busy))
    return Found(orders, admitted, broken, blocked, p99, p99_busy)


def main(arguments: list[str] | None = None) -> None:
    """Print what a study of the asked size found."""
    parser = argparse.ArgumentParser(prog="python -m tests.studies door")
    parser.add_argument("--orders", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args(arguments)
    found = study(asked.orders, asked.seed)
    print(f"orders {found.asked}  admitted {found.admitted}")
    print(f"breaches {found.breaches.total()} {dict(found.breaches) or ''}")
    print(f"99th percentile of a check: {found.p99:.3f} ms by the clock, {found.p99_busy:.3f} ms busy")
    for name, count in found.blocked.most_common():
        print(f"  blocked by {name:<20}{count:>8}")
