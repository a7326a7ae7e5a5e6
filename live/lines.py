"""The lines of one account to the broker's hosts, and one rate limit for all that goes to a host.

In: who we are at the broker. Out: lines, each made when it is first asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from live.line import Line, Unhurried
from live.pace import Pace

if TYPE_CHECKING:
    from live.alpaca import AlpacaAccount
    from live.keys import Access

__all__ = ["LOOPBACK", "Lines"]

LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Lines:
    """Lines to one account.

    Parameters
    ----------
    known : Access
    idle : callable
        As for `live.line.Unhurried`, whose lines are for questions that have no next turn.

    Attributes
    ----------
    host : str
        Where orders go.
    local : bool
        Whether that is a broker on this machine, which has no rate to keep.
    """

    def __init__(self, known: Access, idle: Callable[[float], None] = time.sleep) -> None:
        self._known, self._idle = known, idle
        self.host = urlsplit(known.trading).hostname or ""
        self.local = self.host in LOOPBACK
        # Alpaca counts the requests of an account by host: orders never wait for bars.
        self._to_trading, self._to_data = self._pace(), self._pace()

    def _pace(self) -> Pace:
        return Pace(per_minute=10**6, reserve=0) if self.local else Pace()

    @cached_property
    def trading(self) -> Line:
        """Account, orders, calendar."""
        from live.talk import trading_talk

        return Line(trading_talk(self._known), self._to_trading)

    @cached_property
    def account(self) -> AlpacaAccount:
        """The account at the trading host."""
        from live.alpaca import AlpacaAccount

        return AlpacaAccount(self.trading)

    @cached_property
    def patient(self) -> AlpacaAccount:
        """The account, for questions that have no next turn: they wait out the rate limit."""
        from live.alpaca import AlpacaAccount

        return AlpacaAccount(self.patient_trading)

    @cached_property
    def patient_trading(self) -> Line:
        """As `trading`, for such questions."""
        from live.talk import trading_talk

        return Unhurried(trading_talk(self._known), self._idle, self._to_trading)

    @cached_property
    def patient_data(self) -> Line:
        """As `data`, for such questions."""
        from live.talk import data_talk

        return Unhurried(data_talk(self._known), self._idle, self._to_data)

    @cached_property
    def data(self) -> Line:
        """Bars."""
        from live.talk import data_talk

        return Line(data_talk(self._known), self._to_data)

    @cached_property
    def actions(self) -> Line:
        """Splits and dividends, which the data host tells of."""
        from live.talk import actions_talk

        return Line(actions_talk(self._known), self._to_data)
