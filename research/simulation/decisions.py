"""Decisions as a table: for every symbol and bar what was read, wanted, blocked and decided."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray

from research.advance import Advance
from research.kernels import account as ac
from research.kernels import signals as sg
from research.strategies import Strategy

__all__ = ["decisions_frame", "signals_frame"]

F64 = NDArray[np.float64]


def _gate_column(codes: F64, strategy: Strategy) -> pl.Series:
    names = {code: strategy.gate_name(code) for code in np.unique(codes)}
    return pl.Series("gate", codes).replace_strict(names, return_dtype=pl.String)


def _long(run: Advance, first: int) -> tuple[pl.DataFrame, NDArray[np.bool_]]:
    """Return bar_close, symbol and the features of each bar that exists, and which cells those are."""
    symbols, instants = run.panel.symbols, run.panel.bar_close[first:]
    exists = np.isfinite(run.panel.close[first:].T).ravel()
    columns: dict[str, object] = {
        "bar_close": np.tile(instants, len(symbols))[exists],
        "symbol": np.repeat(np.array(symbols), len(instants))[exists],
    }
    for k, name in enumerate(run.names):
        columns[name] = run.features[k, :, first:].ravel()[exists]
    if run.spoken is not None:
        columns["model"] = np.tile(np.array(run.spoken.models[first:], dtype=np.str_), len(symbols))[exists]
    table = pl.DataFrame(columns, schema_overrides={"bar_close": pl.Datetime("us"), "symbol": pl.String})
    return table.with_columns(pl.col("bar_close").dt.replace_time_zone("UTC")), exists


def signals_frame(run: Advance, strategy: Strategy, first: int = 0) -> pl.DataFrame:
    """Return what the strategy wanted at each close, whatever the account then did.

    Parameters
    ----------
    run : Advance
    strategy : Strategy
    first : int
        Row of the panel to begin with.

    Returns
    -------
    DataFrame
        bar_close, symbol, each feature read and, of a strategy with a model, what the model said (its
        probability, edge, confidence, each learner's probability p_… and weight w_…) and `model`, the
        id of the one that spoke; entry (+1, 0, −1), exit (+1 closes longs,
        −1 shorts), weight, stop, target, trail, limit, and the strategy's own gate. Stop,
        target and trail are fractions of the fill price; NaN is none.
    """
    table, exists = _long(run, first)
    rows = {name: run.signals[s, :, first:].ravel()[exists] for s, name in enumerate(sg.SIGNAL_NAMES)}
    gate = _gate_column(rows.pop("gate"), strategy)
    return (
        table.with_columns(*(pl.Series(name, values) for name, values in rows.items()), gate)
        .with_columns(pl.col("entry", "exit").cast(pl.Int8))
        .sort("bar_close", "symbol")
    )


def decisions_frame(run: Advance, strategy: Strategy, first: int = 0) -> pl.DataFrame:
    """Return `signals_frame` with what the account made of it.

    Returns
    -------
    DataFrame
        The columns of `signals_frame`; its gate is now the one that blocked, the
        account's included; and position (raw shares held at this close), intent (shares to buy
        or sell at the next open), intent_reason.
    """
    table, exists = _long(run, first)
    rows = {name: run.signals[s, :, first:].ravel()[exists] for s, name in enumerate(sg.SIGNAL_NAMES[:-1])}
    decided = run.decided[:, first:].reshape(-1, ac.N_INTENT)[exists]
    reasons = np.array(ac.REASON_NAMES)[decided[:, ac.I_REASON].astype(np.int64)]
    return (
        table.with_columns(
            *(pl.Series(name, values) for name, values in rows.items()),
            _gate_column(run.gates[:, first:].ravel()[exists], strategy),
            pl.Series("position", decided[:, ac.I_HELD]),
            pl.Series("intent", decided[:, ac.I_SIDE] * decided[:, ac.I_QTY]),
            pl.Series("intent_reason", np.where(decided[:, ac.I_SIDE] != 0.0, reasons, "")),
        )
        .with_columns(pl.col("entry", "exit").cast(pl.Int8))
        .sort("bar_close", "symbol")
    )
