"""The one door through which every order goes, and which fails closed.

In: an order that is wanted, and the world. Out: `Admitted`, which alone may be sent,
or `Blocked`, which names the check, the rule, the value and the remedy. The checks
and their order are the tables below; `docs/risk.md` sets them beside SEC rule 15c3-5.

The door remembers nothing: limits that latch are kept by `live.limits` and come back
in the context.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from live import risk_amounts as amounts
from live import risk_form as form
from live import risk_gates as gates
from live.risk_context import Breach, Context, Purpose, Rules, Wanted

__all__ = ["CHECKS", "SIZES", "Admitted", "Blocked", "Door"]

Check = Callable[[Wanted, Context, Rules], Breach | None]

# First whether it is an order at all, then whether anything may be sent, then how much; losses last, since
# they latch and a malformed order should not. A table is read from its first line to its last.
_AN_ORDER: dict[str, Check] = {
    "well formed": form.well_formed,
    "known world": form.known_world,
    "whole shares": form.whole_shares,
    "new id": form.new_id,
}
_SENDABLE: dict[str, Check] = {
    "duplicate": form.not_twice,
    "order in doubt": form.not_in_doubt,
    "host and mode": gates.right_host,
    "kill switch": gates.alive,
}
_TAKEN: dict[str, Check] = {
    "account state": gates.account_open,
    "tradable": gates.tradable,
    "session": gates.in_session,
}
_FLATTEN: dict[str, Check] = {
    **_AN_ORDER,
    "host and mode": gates.right_host,
    "reduces only": form.only_reduces,
}
_REDUCE: dict[str, Check] = {
    **_AN_ORDER,
    **_SENDABLE,
    **_TAKEN,
    "opposite order": form.no_wash,
    "reduces only": form.only_reduces,
    "orders per minute": amounts.orders_per_minute,
}
SIZES: dict[str, Check] = {
    "order quantity": amounts.order_quantity,
    "order notional": amounts.order_notional,
    "position notional": amounts.position_notional,
    "position share": amounts.position_share,
    "gross exposure": amounts.gross_exposure,
    "positions": amounts.position_count,
}
_ENTER: dict[str, Check] = {
    **_AN_ORDER,
    **_SENDABLE,
    "latched limit": gates.unlatched,
    **_TAKEN,
    "clock skew": gates.clocks_agree,
    "stale bar": gates.fresh,
    "sane price": gates.sane_price,
    "price collar": gates.collared,
    "opposite order": form.no_wash,
    "enters only": form.only_enters,
    **SIZES,
    "buying power": amounts.buying_power,
    "open orders": amounts.open_orders,
    "orders per minute": amounts.orders_per_minute,
    "orders per day": amounts.orders_per_day,
    "daily loss": amounts.small_daily_loss,
    "drawdown": amounts.small_drawdown,
}
CHECKS: dict[Purpose, dict[str, Check]] = {
    Purpose.ENTER: _ENTER,
    Purpose.EXIT: _REDUCE | {"price collar": gates.collared},
    Purpose.PROTECT: _REDUCE,
    Purpose.FLATTEN: _FLATTEN,
}
_STANDING = {"daily loss": amounts.daily_loss, "drawdown": amounts.drawdown}


@dataclass(frozen=True, slots=True)
class Admitted:
    """An order that may be sent."""

    order: Wanted


@dataclass(frozen=True, slots=True)
class Blocked:
    """An order that must not be sent.

    Attributes
    ----------
    check, rule, value, remedy : str
    latches : bool
        Whether the limit stays hit until it is reset by hand.
    """

    check: str
    rule: str
    value: str
    remedy: str
    latches: bool = False

    @property
    def note(self) -> str:
        """What is written on the strategy's order; `live.orders.gate_of` takes it apart."""
        return f"blocked: {self.check} ({self.rule}, was {self.value})"

    def __str__(self) -> str:
        return f"blocked by {self.check}: {self.rule}, was {self.value}; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Door:
    """The risk door of one account.

    Examples
    --------
    >>> from datetime import UTC, datetime
    >>> from decimal import Decimal
    >>> world = Context(datetime(2026, 11, 20, tzinfo=UTC), "paper", "paper-api.alpaca.markets", "XX-")
    >>> print(Door(Rules()).check(Wanted("XX-1", "IBM", 1, Decimal(0), Purpose.ENTER), world))
    blocked by well formed: quantity must be > 0 and < 10^12, was 0; mend the caller
    """

    rules: Rules

    def check(self, wanted: Wanted, context: Context) -> Admitted | Blocked:
        """Say whether an order may be sent, or the first check that forbids it.

        Parameters
        ----------
        wanted : Wanted
        context : Context
            As of this instant; every open order is in it, those in doubt too.
        """
        for name, check in CHECKS[wanted.purpose].items():
            breach = check(wanted, context, self.rules)
            if breach is not None:
                return Blocked(name, *breach)
        return Admitted(wanted)

    def standing(self, context: Context) -> tuple[Blocked, ...]:
        """Return the limits that are hit whether or not an order is wanted: ask at each tick, and latch them.

        Equity that is not known is not a loss; it blocks entries without latching.
        """
        found = ((name, check(context, self.rules)) for name, check in _STANDING.items())
        return tuple(
            Blocked(name, *breach) for name, breach in found if breach is not None and breach.latches
        )
