"""What can be chosen about the fake broker, and its refusals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Settings:
    """All of it; every field may be changed while the server runs.

    Attributes
    ----------
    cash : float
        USD at the start.
    slippage, commission : float
        Fractions. Market and stop orders give up the first; every fill pays the second. Alpaca itself takes
        none; a parity test sets both as the backtest has them.
    multiplier : float
        Buying power over equity: 1 is a cash account.
    keys : mapping or None
        Key id to secret; None takes any pair that is not empty.
    rate_limit : int or None
        Requests a minute; beyond them 429. None: no limit.
    page : int
        Most bars of one page, whatever `limit` asks.
    cancel_delay : float
        Fake seconds between a cancel's 204 and the cancellation; `pending_cancel` until then.
    queue_window : bool
        Refuse opg orders from 9:28 to 19:00 ET and cls orders from 15:50 to 19:00 ET, as the broker does.
    cancel_on_split : bool
        Cancel a symbol's open orders before a split; else they rest with prices that are no longer right.
    forming : bool
        Show the bar of a session still running, as the broker does; it is not complete.
    extended : bool
        Show intraday bars from before the open and after the close as well, as the broker does.
    account : dict
        Overrides fields of GET /v2/account; the blocking ones also refuse orders.
    assets : dict
        By symbol: overrides of its asset, such as {"AAPL": {"tradable": False}}.
    """

    cash: float = 100_000.0
    slippage: float = 0.0
    commission: float = 0.0
    multiplier: float = 1.0
    keys: Mapping[str, str] | None = None
    rate_limit: int | None = None
    page: int = 10_000
    cancel_delay: float = 0.0
    queue_window: bool = True
    cancel_on_split: bool = True
    forming: bool = True
    extended: bool = False
    account: dict[str, Any] = field(default_factory=dict)
    assets: dict[str, dict[str, Any]] = field(default_factory=dict)


class Refused(Exception):
    """A definite refusal: HTTP status, the API's code and message, further fields of the body."""

    def __init__(self, status: int, code: int, message: str, **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.body: dict[str, Any] = {"code": code, "message": message, **more}


def invalid(message: str, **more: Any) -> Refused:
    """Return the refusal of an order that breaks a rule."""
    return Refused(422, 42210000, message, **more)


def forbidden(message: str, **more: Any) -> Refused:
    """Return the refusal of an order that the account may not have."""
    return Refused(403, 40310000, message, **more)


def missing(message: str) -> Refused:
    """Return the refusal of something that is not there."""
    return Refused(404, 40410000, message)
