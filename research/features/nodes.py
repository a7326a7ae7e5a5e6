"""Expressions that features are declared in, such as ``dist(mean("close", 20))``.

In: base columns by name, and other expressions. Out: a `Row`, one output of one `Step`.

An expression says everything that the rest is derived from: which kernel with which parameters,
which columns and rows it reads, how far back it looks, how much state it carries. Lookbacks add up:
a window of n of log returns looks back n − 1 bars, and each return one more. A step sees rows of
other steps on the same bar only, so the future cannot be expressed. Equal expressions are equal
objects: what two features share is computed once.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from research.kernels import codes as do

__all__ = ["Row", "Rows", "Step", "pair_of", "rows_of"]

# Bars that a base column needs before its own first value.
_COLUMN_LOOKBACK = {"ret": 1}


@dataclass(frozen=True)
class Step:
    """One kernel with its parameters and inputs.

    Attributes
    ----------
    kernel : str
        Name of the computation.
    code : int
        Its number in `research.kernels.codes`.
    params : tuple of int
        Windows and other parameters, as the user knows them.
    columns : tuple of str
        Base columns it reads over its whole reach.
    also : tuple of str
        Base columns it reads no further back than it has them wherever it has `columns`.
    inputs : tuple of Row
        Rows it reads, on the same bar.
    outputs : int
        Rows it fills.
    reach : int
        Earlier bars of the columns it reads.
    history : int
        Earlier bars of its inputs that its state remembers.
    state : int
        Numbers it carries.
    warmup : int
        Bars without a value, of a recursive kernel; 0 for a window kernel.
    arguments : tuple of int
        What the kernel is called with, if not `params`.
    """

    kernel: str
    code: int
    params: tuple[int, ...] = ()
    columns: tuple[str, ...] = ()
    inputs: tuple[Row, ...] = ()
    outputs: int = 1
    reach: int = 0
    history: int = 0
    state: int = 0
    warmup: int = 0
    arguments: tuple[int, ...] = field(default=(), repr=False)
    also: tuple[str, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Expressions are looked up by their value again and again; a tree is hashed but once.
        key = (self.kernel, self.code, self.params, self.columns, self.inputs, self.reach, self.arguments)
        object.__setattr__(self, "_hash", hash(key))

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def recursive(self) -> bool:
        """Whether this step or anything below it is a recursion."""
        return self.warmup > 0 or any(row.step.recursive for row in self.inputs)

    @cached_property
    def lookback(self) -> int:
        """Bars before the first value."""
        if self.warmup:
            return self.warmup
        own = self.reach + max([_COLUMN_LOOKBACK.get(c, 0) for c in self.columns], default=0)
        return max([own, *[self.history + row.lookback for row in self.inputs]])

    def __str__(self) -> str:
        return f"{self.kernel}({', '.join([*self.columns, *map(str, self.inputs), *map(str, self.params)])})"


@dataclass(frozen=True)
class Row:
    """One output of a step; `early` is by how much its lookback is shorter than the step's."""

    step: Step
    output: int = 0
    early: int = 0

    @property
    def lookback(self) -> int:
        """Bars before the first value."""
        return self.step.lookback - self.early

    def __str__(self) -> str:
        return f"{self.step}[{self.output}]" if self.step.outputs > 1 else str(self.step)


Rows = tuple[Row, ...]


def rows_of(step: Step) -> Rows:
    """Return every output of a step."""
    return tuple(Row(step, k) for k in range(step.outputs))


def pair_of(x: str, y: str) -> int:
    """Return the parameter that names two columns."""
    return do.N_COLUMNS * do.COLUMNS.index(x) + do.COLUMNS.index(y)


# --- statistics of windows ----------------------------------------------------------------------------------


def _tree(
    kernel: str,
    code: int,
    n: int,
    columns: tuple[str, ...],
    outputs: int,
    lag: int = 0,
    *,
    of: int = 0,
    pair: int = 0,
    also: tuple[str, ...] = (),
) -> Rows:
    arguments = (n, of, pair)
    step = Step(kernel, code, (n,), columns, (), outputs, n - 1 + lag, arguments=arguments, also=also)
    return rows_of(step)


