"""What `python -m live.parity` prints: agreement or causes, shortfall, and what slippage suggests.

In: an `Explained`, the orders' shortfall. Out: text on the terminal.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from live.explained import Explained
from live.journalled import Journalled
from live.shortfall import ENOUGH, Shortfall, slippage

__all__ = ["suggestion", "tell"]

_PARTS = ("delay", "execution", "opportunity", "fees", "total")
_MOST = 20  # causes that are listed one by one


def tell(
    journal: Journalled,
    explained: Explained,
    orders: Sequence[Shortfall],
    assumed: float,
    console: Console | None = None,
) -> None:
    """Print the report.

    Parameters
    ----------
    journal : Journalled
    explained : Explained
    orders : sequence of Shortfall
    assumed : float
        The backtest's slippage, a fraction.
    console : Console, optional
    """
    console = console or Console()
    closes = journal.panel.bar_close
    ran = journal.ran
    console.print(
        escape(
            f"{ran.strategy} on {', '.join(ran.symbols)}: {len(closes):,} bars, {closes[0]!s:.10} to "
            f"{closes[-1]!s:.10}, of {journal.path}"
        ),
        soft_wrap=True,
    )
    share = explained.different / max(explained.decisions, 1)
    if explained.different:
        count = f"{explained.different:,} of {explained.decisions:,}"
        words = f"{count} decisions differ from the backtest ({share:.1%})"
    else:
        words = f"all {explained.decisions:,} decisions agree with the backtest, bit for bit"
    console.print(escape(words), soft_wrap=True)
    _tell_causes(explained, console)
    for note in explained.notes:
        console.print(escape(f"note      {note}"), soft_wrap=True)
    _tell_orders(orders, console)
    console.print(escape(suggestion(orders, assumed)), soft_wrap=True)


def _tell_causes(explained: Explained, console: Console) -> None:
    """Print causes that changed a decision one by one, and count the others."""
    acted = [found for found in explained.found if found.decisions]
    if acted:
        table = Table(box=None, pad_edge=False, header_style="bold")
        for name, right in (
            ("cause", False),
            ("first shows", False),
            ("symbols", False),
            ("decisions", True),
        ):
            table.add_column(name, justify="right" if right else "left", no_wrap=name == "cause")
        table.add_column("what differs, the journal's side first", overflow="fold")
        for found in sorted(acted, key=lambda f: -f.decisions)[:_MOST]:
            table.add_row(
                escape(str(found.cause.kind)), f"{found.first!s:.10}", escape(", ".join(found.symbols)),
                f"{found.decisions:,}", escape(found.cause.text),
            )  # fmt: skip
        console.print(table)
    if len(acted) > _MOST:
        rest = Counter(str(f.cause.kind) for f in sorted(acted, key=lambda f: -f.decisions)[_MOST:])
        told = ", ".join(f"{kind} {n}" for kind, n in rest.most_common())
        console.print(
            escape(f"and {len(acted) - _MOST} more causes ({told}); --out has them all"), soft_wrap=True
        )
    quiet = Counter(str(found.cause.kind) for found in explained.found if not found.decisions)
    for kind, n in quiet.most_common():
        example = next(f.cause.text for f in explained.found if not f.decisions and str(f.cause.kind) == kind)
        console.print(escape(f"without effect on a decision: {kind} {n}, such as {example}"), soft_wrap=True)


def _tell_orders(orders: Sequence[Shortfall], console: Console) -> None:
    """Print the shortfall by leg and in all, in USD and in basis points of what was asked for."""
    if not orders:
        console.print("no order has met its bar, so there is no shortfall to tell")
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("shortfall", "orders", "asked for", "", *_PARTS):
        table.add_column(name, justify="left" if name in ("shortfall", "") else "right", no_wrap=True)
    legs = [leg for leg in ("entry", "exit", "stop", "target") if any(o.leg == leg for o in orders)]
    for name in (*legs, "all"):
        some = [one for one in orders if name in ("all", one.leg)]
        worth = sum(one.worth for one in some)
        sums = [math.fsum(getattr(one, part) for one in some) for part in _PARTS]
        table.add_row(name, f"{len(some):,}", f"{worth:,.0f}", "USD", *(f"{usd:,.0f}" for usd in sums))
        if worth:
            table.add_row("", "", "", "bps", *(f"{1e4 * usd / worth:.1f}" for usd in sums))
    console.print(table)


def suggestion(orders: Sequence[Shortfall], assumed: float) -> str:
    """Return what the measured slippage suggests to the backtest, in one line; nothing is changed."""
    seen, says = slippage(orders), f"the backtest assumes {1e4 * assumed:.2f}"
    count = 0 if seen is None else seen.orders
    if seen is None or count < ENOUGH:
        return (
            f"measured slippage: {count} market orders filled, too few to measure it by ({ENOUGH} at least); "
            f"{says} bps"
        )
    interval = f"95 % interval {seen.low:.2f} to {seen.high:.2f}"
    line = f"measured slippage {seen.mean:.2f} bps over {count:,} market orders, {interval}; {says}"
    # What the arithmetic of a price rounds off is no measurement.
    if seen.low - 1e-6 <= 1e4 * assumed <= seen.high + 1e-6:
        return f"{line}, which is within"
    if seen.mean < 0.0:
        return f"{line}; run with --slippage 0 to assume none"
    return f"{line}; run with --slippage {seen.mean / 1e4:.6f} to assume it"
