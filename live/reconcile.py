"""Bring the journal's view of orders and positions to the broker's, which is the truth.

In: orders and holdings as the journal has them, and as the broker tells of them. Out:
both after it, every difference with what becomes of it, and what the caller must do:
ask again, lock a symbol, flatten, or halt. Nothing is sent and nothing is written here.

1. Each order that the broker tells of is applied to ours by the table of order states;
   what it executed beyond what was known is booked.
2. Orders that carry our prefix and are not in the journal are ours all the same (another
   machine, a lost journal) and are adopted; so are the legs of an order of ours. An order
   of somebody else locks its symbol.
3. Orders of ours that are open and were not told of are asked for by their id.
4. Positions are compared with what is held after 1 and 2: quantity exactly, average to
   0.01 %. A difference that a split explains is taken over, if only of the average: of one
   share, three for two leave one. One that an open order could
   explain is read again, since orders and positions are never read at one instant; any
   other is adopted, flattened, or halts, by policy. So is one that stays as it was from one
   reading to the next: what an order has executed is told by the second.

If anything of the answers could not be read, the picture has a hole: nothing is then
adopted or flattened, only asked again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set
from decimal import ROUND_DOWN, Decimal

from live.findings import Act, Kind, Policy, Reconciled
from live.holdings import FLAT, Holding, booked, open_symbols, same_average
from live.order_states import ENDED, Tracked, Trouble, report
from live.payloads import BrokerOrder, BrokerPosition
from live.transitions import State

__all__ = ["reconcile"]

_GRAIN = Decimal("1e-9")  # of a share: less is no fraction
_OF_TROUBLE = {
    Trouble.CONTRADICTION: (Kind.CONTRADICTION, Act.NOTE),
    Trouble.OTHER_ORDER: (Kind.OTHER_ORDER, Act.HALT),
    Trouble.OVERFILLED: (Kind.OVERFILLED, Act.HALT),
    Trouble.UNREADABLE: (Kind.UNREADABLE, Act.NOTE),
}


def reconcile(
    orders: Mapping[str, Tracked],
    holdings: Mapping[str, Holding],
    said_orders: Sequence[BrokerOrder],
    said_positions: Sequence[BrokerPosition],
    *,
    prefix: str,
    symbols: Set[str],
    policy: Policy,
    splits: Mapping[str, Decimal] | None = None,
    first: Reconciled | None = None,
) -> Reconciled:
    """Return what is true after hearing the broker.

    Parameters
    ----------
    orders : mapping of str to Tracked
        The journal's, by client id: at least all that have not ended.
    holdings : mapping of str to Holding
        The journal's, by symbol.
    said_orders : sequence of BrokerOrder
        All that are open, and those that ended since the last time; legs nested.
    said_positions : sequence of BrokerPosition
        All of them, read after the orders.
    prefix : str
        How our ids begin.
    symbols : set of str
        Those that are ours to trade.
    policy : Policy
    splits : mapping of str to Decimal, optional
        Shares that one share became, announced since the last time.
    first : Reconciled, optional
        What the reading before it found, of this same journal: both orders and positions were read since.

    Returns
    -------
    Reconciled
    """
    now = Reconciled(dict(orders), dict(holdings))
    heard = _hear(now, said_orders, prefix, policy)
    for name, order in orders.items():
        if order.state not in ENDED and order.state is not State.NEW and name not in heard:
            text = f"order {name} ({order.state}) was not told of"
            now.tell(Kind.MISSING_ORDER, Act.ASK, order.symbol, name, text)
    _compare(
        now, said_positions, symbols, policy, splits or {}, holdings, {} if first is None else first.apart
    )
    now.holdings = {symbol: now.holdings[symbol] for symbol in sorted(open_symbols(now.holdings))}
    return now


def _hear(now: Reconciled, said_orders: Sequence[BrokerOrder], prefix: str, policy: Policy) -> set[str]:
    """Apply what the broker tells of orders; return the ids that it told of."""
    heard: set[str] = set()
    waiting = [(said, False) for said in reversed(said_orders)]
    while waiting:
        said, ours = waiting.pop()
        name = said.client_id
        known = name in now.orders
        ours = ours or known or (name != "" and name.startswith(prefix))
        waiting += [(leg, ours) for leg in reversed(said.legs)]
        if not name:
            told = "; ".join(said.faults) or "an order without client_order_id"
            now.tell(Kind.UNREADABLE, Act.ASK, said.symbol, "", told)
        elif known:
            heard.add(name)
            _apply(now, now.orders[name], said)
        elif not ours:
            if said.status not in {"filled", "canceled", "expired", "replaced", "rejected"}:
                text = f"order {name} ({said.status or 'no status'}) is none of ours"
                now.tell(Kind.FOREIGN_ORDER, policy.foreign, said.symbol, name, text)
                now.tell(Kind.FOREIGN_ORDER, Act.LOCK, said.symbol, name, "its symbol is locked meanwhile")
        elif not (said.symbol and said.side and said.quantity):
            text = f"order {name} is ours and lacks symbol, side or quantity"
            now.tell(Kind.UNREADABLE, Act.ASK, said.symbol, name, text)
        else:
            heard.add(name)
            text = f"order {name} ({said.status}) is ours and was not in the journal"
            now.tell(Kind.STRAY_ORDER, Act.ADOPT, said.symbol, name, text)
            _apply(now, Tracked(name, said.symbol, said.side, said.quantity, State.UNKNOWN), said)
    return heard


def _apply(now: Reconciled, order: Tracked, said: BrokerOrder) -> None:
    """Apply one report to one order of ours, and book what it executed."""
    step = report(order, said)
    after = step.order
    now.orders[order.client_id] = after
    for trouble, text in step.troubles:
        kind, act = _OF_TROUBLE[trouble]
        now.tell(kind, act, order.symbol, order.client_id, text)
    if step.executed is not None:
        done = step.executed
        now.executions.append((order.client_id, done))
        now.holdings[order.symbol] = booked(now.holdings.get(order.symbol, FLAT), order.side, done)
        text = f"order {order.client_id} executed {done.quantity} shares at {done.price:.4f}"
        now.tell(Kind.MISSED_FILL, Act.APPLY, order.symbol, order.client_id, text)
    if after.state is not order.state:
        text = f"order {order.client_id} was {order.state}, is {after.state}"
        now.tell(Kind.ORDER_MOVED, Act.APPLY, order.symbol, order.client_id, text)


def _compare(
    now: Reconciled,
    said_positions: Sequence[BrokerPosition],
    symbols: Set[str],
    policy: Policy,
    splits: Mapping[str, Decimal],
    before: Mapping[str, Holding],
    last: Mapping[str, tuple[Decimal, Decimal]],
) -> None:
    """Compare what is held, symbol by symbol; `last` is how far it was apart at the reading before."""
    theirs: dict[str, Holding] = {}
    unread: set[str] = set()
    for said in said_positions:
        if not said.symbol or said.quantity is None or said.symbol in theirs:
            told = (
                "; ".join(said.faults)
                or f"position of {said.symbol or 'no symbol'} without a quantity, or twice"
            )
            now.tell(Kind.UNREADABLE, Act.ASK, said.symbol, "", told)
            unread.add(said.symbol)
        else:
            theirs[said.symbol] = Holding(said.quantity, said.average)
    hole = bool(now.ask)
    for symbol in sorted((open_symbols(now.holdings) | open_symbols(theirs)) - unread):
        ours, there = now.holdings.get(symbol, FLAT), theirs.get(symbol, FLAT)
        ratio = splits.get(symbol)
        if ours.quantity == there.quantity and not (ratio and _is_split(ours, there, ratio)):
            news = ours.average is None and there.average is not None
            if news or not same_average(ours.average, there.average):
                text = f"{symbol}: average was {ours.average}, the broker has {there.average}"
                now.tell(Kind.AVERAGE, Act.APPLY, symbol, "", text)
                now.holdings[symbol] = there
            continue
        now.apart[symbol] = pair = ours.quantity, there.quantity
        text = f"{symbol}: {ours.quantity} shares were held, the broker has {there.quantity}"
        if hole:
            now.tell(Kind.QUANTITY, Act.ASK, symbol, "", f"{text}; its answers have a hole")
        elif ratio and there.quantity in _after(ratio, before.get(symbol, FLAT), ours):
            average = None if ours.average is None else ours.average / ratio
            now.tell(Kind.SPLIT, Act.APPLY, symbol, "", f"{text}, by a split of {ratio}")
            now.holdings[symbol] = Holding(there.quantity, there.average or average)
            now.splits[symbol] = ratio
        elif last.get(symbol) != pair and _may_explain(now, symbol, there.quantity - ours.quantity):
            now.tell(Kind.QUANTITY, Act.ASK, symbol, "", f"{text}; an open order may explain it")
        elif symbol not in symbols:
            now.tell(Kind.FOREIGN_POSITION, policy.foreign, symbol, "", f"{text}; it is none of ours")
            now.holdings.pop(symbol, None)
        else:
            now.tell(Kind.QUANTITY, policy.drift, symbol, "", text)
            if policy.drift is not Act.HALT:
                now.holdings[symbol] = there


def _after(ratio: Decimal, before: Holding, ours: Holding) -> set[Decimal]:
    """Return what may be held after a split: what was executed meanwhile came before it, or after."""
    executed = ours.quantity - before.quantity
    return {_split(ours.quantity, ratio), _split(before.quantity, ratio) + executed}


def _is_split(ours: Holding, there: Holding, ratio: Decimal) -> bool:
    """Say whether a split is seen by the average alone: what it added was less than a share, paid in cash."""
    if ours.average is None or there.average is None or there.quantity != _split(ours.quantity, ratio):
        return False
    return not same_average(ours.average, there.average) and same_average(ours.average, there.average * ratio)


def _split(quantity: Decimal, ratio: Decimal) -> Decimal:
    """Return what a split makes of whole shares: fractions are paid out."""
    exact = quantity * ratio
    whole = exact.to_integral_value()  # one for three is a ratio without a last digit: 300 become 99.99...
    return whole if abs(exact - whole) < _GRAIN else exact.to_integral_value(ROUND_DOWN)


def _may_explain(now: Reconciled, symbol: str, drift: Decimal) -> bool:
    """Say whether open orders could have executed the shares by which a position differs."""
    side = 1 if drift > 0 else -1
    may = sum(o.remaining for o in now.orders.values() if o.symbol == symbol and o.side == side)
    return abs(drift) <= may
