"""The options that every command which runs a strategy takes, and what they ask for.

In: words of a command line. Out: a bar table and a `Request`. Heavy imports wait until
the options are understood.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, get_type_hints

import typer

from research.console import assignments, names
from research.errors import BadValue

if TYPE_CHECKING:
    import polars as pl

    from research.learning.settings import LearningSettings
    from research.request import Request

__all__ = ["RunOptions", "takes_run_options"]

_LEARNING = ("learners", "retrain_every", "confidence", "seed")


def _option(text: str, *flags: str, **more: Any) -> Any:
    return typer.Option(*flags, help=text, **more)


@dataclass(frozen=True)
class RunOptions:
    """What is run, on which bars, at which costs; a field is an option, its annotation the help."""

    strategy: Annotated[str, _option("Name of the strategy.")] = "adaptive_momentum"
    symbols: Annotated[
        str | None, _option("Symbols that share the account; all by default.", metavar="A,B")
    ] = None
    start: Annotated[str | None, _option("First day, like 2005-01-01.", metavar="DATE")] = None
    end: Annotated[str | None, _option("Last day, included.", metavar="DATE")] = None
    param: Annotated[
        list[str] | None, _option("A strategy parameter; may be repeated.", metavar="NAME=NUMBER")
    ] = None
    capital: Annotated[float, _option("Initial capital, USD.")] = 100_000.0
    train_fraction: Annotated[float, _option("Share of the span that is not traded but learned from.")] = 0.3
    slippage: Annotated[float, _option("Fraction of the price that a market order gives up.")] = 0.0005
    commission: Annotated[
        float | None,
        _option("Fraction of the traded value, on every order; 0.001 by default, at an account none."),
    ] = None
    fractional: Annotated[bool, _option("Trade fractions of a share; at no account.", "--fractional")] = False
    allow_short: Annotated[bool, _option("Take short entries.", "--allow-short")] = False
    learners: Annotated[
        str | None, _option("Learners of a model strategy; the three core ones by default.", metavar="A,B")
    ] = None
    retrain_every: Annotated[int, _option("Bars between a model's retrainings.")] = 21
    confidence: Annotated[
        Literal["rank", "probability"], _option("What confidence means: a trailing rank, or max(p, 1 - p).")
    ] = "rank"
    seed: Annotated[int, _option("Seed of every fit.")] = 7
    model: Annotated[
        Path | None,
        _option("Folder of a model that `train` has written; the run begins after it.", metavar="DIR"),
    ] = None
    jobs: Annotated[int | None, _option("Cores; all by default. The result is the same.")] = None
    bars: Annotated[
        Path | None,
        _option("CSV or Parquet of bars, or a store's folder; the sample by default.", metavar="FILE"),
    ] = None
    interval: Annotated[
        str | None, _option("Length of intraday bars, like 1min or 1h.", metavar="LENGTH")
    ] = None
    exchange: Annotated[
        str, _option("Whose sessions daily dates are, as an ISO 10383 code; none for round the clock.")
    ] = "XNYS"
    timezone: Annotated[
        str | None, _option("Zone of stamps without one, like America/New_York.", metavar="ZONE")
    ] = None
    on_bad: Annotated[Literal["raise", "drop"], _option("Refuse bad rows, or drop and tell them.")] = "raise"

    def request(self) -> Request:
        """Return what is to be run."""
        from research.execution import Execution
        from research.request import Request

        commission = Execution.commission if self.commission is None else self.commission
        return Request(
            self.strategy,
            names(self.symbols),
            self.start,
            self.end,
            assignments(self.param or []),
            self.capital,
            self.train_fraction,
            Execution(self.slippage, commission, self.fractional, self.allow_short),
            self._learning(),
            self.jobs,
            self.model,
        )

    def _learning(self) -> LearningSettings | None:
        """Return the learning settings of a strategy with a model; refuse options that none would hear."""
        from research.strategies import strategy_named

        if self.model is not None and all(getattr(self, n) == getattr(RunOptions(), n) for n in _LEARNING):
            return None  # a trained model keeps its own
        if strategy_named(self.strategy).model is not None:
            from research.learning.settings import CORE, LearningSettings

            return LearningSettings(
                learners=tuple(names(self.learners) or CORE),
                retrain_every=self.retrain_every,
                confidence=self.confidence,
                seed=self.seed,
            )
        plain = RunOptions()
        for name in _LEARNING:
            if getattr(self, name) != getattr(plain, name):
                raise BadValue(
                    f"--{name.replace('_', '-')} is for a strategy with a model, was {getattr(self, name)!r} "
                    f"and {self.strategy} has none; leave it out, or choose ml_driven or mean_reversion_ml"
                )
        return None

    def read(self) -> pl.DataFrame:
        """Return the bars: the sample, a store's, or a file's as its options say it is to be read.

        Raises
        ------
        BadValue
            Options of a file, and no file.
        UnknownName, DataError
            What cannot be read.
        """
        if self.bars is not None:
            from research.data.source import bars_at

            exchange = None if self.exchange.lower() == "none" else self.exchange
            return bars_at(
                self.bars,
                names(self.symbols),
                on_bad=self.on_bad,
                interval=self.interval,
                exchange=exchange,
                timezone=self.timezone,
            )
        plain = RunOptions()
        for name in ("interval", "exchange", "timezone", "on_bad"):
            if getattr(self, name) != getattr(plain, name):
                raise BadValue(
                    f"--{name.replace('_', '-')} says how a file is read, was {getattr(self, name)!r} and "
                    "no file; name one with --bars"
                )
        from research.data.sample import load_sample

        return load_sample()


def takes_run_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, whose first parameter is a `RunOptions`, its fields as options beside its own."""
    hints = get_type_hints(RunOptions, include_extras=True)
    shared = [
        inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=f.default, annotation=hints[f.name])
        for f in fields(RunOptions)
    ]
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    own = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in own]

    @wraps(command)
    def called(**given: Any) -> None:
        asked = RunOptions(**{p.name: given.pop(p.name) for p in shared})
        command(asked, **given)

    called.__signature__ = inspect.Signature([*own, *shared])  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in (*own, *shared)}
    return called
