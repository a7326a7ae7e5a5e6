"""What a journal says, as arrays: how its run was set up, its bars, decisions and fills.

In: an open journal. Out: a `Journalled`, on the grid of its own instants and symbols. Nothing is computed
here; what is missing is NaN or "".
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from live.rows import BAR_FIELDS, instant_of
from research.data.panel import Panel
from research.errors import BadValue, SnapshotMismatch
from research.execution import Execution
from research.saved import Saved, learning_in, read_container
from research.strategies import strategy_named

if TYPE_CHECKING:
    from live.journal import Journal
    from research.learning.settings import LearningSettings

__all__ = ["ACCOUNT", "SIGNAL", "TEXTS", "Booked", "Decided", "Journalled", "Setup", "journalled"]

F64 = NDArray[np.float64]
SIGNAL = ("entry", "exit", "weight", "stop", "target", "trail", "time_limit")
ACCOUNT = ("position", "intent", "stop_level", "target_level")
TEXTS = ("model", "gate", "intent_reason")


@dataclass(frozen=True)
class Setup:
    """What a run was set up with.

    Attributes
    ----------
    strategy : str
    symbols : tuple of str
    params : dict
        All of the strategy's, the year's length included.
    capital : float
        USD.
    execution : Execution
    learning : LearningSettings or None
    trade_from : datetime64
        The first close that could decide a trade.
    """

    strategy: str
    symbols: tuple[str, ...]
    params: dict[str, float]
    capital: float
    execution: Execution
    learning: LearningSettings | None
    trade_from: np.datetime64

    def facts(self) -> dict[str, object]:
        """Return it as one level of names and values, to be held against another."""
        flat: dict[str, object] = dict(self.params)
        flat |= {"capital": self.capital}
        flat |= {f"execution {name}": value for name, value in vars(self.execution).items()}
        if self.learning is not None:
            flat |= {f"learning {name}": value for name, value in self.learning.facts().items()}
        return flat


@dataclass(frozen=True)
class Decided:
    """Decisions on a grid of T instants and N symbols.

    Attributes
    ----------
    there : (T, N) bool
        Whether there is a decision.
    scores : dict of str to (T, N) float64
        What was read; NaN is none.
    signal, account : dict of str to (T, N) float64
        `SIGNAL` and `ACCOUNT`; NaN is none.
    texts : dict of str to (T, N) str
        `TEXTS`; "" is none.
    """

    there: NDArray[np.bool_]
    scores: dict[str, F64]
    signal: dict[str, F64]
    account: dict[str, F64]
    texts: dict[str, NDArray[np.str_]]


@dataclass(frozen=True)
class Booked:
    """A fill as the journal has it; side ±1, shares, USD."""

    symbol: int
    side: int
    quantity: float
    price: float
    fee: float
    reason: str
    order: str


@dataclass(frozen=True)
class Journalled:
    """A journal as arrays.

    Attributes
    ----------
    path : str
    kernels : str
        That made it.
    asked : Setup
        By its settings.
    ran : Setup
        By the state it ended with: what decided indeed.
    trained : str or None
        The last bar that a model it began with had seen.
    source : str
        What its bars were called.
    first : int
        Bars before its own: its warm-up.
    warmup_sha256 : str
    panel : Panel
        Its bars.
    decided : Decided
    equity : (T, 3) float64
        Equity, cash, exposure.
    fills : dict of int to list of Booked
        By row of the panel.
    corrected : int
        Events "corrected bar".
    """

    path: str
    kernels: str
    asked: Setup
    ran: Setup
    trained: str | None
    source: str
    first: int
    warmup_sha256: str
    panel: Panel
    decided: Decided
    equity: F64
    fills: dict[int, list[Booked]]
    corrected: int


def journalled(journal: Journal) -> Journalled:
    """Read a journal.

    Raises
    ------
    SnapshotMismatch
        It is damaged.
    BadValue
        It holds no bar yet.
    """
    kernels, saved = _state(journal)
    try:
        settings: dict[str, Any] = json.loads(journal.meta("settings"))
        trade_from = instant_of(journal.meta("trade_from"))
        ran = _ran(saved, trade_from)
        asked = _asked(settings, ran)
    except (KeyError, TypeError, ValueError) as problem:
        raise SnapshotMismatch(
            f"journal {journal.path} is damaged (its settings cannot be read: {type(problem).__name__}); "
            "take a copy of it that is whole"
        ) from problem
    rows = journal.rows("SELECT bar, bar_close, equity, cash, exposure FROM equity ORDER BY bar")
    if not rows:
        raise BadValue(f"a journal must hold a bar to be compared, {journal.path} holds none; run it first")
    instants = np.array([instant_of(when) for _, when, *_ in rows])
    row_of = {int(bar): t for t, (bar, *_) in enumerate(rows)}
    ((corrected,),) = journal.rows("SELECT count(*) FROM events WHERE kind = 'corrected bar'")
    return Journalled(
        path=str(journal.path),
        kernels=kernels,
        asked=asked,
        ran=ran,
        trained=settings.get("model"),
        source=journal.meta("source"),
        first=int(rows[0][0]),
        warmup_sha256=journal.meta("warmup_sha256"),
        panel=_panel(journal, ran.symbols, instants, row_of),
        decided=_decided(journal, ran.symbols, len(instants), row_of),
        equity=np.array([row[2:] for row in rows], dtype=np.float64),
        fills=_fills(journal, ran.symbols, row_of),
        corrected=int(corrected),
    )


def _state(journal: Journal) -> tuple[str, Saved]:
    """Return the kernels and the state of a journal's run; other kernels' is read, never restored."""
    rows = journal.rows("SELECT kernels, sha256, state FROM snapshot")
    if len(rows) != 1 or hashlib.sha256(rows[0][2]).hexdigest() != rows[0][1]:
        raise SnapshotMismatch(
            f"journal {journal.path} is damaged (its snapshot is not what was written); take a whole copy"
        )
    return str(rows[0][0]), read_container(bytes(rows[0][2]))


def _ran(saved: Saved, trade_from: np.datetime64) -> Setup:
    facts = saved.facts
    return Setup(
        facts["strategy"], tuple(facts["symbols"]), dict(facts["params"]), float(facts["initial_capital"]),
        Execution(**facts["execution"]), learning_in(facts), trade_from,
    )  # fmt: skip


def _asked(settings: Mapping[str, Any], ran: Setup) -> Setup:
    """Return the setup that the settings name; the year's length is measured unless it was asked for."""
    learning = None
    if settings["learning"] is not None:
        from research.learning.settings import LearningSettings

        learning = LearningSettings.from_facts(settings["learning"])
    given = {"bars_per_year": ran.params["bars_per_year"], **settings["parameter"]}
    params = strategy_named(settings["strategy"]).resolve(given)
    return Setup(
        settings["strategy"], tuple(settings["symbols"]), params,
        float(settings["capital"]), Execution(**settings["execution"]), learning, ran.trade_from,
    )  # fmt: skip


