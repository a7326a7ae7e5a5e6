"""What the broker says of the account and of a symbol, as the risk door asks for it.

In: decoded JSON of any make. Out: records for `live.risk_context.Context`. A flag that is
not there, or is neither true nor false, is read as the one that forbids; an amount that
cannot be read is `None`, which forbids as well. The fields that left the API in July 2026
(`pattern_day_trader`, `daytrade_count`) are not asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from live.payloads import amount_of
from live.risk_context import Asset

__all__ = ["AccountFacts", "account_of", "asset_of"]

_BLOCKS = ("trading_blocked", "account_blocked", "trade_suspended_by_user")


@dataclass(frozen=True, slots=True)
class AccountFacts:
    """What an account may do.

    Attributes
    ----------
    equity, buying_power : Decimal or None
        USD; None if not known.
    shorting : bool
    faults : tuple of str
        Why it may not trade; () if it may.
    last_equity, cash : Decimal or None
        USD; at the close of the last trading day, and now. No check of the door asks for them.
    """

    equity: Decimal | None
    buying_power: Decimal | None
    shorting: bool
    faults: tuple[str, ...]
    last_equity: Decimal | None = None
    cash: Decimal | None = None


def account_of(payload: object) -> AccountFacts:
    """Return what an answer says of the account.

    Examples
    --------
    >>> account_of({"status": "ACTIVE", "equity": "100", "trading_blocked": True}).faults
    ('trading_blocked', 'account_blocked not said', 'trade_suspended_by_user not said')
    """
    if not isinstance(payload, Mapping):
        return AccountFacts(None, None, False, ("account not said",))
    faults = []
    status = payload.get("status")
    if not (isinstance(status, str) and status.upper() == "ACTIVE"):
        faults.append(f"status {str(status)[:40]}")
    for name in _BLOCKS:
        value = payload.get(name)
        if value is not False:
            faults.append(name if value is True else f"{name} not said")
    return AccountFacts(
        equity=amount_of(payload.get("equity")),
        buying_power=amount_of(payload.get("buying_power")),
        shorting=payload.get("shorting_enabled") is True,
        faults=tuple(faults),
        last_equity=amount_of(payload.get("last_equity")),
        cash=amount_of(payload.get("cash")),
    )


def asset_of(payload: object) -> Asset:
    """Return what an answer says of a symbol; of no answer, one that cannot be traded.

    Examples
    --------
    >>> asset_of({"status": "active", "tradable": True})
    Asset(active=True, tradable=True, shortable=False, fractionable=False)
    """
    said = payload if isinstance(payload, Mapping) else {}
    status = said.get("status")
    return Asset(
        active=isinstance(status, str) and status.lower() == "active",
        tradable=said.get("tradable") is True,
        shortable=said.get("shortable") is True,
        fractionable=said.get("fractionable") is True,
    )
