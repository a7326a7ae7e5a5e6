"""Platt scaling: two numbers that turn a mixture's probability into one that can be believed.

In: logits of matured out-of-fold predictions, and their labels. Out: slope and intercept of a logistic line.

    minimise  Σ ln(1 + e^(−zᵢ·(2yᵢ−1))) + l2/2·((slope − 1)² + intercept²),   z = slope·logit + intercept

The ridge pulls toward slope 1 and intercept 0, so few labels leave a probability alone. The objective is
strictly convex; Newton's method with halved steps finds its one minimum from any start, so the fit depends
on nothing but the rows, to the bit.

Source: Platt, "Probabilistic outputs for support vector machines", 1999; the guards are those of Lin, Lin and
Weng, "A note on Platt's probabilistic outputs for support vector machines", 2007.
"""

from __future__ import annotations

import math

from research.kernels.jit import njit
from research.kernels.mixing import clipped_nb
from research.kernels.windows import Array

__all__ = ["L2", "logit_nb", "platt_fit_nb", "platt_nb"]

# A prior deviation of ½ for slope and intercept, where each row is worth one. Labels that overlap are worth
# less: l2·n/n_eff is the same as giving each of n rows the weight n_eff/n.
L2 = 4.0
_STEPS = 100  # Newton steps; five to eight are usual
_HALVINGS = 60
_CLOSE = 1e-11  # a last step below this leaves an error of its square


@njit
def logit_nb(p: float) -> float:
    """Return ln(p/(1 − p)) of `p` clipped to [0.01, 0.99]; NaN stays NaN."""
    q = clipped_nb(p)
    return math.log(q / (1.0 - q))


@njit
def sigmoid_nb(z: float) -> float:
    """Return 1/(1 + e^(−z)), without overflow."""
    if z >= 0.0:
        return 1.0 / (1.0 + math.exp(-z))
    e = math.exp(z)
    return e / (1.0 + e)


@njit
def platt_nb(slope: float, intercept: float, p: float) -> float:
    """Return the calibrated probability.

    Parameters
    ----------
    slope, intercept : float
        Of `platt_fit_nb`; 1 and 0 give `p` back, clipped.
    p : float
        Probability to calibrate, clipped to [0.01, 0.99] before its logit is taken.

    Returns
    -------
    float
        0 to 1; NaN where an argument is NaN.
    """
    return sigmoid_nb(slope * logit_nb(p) + intercept)


@njit
def slopes_nb(
    logit: Array, y: Array, count: int, l2: float, slope: float, intercept: float
) -> tuple[float, float, float, float, float, float]:
    """Return the penalised log loss of a line, its gradient (s, c), and its Hessian (ss, sc, cc)."""
    value = 0.5 * l2 * ((slope - 1.0) * (slope - 1.0) + intercept * intercept)
    gs, gc = l2 * (slope - 1.0), l2 * intercept
    hss, hsc, hcc = l2, 0.0, l2
    for i in range(count):
        x = logit[i]
        z = slope * x + intercept
        e = math.exp(-abs(z))
        p = 1.0 / (1.0 + e) if z >= 0.0 else e / (1.0 + e)
        against = -z if y[i] > 0.5 else z
        miss = p - 1.0 if y[i] > 0.5 else p
        spread = e / ((1.0 + e) * (1.0 + e))
        value += max(against, 0.0) + math.log1p(e)
        gs += miss * x
        gc += miss
        hss += spread * x * x
        hsc += spread * x
        hcc += spread
    return value, gs, gc, hss, hsc, hcc


@njit
def newton_nb(logit: Array, y: Array, count: int, l2: float, free: bool, out: Array) -> None:
    """Minimise from `out` on, over slope and intercept, or over the intercept alone where not `free`."""
    here = slopes_nb(logit, y, count, l2, out[0], out[1])
    for _ in range(_STEPS):
        value, gs, gc, hss, hsc, hcc = here
        if free:
            determinant = hss * hcc - hsc * hsc
            ds = (hcc * gs - hsc * gc) / determinant
            dc = (hss * gc - hsc * gs) / determinant
        else:
            ds, dc = 0.0, gc / hcc
        step = 1.0
        for _ in range(_HALVINGS):
            slope, intercept = out[0] - step * ds, out[1] - step * dc
            here = slopes_nb(logit, y, count, l2, slope, intercept)
            # At the bottom a good step changes the objective by rounding alone.
            if here[0] <= value + 1e-14 * abs(value):
                break
            step *= 0.5
        out[0], out[1] = slope, intercept
        # Written so that NaN ends the loop as well, and is kept.
        if not max(abs(step * ds), abs(step * dc)) > _CLOSE:
            break


@njit
def platt_fit_nb(logit: Array, y: Array, count: int, l2: float, out: Array) -> None:
    """Fit slope and intercept.

    Parameters
    ----------
    logit : (n,) float64
        Ring of `logit_nb` of matured out-of-fold predictions. Rows are summed in the order of their slots.
    y : (n,) float64
        Their labels, 0 or 1.
    count : int
        Slots in use, 0 to n; with none, slope 1 and intercept 0.
    l2 : float
        Strength of the ridge, above 0; `L2`.
    out : (2,) float64, changed in place
        Slope ≥ 0 and intercept. What it held before does not matter. NaN where a row's logit is NaN.

    Notes
    -----
    A negative slope would say that the model is right by being wrong, and trade its opposite. It is held at
    0, the constrained minimum: every probability is then the base rate of the labels (pulled toward ½ by the
    ridge), and no candidate has an edge over another.
    """
    out[0], out[1] = 1.0, 0.0
    newton_nb(logit, y, count, l2, True, out)
    if out[0] < 0.0:
        out[0], out[1] = 0.0, 0.0
        newton_nb(logit, y, count, l2, False, out)
