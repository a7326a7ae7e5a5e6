"""What the broker refuses before an order exists: 422 for its form, 403 for the account.

In: the JSON of POST /v2/orders. Out: a number, or a `Refused`. The rules are those of the broker's published
documentation; texts are as near to its own as is known.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import datetime, time
from decimal import Decimal, InvalidOperation
from typing import Any

from tests.fake_alpaca.sessions import EASTERN
from tests.fake_alpaca.settings import Refused, invalid

TYPES = {
    "market": (),
    "limit": ("limit_price",),
    "stop": ("stop_price",),
    "stop_limit": ("stop_price", "limit_price"),
    "trailing_stop": (),
}
TIMES = ("day", "gtc", "opg", "cls", "ioc", "fok")
CLASSES = ("", "simple", "bracket", "oco", "oto")
LONGEST_ID = 48


def number(value: Any, name: str, *, positive: bool = True) -> float | None:
    """Read a number given as number or string; None if it is not there."""
    if value is None or value == "":
        return None
    try:
        exact = Decimal(str(value))
    except InvalidOperation:
        raise Refused(422, 40010001, f"{name} is invalid") from None
    if not exact.is_finite() or (positive and exact <= 0):
        raise Refused(422, 40010001, f"{name} must be greater than 0")
    return float(exact)


def price(value: Any, name: str) -> float | None:
    """Read a price; two decimals from a dollar up, four below."""
    found = number(value, name)
    if found is not None:
        exact = Decimal(str(value)).normalize()
        places = -int(exact.as_tuple().exponent)
        if places > (2 if found >= 1.0 else 4):
            raise invalid(
                f"invalid {name} {value}. sub-penny increment does not fulfill minimum pricing criteria"
            )
    return found


def form(body: Mapping[str, Any], asset: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Check everything that needs no account, and return the numbers.

    Returns
    -------
    dict
        `qty`, `notional`, `limit_price`, `stop_price`, `trail_price`, `trail_percent`; None what is absent.
    """
    kind, tif, cls = body.get("type"), body.get("time_in_force"), body.get("order_class") or "simple"
    if kind not in TYPES:
        raise Refused(422, 40010001, f"invalid order type: {kind}")
    if tif not in TIMES:
        raise Refused(422, 40010001, f"invalid time_in_force: {tif}")
    if body.get("side") not in {"buy", "sell"}:
        raise Refused(422, 40010001, f"invalid side: {body.get('side')}")
    if cls not in CLASSES:
        raise Refused(422, 40010001, f"invalid order_class: {cls}")
    if not asset["tradable"] or asset["status"] != "active":
        raise invalid(f"asset {asset['symbol']} is not tradable")
    said = {name: price(body.get(name), name) for name in ("limit_price", "stop_price")}
    said |= {name: number(body.get(name), name) for name in ("trail_price", "trail_percent")}
    said |= {name: number(body.get(name), name) for name in ("qty", "notional")}
    if cls == "oco" and said["limit_price"] is None:
        said["limit_price"] = price((body.get("take_profit") or {}).get("limit_price"), "limit_price")
    for name in TYPES[kind]:
        if said[name] is None:
            raise invalid(f"{kind} orders require {name.replace('_', ' ')}")
    if kind == "trailing_stop" and (said["trail_price"] is None) == (said["trail_percent"] is None):
        raise invalid("trailing stop orders require one of trail price and trail percent")
    if (said["qty"] is None) == (said["notional"] is None):
        raise invalid("qty or notional is required, not both")
    _fractions(said, asset, kind, tif, cls)
    if cls != "simple" and tif not in {"day", "gtc"}:
        raise invalid("complex orders must be day or gtc orders")
    if tif in {"opg", "cls"} and kind not in {"market", "limit"}:
        raise invalid(f"{tif} orders must be market or limit orders")
    if body.get("extended_hours") and not (kind == "limit" and tif == "day"):
        raise invalid("extended hours order must be DAY limit orders")
    return said


def _fractions(said, asset, kind, tif, cls) -> None:
    """Fractional shares: nine decimals, DAY only, no complex classes, and only where the asset allows it."""
    qty = said["qty"]
    if said["notional"] is None and qty == math.floor(qty):
        return
    if not asset["fractionable"]:
        raise forbidden_fraction(asset["symbol"])
    if qty is not None and round(qty, 9) != qty:
        raise invalid("qty can only have 9 decimal places")
    if tif != "day":
        raise invalid("fractional orders must be DAY orders")
    if cls != "simple":
        raise invalid("fractional orders must be simple orders")
    if kind == "trailing_stop":
        raise invalid("fractional orders cannot be trailing stop orders")


def forbidden_fraction(symbol: str) -> Refused:
    """Return the refusal of a fraction of something that is sold whole."""
    return Refused(403, 40310000, f'asset "{symbol}" is not fractionable')


def auction(tif: str, now: datetime, trading_day: bool) -> None:
    """Refuse what comes too late for an auction and too early for the next."""
    at = now.astimezone(EASTERN).time()
    cut = {"opg": time(9, 28), "cls": time(15, 50)}.get(tif)
    if cut is not None and trading_day and cut <= at < time(19, 0):
        between = f"{cut:%H:%M} and 19:00 ET"
        raise invalid(f"{tif} orders are not accepted between {between}")


def levels(body: Mapping[str, Any], base: float | None) -> dict[str, float | None]:
    """Check the prices of a bracket, OCO or OTO, and return its two legs' levels.

    `base` is the price that the entry is expected at: a buy's stop is at least 0.01 below it, its target
    above.
    """
    profit, loss = body.get("take_profit") or {}, body.get("stop_loss") or {}
    target = price(profit.get("limit_price"), "take_profit.limit_price")
    stop = price(loss.get("stop_price"), "stop_loss.stop_price")
    stop_limit = price(loss.get("limit_price"), "stop_loss.limit_price")
    cls = body["order_class"]
    if cls == "oco":
        target = target if target is not None else price(body.get("limit_price"), "limit_price")
        if body["type"] != "limit":
            raise invalid("oco orders must be limit orders")
    if cls in {"bracket", "oco"} and (target is None or stop is None):
        raise invalid(f"{cls} orders require take_profit.limit_price and stop_loss.stop_price")
    if cls == "oto" and (target is None) == (stop is None):
        raise invalid("oto orders require either take_profit or stop_loss")
    long = (body["side"] == "buy") != (cls == "oco")  # an OCO closes, so its sell protects a long
    side = 1.0 if long else -1.0
    if target is not None and stop is not None and (target - stop) * side <= 0.0:
        raise invalid(
            f"take_profit.limit_price must be {'>' if long else '<'} stop_loss.stop_price",
            take_profit_limit_price=str(target),
            stop_loss_stop_price=str(stop),
        )
    if stop is not None and base is not None and (base - stop) * side < 0.01 - 1e-9:
        sign = "<= base_price - 0.01" if long else ">= base_price + 0.01"
        raise invalid(f"stop_loss.stop_price must be {sign}", base_price=str(base))
    if cls != "oco" and target is not None and base is not None and (target - base) * side < 0.01 - 1e-9:
        sign = ">= base_price + 0.01" if long else "<= base_price - 0.01"
        raise invalid(f"take_profit.limit_price must be {sign}", base_price=str(base))
    return {"target": target, "stop": stop, "stop_limit": stop_limit}