def mean(column: str, n: int) -> Row:
    """Mean of a column."""
    return _tree("mean", do.T_MEAN, n, (column,), 1, of=do.COLUMNS.index(column))[0]


def variance(column: str, n: int) -> Rows:
    """Mean and population variance of a column."""
    return _tree("variance", do.T_VARIANCE, n, (column,), 2, of=do.COLUMNS.index(column))


def line(column: str, n: int) -> Rows:
    """Mean, population variance and covariance with time of a column."""
    return _tree("line", do.T_LINE, n, (column,), 3, of=do.COLUMNS.index(column))


def third(column: str, n: int) -> Rows:
    """Mean, population variance and third central moment of a column."""
    return _tree("third", do.T_SKEW, n, (column,), 3, of=do.COLUMNS.index(column))


def fall(n: int) -> Rows:
    """Highest and lowest close, smallest later close over earlier close."""
    return _tree("fall", do.T_DRAWDOWN, n, ("close",), 3, of=do.CLOSE)


def extremes(n: int) -> Rows:
    """Highest high and lowest low."""
    return _tree("extremes", do.T_EXTREMES, n, ("high", "low"), 2)


def recency(n: int) -> Rows:
    """Highest high, bars since it, lowest low, bars since it."""
    return _tree("recency", do.T_RECENCY, n, ("high", "low"), 4)


def typical(n: int) -> Row:
    """Mean typical price."""
    return _tree("typical", do.T_TYPICAL, n, ("high", "low", "close"), 1)[0]


def path(n: int) -> Row:
    """Mean absolute change of the close."""
    return _tree("path", do.T_PATH, n, ("close",), 1, lag=1)[0]


def money(n: int) -> Rows:
    """Mean money flow of bars that rose, and of bars that fell."""
    return _tree("money", do.T_MONEY, n, ("high", "low", "close", "volume"), 2, lag=1)


def losses(n: int) -> Row:
    """Mean squared negative return."""
    return _tree("losses", do.T_DOWNSIDE, n, ("ret",), 1)[0]


def bar_variances(n: int) -> Rows:
    """Mean variance of a bar by Parkinson, Garman-Klass, Rogers-Satchell."""
    return _tree("bar_variances", do.T_RANGES, n, ("ln_open", "ln_high", "ln_low", "ln_close"), 3)


def change_variance(later: str, earlier: str, lag: int, n: int) -> Rows:
    """Mean and population variance of the difference of two columns, one of them lagged."""
    step = Step(
        "change_variance",
        do.T_CHANGE,
        (lag, n),
        (later, earlier),
        (),
        2,
        reach=n - 1 + lag,
        arguments=(n, lag, pair_of(later, earlier)),
    )
    return rows_of(step)


def signed_volume(n: int) -> Row:
    """Mean volume with the sign of the close's change."""
    return _tree("signed_volume", do.T_SIGNED, n, ("close", "volume"), 1, lag=1)[0]


def located_volume(n: int) -> Row:
    """Mean volume × close location value."""
    return _tree("located_volume", do.T_LOCATED, n, ("high", "low", "close", "volume"), 1)[0]


def paid(n: int) -> Row:
    """Mean volume × typical price."""
    return _tree("paid", do.T_PAID, n, ("high", "low", "close", "volume"), 1)[0]


def dollars(n: int) -> Rows:
    """Mean and population variance of dollar volume."""
    return _tree("dollars", do.T_DOLLARS, n, ("close", "volume"), 2)


def impact(n: int) -> Rows:
    """Mean |r| per dollar, share of bars that traded."""
    return _tree("impact", do.T_IMPACT, n, ("ret", "close", "volume"), 2)


def pull(n: int) -> Rows:
    """Moments of the pair (ln c[1], r)."""
    pair = pair_of("ln_close", "ret")
    return _tree("pull", do.T_PULL, n, ("ln_close",), 5, lag=1, pair=pair, also=("ret",))


def serial(n: int) -> Rows:
    """Moments of the pair (r[1], r)."""
    return _tree("serial", do.T_SERIAL, n, ("ret",), 5, lag=1, pair=pair_of("ret", "ret"))
