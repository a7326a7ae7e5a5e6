"""The limits of a run: defaults that grow with it, and what the settings file says instead.

In: the table `[limits]` of the settings file, the run's money, symbols and largest weight. Out: `Rules`; and
the limits in force as text, for the account's file, where `live.status` reads them.

A default in USD must let pass what the strategy asks and stop an order that is ten times too large, so it
follows from the most that the strategy may ask of one symbol: its `max_weight` of the run's money, the larger
of `--capital` and of what that has become when the process starts. Three times as much is allowed, but no
more than half as much again as all of the money.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from live.pace import PER_MINUTE, RESERVE
from live.payloads import amount_of
from live.risk_context import Rules
from research.errors import BadValue, UnknownName

__all__ = ["KEYS", "STALE_DAILY", "Run", "rules_of_text", "said_limits", "text_of_rules"]

# A bar may be older than a day when a weekend or a holiday lies between; an intraday one may not.
STALE_DAILY: Final = timedelta(days=5)
_ROOM: Final = 3  # times the largest order that the strategy may ask for
_MOST: Final = 1.5  # times the run's money, in one order
_SHARE_ROOM: Final = 2  # times its share of equity, but never more than all of it
_CHEAPEST: Final = 5  # USD a share: what costs less is a penny stock (17 CFR 240.3a51-1)
_ORDERS: Final = 3  # open at once of one symbol: an entry or exit, a stop, a target
_SENT: Final = 3  # of one symbol in a minute: an exit, an entry, its protection; a cancel is no order
_LOOKS: Final = 12 * 4  # requests of a minute's looks: clock, account, orders, positions every five seconds
_MOST_SENT: Final = PER_MINUTE - RESERVE - _LOOKS  # else orders would take the room that looking needs
# As the broker writes symbols: AAPL, BRK.B, ABC.WS.A. The door compares letter by letter.
_SYMBOL: Final = re.compile(r"[A-Z][A-Z0-9]{0,9}([./^-][A-Z0-9]{1,4}){0,2}")


@dataclass(frozen=True)
class Run:
    """What the defaults follow from.

    Attributes
    ----------
    money : float
        USD: the larger of `--capital` and of what it has become.
    weight : float
        The largest fraction of it that the strategy may put in one symbol.
    symbols : int
    daily : bool
        Whether bars are daily.

    Examples
    --------
    >>> Run(100_000.0, 0.95, 1, daily=True).defaults().order_notional
    Decimal('150000')
    """

    money: float
    weight: float
    symbols: int
    daily: bool

    def defaults(self) -> Rules:
        """Return the limits of a run whose settings file sets none."""
        plain = Rules()
        most = Decimal(math.ceil(min(_ROOM * self.weight, _MOST) * self.money))
        share = min(Decimal(str(_SHARE_ROOM * self.weight)), Decimal(1))
        return replace(
            plain,
            order_quantity=Decimal(math.ceil(most / _CHEAPEST)),
            order_notional=most,
            position_notional=most,
            position_share=share,
            positions=max(plain.positions, self.symbols),
            open_orders=max(plain.open_orders, _ORDERS * self.symbols),
            orders_per_minute=max(plain.orders_per_minute, min(_SENT * self.symbols, _MOST_SENT)),
            stale_after=STALE_DAILY if self.daily else plain.stale_after,
        )


def said_limits(told: Mapping[str, object], where: object) -> dict[str, Any]:
    """Return what the settings file says of limits, each held against its rule.

    Parameters
    ----------
    told : mapping
        The table `[limits]`, as TOML gives it.
    where : object
        The file, for what is said of it.

    Raises
    ------
    UnknownName
        A limit that there is not.
    BadValue
        A value outside its limit's rule.

    Examples
    --------
    >>> said_limits({"order_notional": 20_000}, "alpaca.toml")
    {'order_notional': Decimal('20000')}
    """
    for name in told:
        if name not in KEYS:
            raise UnknownName(f"limit in {where}", name, KEYS)
    return {name: KEYS[name](name, value, where) for name, value in told.items()}


# --- what each may be -------------------------------------------------------------------------------


def _complaint(name: str, rule: str, value: object, where: object, like: str) -> BadValue:
    # Text is not repeated: in that file it may be a key that stands on the wrong line.
    was = repr(value) if isinstance(value, int | float) else "text" if isinstance(value, str) else "no number"
    return BadValue(f"limit `{name}` in {where} must be {rule}, was {was}; write it like {name} = {like}")


def _number(value: object) -> float | None:
    known = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return value if known and isinstance(value, int | float) else None


def _amount(unit: str, like: str) -> Callable[[str, object, object], Decimal]:
    def read(name: str, value: object, where: object) -> Decimal:
        number = _number(value)
        if number is None or number <= 0:
            raise _complaint(name, f"a number of {unit} > 0", value, where, like)
        return Decimal(str(number))

    return read


def _fraction(most: int, like: str) -> Callable[[str, object, object], Decimal]:
    def read(name: str, value: object, where: object) -> Decimal:
        number = _number(value)
        if number is None or not 0 < number <= most:
            raise _complaint(name, f"a fraction in (0, {most}]", value, where, like)
        return Decimal(str(number))

    return read


def _count(like: str) -> Callable[[str, object, object], int]:
    def read(name: str, value: object, where: object) -> int:
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise _complaint(name, "a whole number ≥ 1", value, where, like)
        return value

    return read


def _seconds(like: str) -> Callable[[str, object, object], timedelta]:
    def read(name: str, value: object, where: object) -> timedelta:
        number = _number(value)
        if number is None or not 0 < number <= 1e9:
            raise _complaint(name, "a number of seconds in (0, 10^9]", value, where, like)
        return timedelta(seconds=number)

    return read


def _symbols(name: str, value: object, where: object) -> frozenset[str]:
    names = (
        [each.strip() if isinstance(each, str) else "" for each in value] if isinstance(value, list) else [""]
    )
    for each in names:
        if not _SYMBOL.fullmatch(each):
            # A symbol in small letters is repeated; other text is not, as above.
            was = repr(each) if _SYMBOL.fullmatch(each.upper()) else "something else"
            raise BadValue(
                f"limit `{name}` in {where} must be a list of symbols in capitals, was or held {was}; "
                f'write it like {name} = ["GME", "BRK.B"]'
            )
    return frozenset(names)


# By name, how a limit is read. Hosts are the mode's; short sales are an option of the command.
KEYS: Final[Mapping[str, Callable[[str, object, object], Any]]] = MappingProxyType(
    {
        "order_quantity": _amount("shares", "5000"),
        "order_notional": _amount("USD", "50000"),
        "position_notional": _amount("USD", "50000"),
        "position_share": _fraction(1, "0.5"),
        "gross_exposure": _fraction(4, "1.0"),
        "positions": _count("20"),
        "open_orders": _count("60"),
        "orders_per_minute": _count("30"),
        "orders_per_day": _count("500"),
        "daily_loss": _fraction(1, "0.05"),
        "drawdown": _fraction(1, "0.25"),
        "collar": _fraction(1, "0.2"),
        "stale_after": _seconds("432000"),
        "clock_skew": _seconds("2"),
        "restricted": _symbols,
    }
)


# --- as text ----------------------------------------------------------------------------------------


def text_of_rules(rules: Rules) -> dict[str, str]:
    """Return the limits by name, as exact as they are; seconds for spans of time."""
    values = {name: getattr(rules, name) for name in KEYS if name != "restricted"}
    told = {
        name: str(value.total_seconds() if isinstance(value, timedelta) else value)
        for name, value in values.items()
    }
    return told | {"restricted": ", ".join(sorted(rules.restricted))}


def rules_of_text(told: Mapping[str, str]) -> Rules | None:
    """Return the limits that `text_of_rules` wrote; None if one lacks, or is no number or list of symbols."""
    plain = Rules()
    names = told.get("restricted")
    restricted = frozenset(names.split(", ") if names else ())
    if names is None or not all(map(_SYMBOL.fullmatch, restricted)):
        return None
    found: dict[str, Any] = {"restricted": restricted}
    for name in KEYS:
        if name in found:
            continue
        number = amount_of(told.get(name))
        if number is None:
            return None
        kind = type(getattr(plain, name))
        found[name] = timedelta(seconds=float(number)) if kind is timedelta else kind(number)
    return replace(plain, **found)
