"""The strategy contract, and the parameters that all strategies share.

In: rows of features (and, where a strategy has a model, of predictions) at some
closes. Out: the signal rows of `research.kernels.signals` at the same closes.

A strategy is a record. It knows nothing of accounts, brokers or modes: the same
jitted function makes the matrix that a sweep hands to vectorbt and the single
row that the live runner acts on, and it looks at one close at a time, so it
cannot see the next one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from research.errors import BadValue, UnknownName
from research.kernels.account import GATE_NAMES
from research.kernels.signals import N_SIGNALS, size_nb

__all__ = ["SHARED", "SHARED_FEATURES", "Model", "Parameter", "Strategy"]

Params = Mapping[str, float]
CandidateKernel = Callable[[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], None]
SignalKernel = Callable[
    [NDArray[np.float64], NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]], None
]


@dataclass(frozen=True)
class Parameter:
    """One number a strategy may be asked with: its default, its rule, its meaning."""

    default: float
    low: float
    high: float
    meaning: str
    integer: bool = False

    def check(self, strategy: str, name: str, value: object) -> float:
        """Return `value` as a float, or refuse it with the rule it breaks."""
        rule = f"{'a whole number' if self.integer else 'a number'} from {self.low:g} to {self.high:g}"
        complaint = BadValue(
            f"parameter `{name}` of {strategy} must be {rule}, was {value!r}; it is the {self.meaning}"
        )
        if isinstance(value, bool):
            value = int(value)
        if not isinstance(value, (int, float, np.integer, np.floating)):
            raise complaint
        number = float(value)
        if not self.low <= number <= self.high or (self.integer and number != int(number)):
            raise complaint
        return number


# Order matters: `kernels.signals` reads these by position from the front of every
# strategy's parameter vector.
SHARED: Mapping[str, Parameter] = MappingProxyType(
    {
        "allow_short": Parameter(0, 0, 1, "switch that lets it sell short", integer=True),
        "bars_per_year": Parameter(252.0, 1.0, 1e6, "bars in a year, for volatility targets"),
        "vol_target": Parameter(0.20, 0.001, 10.0, "annual volatility that one position aims at"),
        "max_weight": Parameter(0.95, 0.0, 1.0, "largest fraction of equity in one position"),
        "risk_cap": Parameter(0.02, 0.0, 1.0, "fraction of equity lost if the stop is hit; 0 is off"),
        "risk_aversion": Parameter(0.5, 0.0, 1.0, "share of the weight given up when risk_score is 100"),
        "stop": Parameter(0.0, 0.0, 0.99, "stop loss as a fraction of the fill price; 0 is off"),
        "stop_atr": Parameter(0.0, 0.0, 100.0, "stop loss in ATR(14) of the decision bar; 0 is off"),
        "target": Parameter(0.0, 0.0, 100.0, "profit target as a fraction of the fill price; 0 is off"),
        "target_atr": Parameter(0.0, 0.0, 100.0, "profit target in ATR(14) of the decision bar; 0 is off"),
        "trail": Parameter(0.0, 0.0, 0.99, "trailing stop as a fraction of the fill price; 0 is off"),
        "trail_atr": Parameter(0.0, 0.0, 100.0, "trailing stop in ATR(14) of the decision bar; 0 is off"),
        "time_limit": Parameter(0, 0, 100_000, "bars until a position is closed; 0 is off", integer=True),
    }
)
SHARED_FEATURES: tuple[str, ...] = ("vol_21", "risk_score", "atr_pct_14")


@dataclass(frozen=True)
class Model:
    """What a strategy's model is asked.

    Attributes
    ----------
    output : str
        Name of its probability: "p_up", "p_reversal".
    meaning : str
        The event that it is the probability of.
    candidates : jitted function
        ``candidates(features (K, M), params (P,), out (S, M))``: the trades whose net returns are the
        labels, before any model is asked. Each must end: the strategy's `time_limit` is not 0.
    """

    output: str
    meaning: str
    candidates: CandidateKernel


@dataclass(frozen=True)
class Strategy:
    """A trading rule as data.

    Attributes
    ----------
    name, summary : str
        Registry key and one line for people.
    own : mapping of str to Parameter
        The parameters beyond `SHARED`.
    reads : callable
        Parameters -> names of the features it reads beyond `SHARED_FEATURES`,
        in the order in which its kernel expects the rows; `declared.Names` where these follow parameters.
    gates : tuple of str
        What can block an entry, in the order in which it is asked; `gates[i - 1]`
        is gate code i.
    kernel : jitted function
        ``kernel(features (K, M), predictions (Q, M), params (P,), out (S, M))``,
        column by column over any M = bars × symbols. It writes side, exit and gate; size and
        protection are there already, and one with a model may lower the weight. Of the shared
        parameters it reads `allow_short` alone.
    model : Model, optional
        What its model is asked, for a strategy that has one; then predictions must be given.
    shared_defaults : mapping of str to float
        Where this strategy's default of a shared parameter differs.
    rule : callable, optional
        Parameters -> None or one line that says which combination is wrong; `declared.Below`, if that is it.
    """

    name: str
    summary: str
    own: Mapping[str, Parameter]
    reads: Callable[[Params], tuple[str, ...]]
    gates: tuple[str, ...]
    kernel: SignalKernel
    model: Model | None = None
    shared_defaults: Mapping[str, float] = field(default_factory=dict)
    rule: Callable[[Params], str | None] | None = None

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters, shared ones first: the order of the kernel's vector."""
        shared = {
            name: replace(parameter, default=self.shared_defaults.get(name, parameter.default))
            for name, parameter in SHARED.items()
        }
        return {**shared, **self.own}

    @property
    def defaults(self) -> dict[str, float]:
        """Every parameter's default."""
        return {name: parameter.default for name, parameter in self.parameters.items()}

    def resolve(self, given: Mapping[str, object] | None = None) -> dict[str, float]:
        """Fill in defaults and refuse what breaks a rule.

        Raises
        ------
        UnknownName
            A parameter this strategy does not have; the nearest one is offered.
        BadValue
            A value outside its parameter's rule, or a combination that is.
        """
        parameters = self.parameters
        params = self.defaults
        for name, value in (given or {}).items():
            if name not in parameters:
                raise UnknownName(f"parameter of {self.name}", name, parameters)
            params[name] = parameters[name].check(self.name, name, value)
        if self.model is not None and params["time_limit"] < 1:
            raise BadValue(
                f"parameter `time_limit` of {self.name} must be ≥ 1, was {params['time_limit']:g}; "
                "its models learn from trades that end"
            )
        if self.rule is not None and (complaint := self.rule(params)):
            raise BadValue(f"{self.name}: {complaint}")
        return params

    def features(self, params: Params) -> tuple[str, ...]:
        """Names of the features that `signals` expects, in its order."""
        return SHARED_FEATURES + self.reads(params)

    def gate_name(self, code: float) -> str:
        """Return what blocked an entry: "" is nothing, a strategy's gates come before the account's."""
        if code == 0:
            return ""
        return GATE_NAMES[int(code)] if code in GATE_NAMES else self.gates[int(code) - 1]

    def choose(
        self, features: NDArray[np.float64], vector: NDArray[np.float64], out: NDArray[np.float64]
    ) -> None:
        """Write side, exit and gate alone, of a strategy without a model.

        Parameters
        ----------
        features : (K, M) float64, C-contiguous
        vector : (P,) float64
            As `vector` returns it.
        out : (S, M) float64
            Rows ENTRY, EXIT and GATE of `research.kernels.signals` are written.
        """
        if self.model is not None:
            raise BadValue(f"{self.name} has a model, which must be asked first; see the strategy's `model`")
        self.kernel(features, np.empty((0, features.shape[1])), vector, out)

    def signals(
        self,
        features: NDArray[np.float64],
        params: Params,
        predictions: NDArray[np.float64] | None = None,
    ) -> NDArray[np.float64]:
        """Turn feature rows into signal rows, one close at a time.

        Parameters
        ----------
        features : (K, …) float64
            Rows in the order of `features(params)`, over any bars × symbols.
        params : mapping
            As `resolve` returns it.
        predictions : (Q, …) float64, optional
            The learner's rows at the same closes.

        Returns
        -------
        (S, …) float64
            Rows of `research.kernels.signals`; a close whose features are NaN has
            no entry and names the gate "warm-up".
        """
        if (predictions is None) != (self.model is None):
            verb = "needs" if self.model else "takes no"
            raise BadValue(f"{self.name} {verb} predictions; see whether the strategy's `model` is None")
        shape = features.shape[1:]
        count = int(np.prod(shape))
        rows = np.ascontiguousarray(features).reshape(features.shape[0], count)
        spoken = np.empty((0, count)) if predictions is None else np.ascontiguousarray(predictions)
        out = np.empty((N_SIGNALS, count))
        vector = self.vector(params)
        size_nb(rows, vector, out)
        self.kernel(rows, spoken.reshape(spoken.shape[0], count), vector, out)
        return out.reshape(N_SIGNALS, *shape)

    def candidates(self, features: NDArray[np.float64], params: Params) -> NDArray[np.float64]:
        """Turn feature rows into the signal rows of the trades that the model learns from.

        Parameters
        ----------
        features : (K, …) float64
            As for `signals`.
        params : mapping

        Returns
        -------
        (S, …) float64
            As `signals`, before any model is asked.

        Raises
        ------
        BadValue
            The strategy has no model.
        """
        if self.model is None:
            raise BadValue(f"{self.name} has no model, so it has no candidates; see the strategy's `model`")
        count = int(np.prod(features.shape[1:]))
        rows = np.ascontiguousarray(features).reshape(features.shape[0], count)
        out = np.empty((N_SIGNALS, count))
        vector = self.vector(params)
        size_nb(rows, vector, out)
        self.model.candidates(rows, vector, out)
        return out.reshape(N_SIGNALS, *features.shape[1:])

    def vector(self, params: Params) -> NDArray[np.float64]:
        """Return the parameters as its kernels read them, by position."""
        return np.array([params[name] for name in self.parameters], dtype=np.float64)
