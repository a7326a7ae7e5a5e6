"""Where a position's stop and target are now, and what rests at the broker for it.

In: the engine's account, our orders, the strategy's orders. Out: prices, as the kernel has them or will have
them when it books the entry, and a resting order read back as what it protects.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from live.orders import Leg, Order
from live.protection import Protection
from research.kernels import account as ac

if TYPE_CHECKING:
    from live.tracks import Track, Tracks
    from research.engine import UnifiedTradingEngine

__all__ = ["last_price_of", "levels_of", "protection_of"]


def levels_of(
    engine: UnifiedTradingEngine, tracks: Tracks, symbol: str, orders: Sequence[Order]
) -> tuple[float, float]:
    """Return the stop and the target in force, USD; NaN none.

    From the account once it has booked the entry, and before from the fill itself, as the kernel will. A
    split is at the broker before its bar is over: until then the account's levels are divided by its ratio.
    """
    ratio = float(tracks.splits.left(symbol))
    position = engine.account.positions[engine.symbols.index(symbol)]
    held, booked = float(tracks.held(symbol)), float(position[ac.P_QTY])
    if booked * held > 0.0:
        return float(position[ac.P_PROTECT]) / ratio, float(position[ac.P_TARGET]) / ratio
    for order in orders:
        track = tracks.orders.get(order.id)
        if order.leg is Leg.ENTRY and track is not None and track.order.average is not None:
            stop, target = _from_fill(order, float(track.order.average))
            return stop / ratio, target / ratio
    return math.nan, math.nan


def last_price_of(engine: UnifiedTradingEngine, tracks: Tracks, symbol: str) -> Decimal | None:
    """Return the last close, or the fill of an entry that is younger; None if neither is known.

    In the shares that the broker has now, as `levels_of`.
    """
    k = engine.symbols.index(symbol)
    if engine.account.positions[k, ac.P_QTY] == 0.0:
        return None
    mark = float(engine.account.positions[k, ac.P_MARK])
    return Decimal(str(mark)) / tracks.splits.left(symbol) if math.isfinite(mark) else None


def protection_of(track: Track) -> Protection:
    """Return what a resting order protects, from the body that was sent."""
    fields: Mapping[str, Any] = track.fields
    stop = (fields.get("stop_loss") or {}).get("stop_price", fields.get("stop_price"))
    target = (fields.get("take_profit") or {}).get("limit_price", fields.get("limit_price"))
    o = track.order
    return Protection(
        o.symbol,
        o.side,
        o.remaining,
        None if stop is None else Decimal(stop),
        None if target is None else Decimal(target),
    )


def _from_fill(order: Order, fill: float) -> tuple[float, float]:
    """Return stop and target of an entry that filled, operation for operation as the kernel does."""
    side = float(order.side)
    fixed, trailing = fill * (1.0 - side * order.stop), fill * (1.0 - side * order.trail)
    stop = fixed
    if not math.isnan(trailing) and (math.isnan(fixed) or (trailing - fixed) * side > 0.0):
        stop = trailing
    return stop, fill * (1.0 + side * order.target)
