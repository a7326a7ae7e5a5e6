"""Kelly's fraction of equity, shrunk by how little is known of the odds.

In: the calibrated probability, and mean net win and loss of shadow trades as fractions of the price paid.
Out: a fraction of equity, 0 where there is no edge or where something is not known.

    f* = p/L − q/W;   b = W/L, e = (b + 1)·p − 1, k = e²/(e² + (b + 1)²·σ_p²)

On stop distances f* is large (p = .55, W = 6 %, L = 3 % give 10.8 times equity): it says that a bet is good,
not how much of it to hold. It is always the least of several caps.

Sources: Kelly, "A new interpretation of information rate", 1956; Baker and McHale, "Optimal betting under
parameter uncertainty: improving the Kelly criterion", 2013.
"""

from __future__ import annotations

from research.kernels.jit import njit

__all__ = ["FEWEST", "FRACTION", "break_even_nb", "kelly_nb", "kelly_weight_nb", "shrunk_kelly_nb"]

FRACTION = 0.25  # the chance of ever halving is .5^(2/c − 1) at c times Kelly: 1/2, 1/8, 1/128 for 1, ½, ¼
FEWEST = 30.0  # effective labels below which win and loss are not yet measured


@njit
def break_even_nb(win: float, loss: float) -> float:
    """Return the probability at which a trade earns nothing: L/(W + L).

    Parameters
    ----------
    win, loss : float
        Mean net win and mean net loss, both as positive fractions.

    Returns
    -------
    float
        0 to 1; NaN where either is NaN, negative, or both are 0.
    """
    if win >= 0.0 and loss >= 0.0 and win + loss > 0.0:
        return loss / (win + loss)
    return float("nan")


@njit
def kelly_nb(p: float, win: float, loss: float) -> float:
    """Return Kelly's fraction: p/L − q/W.

    Parameters
    ----------
    p : float
        Probability of a win.
    win, loss : float
        Mean net win and mean net loss, both as positive fractions.

    Returns
    -------
    float
        In units of equity, not capped; 0 where it is not positive, an argument is NaN, or a size is not
        above 0.
    """
    if not (win > 0.0 and loss > 0.0):
        return 0.0
    f = p / loss - (1.0 - p) / win
    return f if f > 0.0 else 0.0


@njit
def shrunk_kelly_nb(p: float, win: float, loss: float, variance: float) -> float:
    """Return k·f*: Kelly's fraction, less the less certain `p` is.

    Parameters
    ----------
    p, win, loss : float
        As for `kelly_nb`.
    variance : float
        σ_p², squared standard error of `p`; 0: known exactly.

    Returns
    -------
    float
        0 where `kelly_nb` is, or where `variance` is NaN or negative.
    """
    f = kelly_nb(p, win, loss)
    if not (f > 0.0 and variance >= 0.0):
        return 0.0
    odds = win / loss + 1.0
    e = odds * p - 1.0
    if not e > 0.0:  # the same edge as in f, but rounded differently
        return 0.0
    return f * (e * e / (e * e + odds * odds * variance))


@njit
def kelly_weight_nb(
    p: float, win: float, loss: float, variance: float, fraction: float, effective: float, minimum: float
) -> float:
    """Return the most of equity that the odds allow: one more cap beside volatility, stop and weight.

    Parameters
    ----------
    p, win, loss, variance : float
        As for `shrunk_kelly_nb`.
    fraction : float
        Part of Kelly's fraction to hold; `FRACTION`.
    effective : float
        Effective number of labels behind `win` and `loss`.
    minimum : float
        Fraction of equity to hold while `effective` is below `FEWEST`.

    Returns
    -------
    float
        `fraction`·k·f*, not capped. `minimum` with too few labels, whatever the odds seem to be. 0 where
        `p` is NaN: a model that has not spoken buys nothing.
    """
    if not p == p:
        return 0.0
    if not effective >= FEWEST:
        return minimum
    return fraction * shrunk_kelly_nb(p, win, loss, variance)
