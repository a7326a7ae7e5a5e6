"""Pre-trade checks of the world: may anything be sent, to here, of this symbol, now.

In: an order that is wanted, the context and the rules. Out: `None`, or a `Breach`.
"""

from __future__ import annotations

from decimal import Decimal

from live.risk_context import Breach, Context, Purpose, Rules, Wanted
from live.risk_sums import is_number, price_of

__all__ = [
    "account_open",
    "alive",
    "clocks_agree",
    "collared",
    "fresh",
    "in_session",
    "right_host",
    "sane_price",
    "tradable",
    "unlatched",
    "unrestricted",
]

_LATER = "wait for the next bar"


def alive(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the kill switch is off, or that protection is put back which it left out."""
    if c.killed and not (c.guarding and w.purpose is Purpose.PROTECT):
        return Breach("kill switch must be off", "on", "python -m live.kill --reset")
    return None


def right_host(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the host is on the list of the mode."""
    if c.host not in r.hosts.get(c.mode, frozenset()):
        return Breach(f"host must be on the list for {c.mode!r}", c.host, "take the mode's own host")
    return None


def account_open(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the broker names no reason why the account could not trade."""
    if c.account_faults:
        return Breach("account must be free to trade", "; ".join(c.account_faults), "see the broker's site")
    return None


def unlatched(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that no limit was hit before."""
    for name, said in c.latched.items():
        return Breach(f"limit `{name}` must not be latched", said, "reset it by hand when the cause is known")
    return None


def unrestricted(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that an entry's symbol is not on the list of those that must not be traded."""
    if w.symbol in r.restricted and w.purpose is Purpose.ENTER:
        return Breach("symbol must not be restricted", w.symbol, "take it off the list")
    return None


def tradable(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the symbol is not restricted, that the broker trades it, and sells it short if need be.

    Of a symbol that nobody could be asked about, what only reduces passes: the broker says no itself.
    """
    if (listed := unrestricted(w, c, r)) is not None:
        return listed
    asset = c.assets.get(w.symbol)
    if asset is None and w.purpose is not Purpose.ENTER:
        return None  # what is held was tradable once: no answer must not keep it bare
    if asset is None or not (asset.active and asset.tradable):
        return Breach("symbol must be tradable at the broker", w.symbol, "trade another")
    short = w.purpose is Purpose.ENTER and w.side < 0
    if short and not (r.allow_short and c.shorting and asset.shortable):
        return Breach("a short sale must be allowed by rules, account and asset", w.symbol, "go long")
    return None


def in_session(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the market is open, or that the order may wait: for an auction, or at rest."""
    s = c.session
    if s is None:
        return Breach("session must be known", "not known", "ask the broker's clock")
    if w.purpose is Purpose.ENTER and not s.agrees:
        return Breach("broker's clock and calendar must agree", "no", "entries wait until they do")
    if w.time_in_force in {"opg", "cls"}:
        until = s.opg_until if w.time_in_force == "opg" else s.cls_until
        if until is None or c.now >= until:
            told = "no such auction" if until is None else f"it closed at {until:%H:%M} UTC"
            return Breach(f"{w.time_in_force} order must come before its auction closes", told, _LATER)
        return None
    if not s.is_open and not (w.purpose is Purpose.PROTECT and w.time_in_force == "gtc"):
        return Breach("market must be open", "closed", _LATER)
    return None


def clocks_agree(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that our clock and the broker's are no farther apart than allowed."""
    if c.clock_skew is None or abs(c.clock_skew) > r.clock_skew:
        return Breach(
            f"clocks must agree within {r.clock_skew.total_seconds():g} s",
            "not known" if c.clock_skew is None else f"{c.clock_skew.total_seconds():g} s",
            "set this machine's clock",
        )
    return None


def fresh(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the symbol's last bar is not older than allowed, and not of the future."""
    quote = c.quotes.get(w.symbol)
    if quote is None:
        return Breach(f"{w.symbol} must have a bar", "none", _LATER)
    if not -r.clock_skew <= c.now - quote.at <= r.stale_after:
        return Breach(f"bar must be no older than {r.stale_after}", str(c.now - quote.at), _LATER)
    return None


def sane_price(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that the last price is one, and near the one before."""
    quote, last = c.quotes.get(w.symbol), price_of(w.symbol, c)
    if quote is None or last is None:
        return Breach(f"{w.symbol} must have a price > 0", str(quote and quote.price), _LATER)
    if quote.before is not None and not _near(last, quote.before, r):
        return Breach(f"price must be within {r.collar:%} of {quote.before}", str(last), _LATER)
    return None


def collared(w: Wanted, c: Context, r: Rules) -> Breach | None:
    """Ask that a limit is near the last price."""
    if w.limit is None:
        return None
    last = price_of(w.symbol, c)
    if last is None or not _near(w.limit, last, r):
        return Breach(f"limit must be within {r.collar:%} of {last}", str(w.limit), _LATER)
    return None


def _near(price: Decimal, anchor: Decimal, r: Rules) -> bool:
    return is_number(anchor) and anchor > 0 and abs(price - anchor) <= r.collar * anchor
