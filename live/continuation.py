"""Whether a journal may be continued: by the settings and the bars that it was made with.

In: a journal, a request, the bars there are now. Out: nothing, or the one line that
says what differs. (Its kernels are checked where its snapshot is read.)

Raw bars and splits must be the same to the bit. A dividend is read from the vendor's
adjusted closes; those are re-based with every later dividend and often printed in
cents, so the same one comes out a little different each time (`rounding_of`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np
from numpy.typing import NDArray

from live.journal import Journal
from live.rows import BAR_FIELDS, text_of
from research.data.adjust import RATIO_GRID
from research.data.panel import Panel
from research.errors import DataError, SnapshotMismatch
from research.request import Prepared, Request
from research.saved import Saved

_EXACT = tuple(name for name in BAR_FIELDS if name not in {"factor", "dividend"})

__all__ = ["digest_of", "require_bars", "require_settings", "rounding_of", "settings_of"]


def settings_of(
    request: Request,
    symbols: Sequence[str],
    params: Mapping[str, float],
    model: Saved | None,
    prefix: str,
    mode: str = "replay",
) -> dict[str, object]:
    """Return what must be the same when a journal is continued.

    Not the last bar there is: a file of bars may have grown since. Then the year's
    length, which is measured from the bars, and the first tradable bar, a share of
    the span, stay what they were when the journal was begun.
    """
    measured = {"bars_per_year"} - set(request.params)
    return {
        "mode": mode,
        "prefix": prefix,
        "strategy": request.strategy,
        "symbols": list(symbols),
        "parameter": {name: value for name, value in params.items() if name not in measured},
        "start": None if request.start is None else str(request.start),
        "end": None if request.end is None else str(request.end),
        "capital": request.initial_capital,
        "train_fraction": request.train_fraction,
        "execution": asdict(request.execution),
        "learning": learning_of(request, model),
        "model": None if model is None else model.facts["last_bar"],
    }


def learning_of(request: Request, model: Saved | None) -> dict[str, Any] | None:
    """Return how the strategy's model learns; None where it has none."""
    if request.rule().model is None:
        return None
    if model is not None:
        settings: dict[str, Any] = model.facts["learner"]["settings"]
        return settings
    from research.learning.settings import LearningSettings

    return (request.learning or LearningSettings()).facts()


def require_settings(journal: Journal, settings: Mapping[str, object]) -> None:
    """Refuse to continue under other settings than the journal's.

    Raises
    ------
    SnapshotMismatch
        Names the first setting that differs.
    """
    made, wanted = _flat(json.loads(journal.meta("settings"))), _flat(json.loads(json.dumps(settings)))
    for name in [*wanted, *made]:
        if made.get(name) != wanted.get(name):
            raise SnapshotMismatch(
                f"journal {journal.path} was made with {name} {_said(made.get(name))}, this run has "
                f"{_said(wanted.get(name))}; name another with --journal, or run with its settings"
            )


def digest_of(panel: Panel) -> str:
    """Return the SHA-256 of every raw number and split in a panel."""
    whole = hashlib.sha256(np.ascontiguousarray(panel.bar_close).tobytes())
    for name in _EXACT:
        whole.update(np.ascontiguousarray(getattr(panel, name).T).tobytes())
    return whole.hexdigest()


def require_bars(journal: Journal, prepared: Prepared) -> None:
    """Refuse bars that differ from those the journal has seen.

    Raises
    ------
    DataError
        Names the first bar that differs.
    """
    panel, remedy = prepared.panel, "replay the bars it was made with, or begin another with --journal"
    written = journal.rows("SELECT * FROM bars ORDER BY bar, symbol")
    (begun,) = journal.rows("SELECT min(bar), max(bar) FROM equity")
    first, last = prepared.first, prepared.first - 1
    if begun[0] is not None:
        first, last = begun
    if last >= len(panel):
        raise DataError(
            f"journal {journal.path} goes to {written[-1][1]}, these bars to {text_of(panel.bar_close[-1])}; "
            f"{remedy}"
        )
    if first != prepared.first or digest_of(panel[:first]) != journal.meta("warmup_sha256"):
        raise DataError(
            f"the bars before the span are not those that journal {journal.path} was begun with; {remedy}"
        )
    now = list(_bar_rows(panel, range(first, last + 1)))
    rounding = dict(zip(panel.symbols, rounding_of(panel).T, strict=True))
    for old, new in zip(written, now, strict=False):
        change = None if old == new else _change(old, new, rounding)
        if change is not None:
            raise DataError(
                f"{new[2]}: the bar of {new[1]} is not that of journal {journal.path} ({change}); {remedy}"
            )
    if len(written) != len(now):
        raise DataError(
            f"journal {journal.path} holds {len(written)} bars to {text_of(panel.bar_close[last])}, these "
            f"are {len(now)}; {remedy}"
        )


def _bar_rows(panel: Panel, bars: Sequence[int]) -> list[tuple[object, ...]]:
    """Return bars as the journal's table holds them, by bar and symbol."""
    order = np.argsort(panel.symbols)
    values = [getattr(panel, name) for name in BAR_FIELDS]
    return [
        (t, when, panel.symbols[k], *(float(v[t, k]) for v in values))
        for t in bars
        for when in [text_of(panel.bar_close[t])]
        for k in order
        if not np.isnan(panel.close[t, k])
    ]


def _change(
    old: tuple[Any, ...], new: tuple[Any, ...], rounding: Mapping[str, NDArray[np.float64]]
) -> str | None:
    """Return the first difference that is none of the vendor's rounding."""
    t, _, symbol = new[:3]
    for name, was, now in zip(("number", "instant", "symbol", *BAR_FIELDS), old, new, strict=True):
        if name == "dividend" and abs(was - now) > rounding[symbol][t]:
            return f"dividend {was}, now {now}, more than re-based adjusted closes in cents explain"
        if name not in {"factor", "dividend"} and was != now:  # the factor is made of splits and dividends
            return f"{name} {was}, now {now}"
    return None


def rounding_of(panel: Panel) -> NDArray[np.float64]:
    """Return by how much a dividend may differ between two deliveries, (T, N) raw USD.

    The ratio of two adjusted closes a, b in cents is off by up to 0.005 (1/a + 1/b), in
    each delivery; a is the close · factor / factor of the last bar (the vendor's anchor).
    """
    out = np.zeros(panel.close.shape)
    for k in range(len(panel.symbols)):
        here = np.flatnonzero(~np.isnan(panel.close[:, k]))
        close, factor = panel.close[here, k], panel.factor[here, k]
        cents = 0.01 / (close * factor / factor[-1:])
        out[here[1:], k] = close[:-1] * (cents[1:] + cents[:-1] + 2.0 / RATIO_GRID)
    return out


def _flat(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return nested settings as one level: {"execution": {"slippage": 0}} is {"execution slippage": 0}."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, dict):
            flat |= {f"{name} {inner}": v for inner, v in value.items()}
        else:
            flat[name] = value
    return flat


def _said(value: object) -> str:
    if value is None:
        return "not set"
    return ", ".join(map(str, value)) if isinstance(value, list) else str(value)
