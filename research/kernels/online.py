"""The online loop between two retrainings: settle what has matured, weigh, calibrate, predict.

In: what the learners say of each row (raw probabilities), the labels that settle at each bar, and the
`Belief` carried so far. Out: the belief some bars later, and one column of predictions per bar and
symbol. A bar, in this order:

1. *Settle.* Each label that matured at this bar, traded or not: its win or loss joins the record; if the
   ensemble had spoken of it, Fixed-Share moves the weights, the pair (said, came) joins the calibration
   record, and champion and challenger are scored on it.
2. *Recalibrate* and take win and loss sizes anew, if anything settled; step the drift detector.
3. *Stop* if a retraining is due: the caller fits models, and comes back to step 4 of the same bar.
4. *Speak.* Mix the learners, calibrate, rank, size; remember what was said until its label settles.

A prediction at close t thus rests on labels settled at or before t. Running bars A+B gives the bits of
running A and then B with the belief that A left: live is a block of one bar.

Experts are the L learners, then two plain ones: the base rate and the equal-weight mean. A learner
without a model sleeps (NaN) and keeps its weight.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from research.kernels import belief as be
from research.kernels.belief import Belief
from research.kernels.calibration import platt_fit_nb, platt_nb
from research.kernels.drift import ALARM as DRIFTED
from research.kernels.drift import detect_overlap_nb
from research.kernels.jit import njit
from research.kernels.kelly import break_even_nb, shrunk_kelly_nb
from research.kernels.mixing import log_loss_nb, mix_nb, share_nb
from research.kernels.rank import percentile_nb

__all__ = ["ALARM", "DONE", "SCHEDULE", "refer_nb", "speak_nb"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]

# What `speak_nb` stopped for.
DONE, SCHEDULE, ALARM = 0, 1, 2

# Settings, by position.
EVERY = 0  # bars between retrainings
FIRST = 1  # settled labels before the first fit
SHARE = 2  # Fixed-Share's alpha
RIDGE = 3  # pull of the calibration toward "leave it alone"
BY_RANK = 4  # confidence: 1 rank, 0 probability
DRIFT_LABELS = 5  # pairs on record before the detector starts
N_SETTINGS = 6

# The drift detector has nothing to bet below this hit rate.
_LEAST_REFERENCE = 0.2
_FEWEST_RANKED = 20


@njit
def settle_nb(belief: Belief, symbol: int, birth: int, t_end: int, net: float, alpha: float) -> None:
    """Learn from one settled label."""
    carried, weights = belief.carried, belief.weights
    m = weights.size
    learners = belief.duel.shape[0]
    y = 1.0 if net > 0.0 else 0.0
    at = int(carried[be.RING_AT])
    belief.net[at] = net
    belief.span[at] = 1.0 / (t_end - birth)
    carried[be.RING_AT] = (at + 1) % belief.net.size
    carried[be.RING_N] = min(carried[be.RING_N] + 1.0, float(belief.net.size))
    carried[be.SETTLED] += 1.0
    for h in range(belief.birth.shape[1]):
        if belief.birth[symbol, h] != birth:
            continue
        belief.birth[symbol, h] = -1
        said = belief.said[symbol, h]
        mixed, calibrated = said[m + learners + be.MIXED], said[m + learners + be.CALIBRATED]
        if not mixed == mixed:
            return
        share_nb(weights, said[:m], y, alpha)
        at = int(carried[be.SAID_AT])
        hit = 1.0 if (calibrated > 0.5) == (y > 0.5) else 0.0
        belief.logit[at] = math.log(mixed / (1.0 - mixed))
        belief.came[at] = y
        carried[be.SAID_AT] = (at + 1) % belief.logit.size
        carried[be.SAID_N] = min(carried[be.SAID_N] + 1.0, float(belief.logit.size))
        carried[be.HITS] += hit
        carried[be.HIT_COUNT] += 1.0
        for k in range(learners):
            champion, challenger = said[k], said[m + k]
            if champion == champion and challenger == challenger:
                belief.duel[k, 0] += 1.0
                belief.duel[k, 1] += log_loss_nb(champion, y)
                belief.duel[k, 2] += log_loss_nb(challenger, y)
        return


@njit
def resize_nb(belief: Belief) -> None:
    """Take base rate, mean win, mean loss and the effective number of labels from the record."""
    carried = belief.carried
    n = int(carried[be.RING_N])
    wins = losses = 0
    won = lost = weight = 0.0
    for k in range(n):
        weight += belief.span[k]
        if belief.net[k] > 0.0:
            wins += 1
            won += belief.net[k]
        else:
            losses += 1
            lost -= belief.net[k]
    carried[be.BASE] = wins / n if n > 0 else math.nan
    carried[be.WIN] = won / wins if wins > 0 else math.nan
    carried[be.LOSS] = lost / losses if losses > 0 else math.nan
    carried[be.WEIGHT_SUM] = weight


@njit
def watch_nb(belief: Belief, bar: int) -> bool:
    """Step the drift detector on the hits of the labels that settled at this bar; say if it alarms."""
    carried = belief.carried
    rate = math.nan
    if carried[be.HIT_COUNT] > 0.0:
        rate = carried[be.HITS] / carried[be.HIT_COUNT]
        at = int(carried[be.RATE_AT])
        belief.rate[at] = rate
        carried[be.RATE_AT] = (at + 1) % belief.rate.size
        carried[be.RATE_N] = min(carried[be.RATE_N] + 1.0, float(belief.rate.size))
    carried[be.HITS] = carried[be.HIT_COUNT] = 0.0
    if not carried[be.REFERENCE] == carried[be.REFERENCE]:
        return False
    carried[be.DRIFT] = detect_overlap_nb(belief.turns, bar, rate, carried[be.REFERENCE])
    return bool(carried[be.DRIFT] >= DRIFTED)


@njit
def refer_nb(belief: Belief, settings: F64) -> None:
    """Set the hit rate that drift is measured from, a mean over bars as the detector's own is.

    The detector itself goes on: begun anew at each retraining, it would never live to see an alarm.
    """
    carried = belief.carried
    if carried[be.SAID_N] < settings[DRIFT_LABELS]:
        return
    n = int(carried[be.RATE_N])
    rates = 0.0
    for k in range(n):
        rates += belief.rate[k]
    carried[be.REFERENCE] = max(rates / n, _LEAST_REFERENCE)


@njit
def predict_nb(belief: Belief, j: int, bar: int, said: F64, settings: F64, out: F64, spoken: F64) -> None:
    """Speak of symbol `j` at `bar`: fill the plain experts, mix, calibrate, rank, size, remember."""
    carried, weights = belief.carried, belief.weights
    m = weights.size
    learners = belief.duel.shape[0]
    total, awake = 0.0, 0
    for k in range(learners):
        if said[k] == said[k]:
            total += said[k]
            awake += 1
    base = carried[be.BASE]
    said[learners] = base if awake > 0 else math.nan
    said[learners + 1] = total / awake if awake > 0 else math.nan
    for k in range(m):
        spoken[k] = said[k]
    for q in range(out.size):
        out[q] = math.nan
    if awake == 0:
        return
    mixed = min(max(mix_nb(weights, said[:m]), 0.01), 0.99)
    p = platt_nb(carried[be.SLOPE], carried[be.INTERCEPT], mixed)
    said[m + learners + be.MIXED] = mixed
    said[m + learners + be.CALIBRATED] = p
    h = belief.slot[j]
    belief.birth[j, h] = bar
    for k in range(said.size):
        belief.said[j, h, k] = said[k]
    belief.slot[j] = (h + 1) % belief.birth.shape[1]

    win, loss, effective = carried[be.WIN], carried[be.LOSS], carried[be.WEIGHT_SUM]
    level = break_even_nb(win, loss)
    out[be.PROBABILITY] = p
    out[be.EDGE] = p - level
    out[be.BREAK_EVEN] = level
    out[be.EFFECTIVE] = effective
    out[be.KELLY] = shrunk_kelly_nb(p, win, loss, p * (1.0 - p) / effective) if effective > 0.0 else 0.0
    if settings[BY_RANK] != 0.0:
        away = abs(p - base)
        at, n = belief.ranked[j, 0], belief.ranked[j, 1]
        belief.distance[j, at] = away
        size = belief.distance.shape[1]
        belief.ranked[j, 0] = (at + 1) % size
        n = min(n + 1, size)
        belief.ranked[j, 1] = n
        # A rank among a handful is no confidence.
        out[be.CONFIDENCE] = percentile_nb(belief.distance[j], n, away) if n >= _FEWEST_RANKED else math.nan
    else:
        out[be.CONFIDENCE] = max(p, 1.0 - p)


@njit
def speak_nb(
    belief: Belief,
    settings: F64,
    first: int,
    start: int,
    stop: int,
    resumed: bool,
    t_end: I64,
    symbol: I64,
    birth: I64,
    net: F64,
    event: int,
    raw: F64,
    asked: NDArray[np.bool_],
    out: F64,
    spoken: F64,
    weights: F64,
) -> tuple[int, int, int]:
    """Run the loop over bars until the block ends or a retraining is due.

    Parameters
    ----------
    belief : Belief
        Changed in place.
    settings : (N_SETTINGS,) float64
    first : int
        Bar number of the block's first bar.
    start, stop : int
        Bars of the block to run.
    resumed : bool
        Bar `start` has been settled; models were just fitted.
    t_end, symbol, birth : (R,) int64
        Labels of the block, by bar at which they settled.
    net : (R,) float64
    event : int
        First label not yet settled.
    raw : (2L, N, B) float64
        What champions, then challengers say; NaN: has no model, or was not asked.
    asked : (N, B) bool
        Whether a row is spoken of: the symbol has a bar and its features are complete.
    out : (N_PREDICTIONS, N, B) float64, changed in place
    spoken : (M, N, B) float64, changed in place
        What each expert said.
    weights : (M, B) float64, changed in place
        At each bar, after settling.

    Returns
    -------
    int, int, int
        Bar reached (not yet spoken of if a retraining is due), next label, DONE, SCHEDULE or ALARM.
    """
    carried = belief.carried
    learners = belief.duel.shape[0]
    m = belief.weights.size
    said = np.empty(m + learners + be.N_SAID)
    column, column_m = np.empty(out.shape[0]), np.empty(m)
    for i in range(start, stop):
        if not (resumed and i == start):
            before = event
            while event < t_end.size and t_end[event] == first + i:
                settle_nb(belief, symbol[event], birth[event], t_end[event], net[event], settings[SHARE])
                event += 1
            if event > before:
                resize_nb(belief)
                n = int(carried[be.SAID_N])
                if n > 0:
                    fitted = np.empty(2)
                    # Overlapping labels repeat each other: the data count as their effective number.
                    ridge = settings[RIDGE] * carried[be.RING_N] / carried[be.WEIGHT_SUM]
                    platt_fit_nb(belief.logit, belief.came, n, ridge, fitted)
                    carried[be.SLOPE], carried[be.INTERCEPT] = fitted[0], fitted[1]
            alarm = watch_nb(belief, first + i)
            carried[be.SINCE] += 1.0
            if carried[be.SETTLED] >= settings[FIRST]:
                if alarm:
                    return i, event, ALARM
                if carried[be.SINCE] >= settings[EVERY]:
                    return i, event, SCHEDULE
        for k in range(m):
            weights[k, i] = belief.weights[k]
        for j in range(raw.shape[1]):
            if not asked[j, i]:
                for q in range(out.shape[0]):
                    out[q, j, i] = math.nan
                for k in range(m):
                    spoken[k, j, i] = math.nan
                continue
            for k in range(learners):
                said[k] = raw[k, j, i]
                said[m + k] = raw[learners + k, j, i]
            said[m + learners] = said[m + learners + 1] = math.nan
            predict_nb(belief, j, first + i, said, settings, column, column_m)
            for q in range(out.shape[0]):
                out[q, j, i] = column[q]
            for k in range(m):
                spoken[k, j, i] = column_m[k]
    return stop, event, DONE
