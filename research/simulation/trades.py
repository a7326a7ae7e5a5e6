"""Orders to frames: fills as a table, and the round trips they make.

In: order rows as the broker kernel writes them, and the panel they happened in.
Out: Polars tables for people, with instants and symbols in place of indices.
"""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.data.panel import Panel
from research.execution import Execution
from research.kernels import account as ac
from research.kernels.settle import hold_nb

__all__ = ["orders_frame", "round_trips"]

F64 = NDArray[np.float64]
_REASONS = np.array(ac.REASON_NAMES)


def orders_frame(orders: F64, panel: Panel, slippage: float) -> pl.DataFrame:
    """Return one row per fill, in the order of the fills.

    Parameters
    ----------
    orders : (M, O) float64
        Columns `account.O_*`; O_BAR indexes the rows of `panel`.
    panel : Panel
    slippage : float
        Fraction that market orders paid.

    Returns
    -------
    DataFrame
        bar_close, symbol, side ("buy", "sell"), quantity (raw shares), asked (raw
        shares it was decided for, restated for a split since; more than `quantity`
        where an entry was cut to the cash at hand), price (USD, slippage included),
        fee (USD), slippage_cost (USD), reason, ambiguous, decided_at (the close at
        which it was decided).
    """
    bar, column = orders[:, ac.O_BAR].astype(np.int64), orders[:, ac.O_SYMBOL].astype(np.int64)
    side, reason = orders[:, ac.O_SIDE], orders[:, ac.O_REASON].astype(np.int64)
    paid = np.where(reason == ac.TARGET, 0.0, slippage)
    price = orders[:, ac.O_PRICE]
    return pl.DataFrame(
        {
            "bar_close": panel.bar_close[bar],
            "symbol": np.array(panel.symbols)[column],
            "side": np.where(side > 0, "buy", "sell"),
            "quantity": orders[:, ac.O_QTY],
            "asked": orders[:, ac.O_ASKED],
            "price": price,
            "fee": orders[:, ac.O_FEE],
            "slippage_cost": orders[:, ac.O_QTY] * price / (1.0 + side * paid) * paid,
            "reason": _REASONS[reason],
            "ambiguous": orders[:, ac.O_AMBIGUOUS] > 0,
            "decided_at": panel.bar_close[orders[:, ac.O_DECIDED].astype(np.int64)],
        },
        schema_overrides={
            "bar_close": pl.Datetime("us"),
            "decided_at": pl.Datetime("us"),
            "symbol": pl.String,
            "side": pl.String,
            "reason": pl.String,
        },
    ).with_columns(pl.col("bar_close", "decided_at").dt.replace_time_zone("UTC"))


def round_trips(orders: F64, panel: Panel, execution: Execution) -> pl.DataFrame:
    """Pair entries with exits.

    Parameters
    ----------
    orders : (M, O) float64
        All fills of an account since its first bar.
    panel : Panel
    execution : Execution
        Says what a position received besides its sale.

    Returns
    -------
    DataFrame
        symbol, side ("long", "short"), status ("closed", "open"), entry_at, exit_at,
        entry_price, exit_price (of an open trade: the last close), quantity (at
        entry), exit_quantity (after splits), bars_held (own bars of the symbol),
        fees, income (dividends and cash for split fractions; shorts pay dividends),
        pnl (net), return (pnl over the entry's value), reason of the exit: an order's,
        "open", or "split" where a reverse split left no share.
    """
    rules = execution.as_array()
    rows = []
    for n in range(len(panel.symbols)):
        own = orders[orders[:, ac.O_SYMBOL] == n]
        for i in np.flatnonzero(own[:, ac.O_REASON] == ac.ENTERED):
            left = i + 1 < len(own) and own[i + 1, ac.O_REASON] != ac.ENTERED
            rows.append(_trip(own[i], own[i + 1] if left else None, panel, n, rules))
    table = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    return table.sort("entry_at", "symbol").with_columns(
        pl.col("entry_at", "exit_at").dt.replace_time_zone("UTC")
    )


_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "symbol": pl.String,
    "side": pl.String,
    "status": pl.String,
    "entry_at": pl.Datetime("us"),
    "exit_at": pl.Datetime("us"),
    "entry_price": pl.Float64,
    "exit_price": pl.Float64,
    "quantity": pl.Float64,
    "exit_quantity": pl.Float64,
    "bars_held": pl.Int64,
    "fees": pl.Float64,
    "income": pl.Float64,
    "pnl": pl.Float64,
    "return": pl.Float64,
    "reason": pl.String,
}


def _trip(entry: F64, leave: F64 | None, panel: Panel, n: int, rules: F64) -> tuple[object, ...]:
    """Return one row of the trades table."""
    side, bought = entry[ac.O_SIDE], entry[ac.O_QTY]
    begin = int(entry[ac.O_BAR])
    alive = np.isfinite(panel.close[:, n])
    end = int(np.flatnonzero(alive)[-1]) if leave is None else int(leave[ac.O_BAR])
    actions = (panel.open[:, n], panel.split[:, n], panel.dividend[:, n])
    held, income, gone = hold_nb(side * bought, *actions, begin + 1, end + 1, rules)
    fees, price, reason = entry[ac.O_FEE], panel.close[end, n], "open"
    if leave is not None:
        fees, price = fees + leave[ac.O_FEE], leave[ac.O_PRICE]
        reason = ac.REASON_NAMES[int(leave[ac.O_REASON])]
    elif gone >= 0:
        end, price, reason = gone, panel.open[gone, n], "split"
    cost = bought * entry[ac.O_PRICE]
    pnl = held * price - side * cost + income - fees
    return (
        panel.symbols[n],
        "long" if side > 0 else "short",
        "open" if reason == "open" else "closed",
        panel.bar_close[begin].astype(object),
        None if reason == "open" else panel.bar_close[end].astype(object),
        entry[ac.O_PRICE],
        price,
        bought,
        abs(held),
        int(alive[begin : end + 1].sum()),
        fees,
        income,
        pnl,
        pnl / cost,
        reason,
    )