def _panel(
    journal: Journal, symbols: tuple[str, ...], instants: NDArray[np.datetime64], row_of: dict[int, int]
) -> Panel:
    empty = {"split": 1.0, "dividend": 0.0}
    values = {name: np.full((len(symbols), len(instants)), empty.get(name, np.nan)) for name in BAR_FIELDS}
    column = {symbol: k for k, symbol in enumerate(symbols)}
    for bar, _, symbol, *numbers in journal.rows("SELECT * FROM bars"):
        for name, number in zip(BAR_FIELDS, numbers, strict=True):
            values[name][column[symbol], row_of[bar]] = number
    return Panel(symbols, instants, **{name: array.T for name, array in values.items()})


def _decided(journal: Journal, symbols: tuple[str, ...], size: int, row_of: dict[int, int]) -> Decided:
    shape = (size, len(symbols))
    column = {symbol: k for k, symbol in enumerate(symbols)}
    there = np.zeros(shape, dtype=bool)
    scores: dict[str, F64] = {}
    signal = {name: np.full(shape, np.nan) for name in SIGNAL}
    account = {name: np.full(shape, np.nan) for name in ACCOUNT}
    texts = {name: np.full(shape, "", dtype=object) for name in TEXTS}
    for bar, _, symbol, read, *rest in journal.rows("SELECT * FROM decisions"):
        cell = row_of[bar], column[symbol]
        there[cell] = True
        for name, value in json.loads(read).items():
            if name == "model":
                texts["model"][cell] = value
            elif value is not None:
                scores.setdefault(name, np.full(shape, np.nan))[cell] = value
            else:
                scores.setdefault(name, np.full(shape, np.nan))
        for name, value in zip(SIGNAL, rest[:7], strict=True):
            signal[name][cell] = np.nan if value is None else value
        gate, position, intent, reason, stop, target = rest[7:]
        texts["gate"][cell], texts["intent_reason"][cell] = gate, reason
        for name, value in zip(ACCOUNT, (position, intent, stop, target), strict=True):
            account[name][cell] = np.nan if value is None else value
    return Decided(there, scores, signal, account, {name: cells.astype(str) for name, cells in texts.items()})


def _fills(journal: Journal, symbols: tuple[str, ...], row_of: dict[int, int]) -> dict[int, list[Booked]]:
    column = {symbol: k for k, symbol in enumerate(symbols)}
    found: dict[int, list[Booked]] = {}
    for bar, symbol, *rest in journal.rows(
        "SELECT bar, symbol, side, quantity, price, fee, reason, order_id FROM fills ORDER BY seq"
    ):
        found.setdefault(row_of[bar], []).append(Booked(column[symbol], *rest))
    return found
