"""The learners of an ensemble: who speaks now (champions), who wants to (challengers), who has failed.

In: rows to fit on, rows to speak of, and how champion and challenger did on the same settled labels.
Out: raw probabilities, and what happened, in words. A challenger takes its champion's place only where
its log loss, on labels that settled after both had spoken, is the lower one.

A learner that raises is dropped, with an event; the others go on.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from research.errors import DataError
from research.learning.contract import SEED_END, Fitted, Learner
from research.learning.history import History, Rows
from research.learning.model import FAILURES, Failure, Model, in_one_line
from research.learning.threads import side_by_side

__all__ = ["Ensemble"]

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]
# Below this many rows, starting threads costs more than the models take to answer.
_WORTH_THREADS = 256


class Ensemble:
    """Champions and challengers, by learner.

    Parameters
    ----------
    learners : sequence of Learner
    names : sequence of str
        Features, for messages.
    seed : int
    jobs : int
        Threads.

    Attributes
    ----------
    champions, challengers : list of Model or None
        In the order of `learners`.
    dropped : dict
        Learner -> why it was dropped.
    """

    def __init__(
        self, learners: Sequence[Learner], names: Sequence[str], *, seed: int, jobs: int = 1
    ) -> None:
        self._learner = {learner.name: learner for learner in learners}
        self.learners = tuple(self._learner)
        self.names = tuple(names)
        self.seed = seed
        self.jobs = jobs
        self.champions: list[Model | None] = [None] * len(self.learners)
        self.challengers: list[Model | None] = [None] * len(self.learners)
        self.dropped: dict[str, str] = {}
        self._written: dict[str, bytes] = {}

    @property
    def sequence(self) -> int:
        """Bars that the learner with the longest memory reads."""
        return max(learner.sequence for learner in self._learner.values())

    @property
    def has_spoken(self) -> bool:
        """Whether any champion is there."""
        return any(self.champions)

    @property
    def id(self) -> str:
        """Name of the champions as they are now; "" before the first fit."""
        if not self.has_spoken:
            return ""
        text = " ".join(model.id for model in self.champions if model is not None)
        return hashlib.sha256(text.encode()).hexdigest()[:8]

    def speak(
        self, history: History, symbol: NDArray[np.int64], bar: NDArray[np.int64]
    ) -> tuple[F64, dict[str, Failure]]:
        """Ask every model of some rows.

        Parameters
        ----------
        history : History
        symbol, bar : (R,) int64

        Returns
        -------
        (2L, R) float64, dict of str to Failure
            Champions, then challengers; NaN where there is none, and from the bar on at which one failed.
            And the learners that failed: where they would have, had each bar been asked by itself.
        """
        models = [*self.champions, *self.challengers]
        out = np.full((len(models), symbol.size), np.nan)
        inputs = {
            n: history.inputs(symbol, bar, n)
            for n in {self._learner[m.learner].sequence for m in models if m is not None}
        }

        def ask(k: int) -> Failure | None:
            model = models[k]
            if model is None or not symbol.size:
                return None
            x = inputs[self._learner[model.learner].sequence]
            if (why := model.answer(x, out[k])) is None:
                return None
            # Which bar it failed at must not depend on what else was asked with it.
            out[k] = np.nan
            for one in np.unique(bar):
                rows = np.flatnonzero(bar == one)
                said = np.empty(rows.size)
                if (why := model.answer(x[rows], said)) is not None:
                    return Failure(int(one), why)
                out[k, rows] = said
            return None

        failed: dict[str, Failure] = {}
        jobs = self.jobs if symbol.size >= _WORTH_THREADS else 1
        for k, failure in enumerate(side_by_side(ask, len(models), jobs)):
            name = self.learners[k % len(self.learners)]
            if failure is not None and (name not in failed or failure.bar < failed[name].bar):
                failed[name] = failure
        return out, failed

    def opinion(self, x: NDArray[np.float32]) -> F64:
        """Return the equal-weight mean of the champions.

        Parameters
        ----------
        x : (R, sequence, K) float32
            Rows of the longest memory; a learner with a shorter one reads their end.

        Returns
        -------
        (R,) float64
            NaN without a champion.
        """
        speak = [m for m in self.champions if m is not None]
        total = np.zeros(len(x))
        for model in speak:
            total += model.fitted.predict(x[:, x.shape[1] - self._learner[model.learner].sequence :])
        return total / len(speak) if speak else np.full(len(x), np.nan)

    def settle(self, duel: F64, least: int) -> list[str]:
        """Let challengers that did better on enough labels take over; return what happened.

        Parameters
        ----------
        duel : (L, 3) float64, changed in place
            Labels scored, log loss of champion, of challenger. Cleared where decided.
        least : int
            Labels that decide.
        """
        told = []
        for k, (champion, challenger) in enumerate(zip(self.champions, self.challengers, strict=True)):
            count, theirs, ours = duel[k]
            if champion is None or challenger is None or count < least:
                continue
            better = ours < theirs
            verb = "replaces" if better else "does not replace"
            told.append(
                f"{challenger.id} {verb} {champion.id}: log loss {ours / count:.5f} against "
                f"{theirs / count:.5f} on {int(count)} labels"
            )
            if better:
                self.champions[k] = challenger
            self.challengers[k] = None
            duel[k] = 0.0
        return told

    def fit(self, history: History, rows: Rows, cutoff: int, stamp: str) -> list[str]:
        """Fit a challenger wherever none is on trial; the first model of a learner is its champion.

        Parameters
        ----------
        history : History
        rows : Rows
            Settled by `cutoff`.
        cutoff : int
        stamp : str
            The close of bar `cutoff`.

        Returns
        -------
        list of str
            What failed, in words.

        Raises
        ------
        DataError
            These rows cannot be learned from; nothing has changed.
        """
        due = [
            k
            for k, name in enumerate(self.learners)
            if name not in self.dropped and (self.champions[k] is None or self.challengers[k] is None)
        ]
        inputs = {
            n: history.inputs(rows.symbol, rows.birth, n)
            for n in {self._learner[self.learners[k]].sequence for k in due}
        }
        made: dict[int, Fitted] = {}

        def learn(i: int) -> str | None:
            k = due[i]
            learner = self._learner[self.learners[k]]
            try:
                made[k] = learner.fit(
                    inputs[learner.sequence],
                    rows.y,
                    rows.weight,
                    seed=(self.seed + cutoff) % SEED_END,
                    names=self.names,
                )
            except DataError:
                raise  # the rows' fault, not the learner's
            except FAILURES as failure:
                return in_one_line(failure)
            return None

        failures = side_by_side(learn, len(due), self.jobs)
        told = [
            self.drop(self.learners[k], why) for k, why in zip(due, failures, strict=True) if why is not None
        ]
        for k, fitted in sorted(made.items()):
            model = Model(self.learners[k], cutoff, stamp, fitted)
            if self.champions[k] is None:
                self.champions[k] = model
            else:
                self.challengers[k] = model
        return told

    def _file(self, role: str, learner: str) -> str:
        return f"{role}-{learner}.{self._learner[learner].suffix}"

    def drop(self, learner: str, why: str) -> str:
        """Send a learner home for good; return what happened, in words."""
        k = self.learners.index(learner)
        self.champions[k] = self.challengers[k] = None
        self.dropped[learner] = why
        left = len(self.learners) - len(self.dropped)
        return f"{learner} is dropped from the mixture, {left} of {len(self.learners)} learners go on: {why}"

    def rows_of(self, learner: str) -> list[int]:
        """Rows of `speak` that are a learner's."""
        k = self.learners.index(learner)
        return [k, k + len(self.learners)]

    def describe(self) -> dict[str, list[dict[str, object] | None]]:
        """Return who is who as JSON holds it; the models themselves are files."""
        return {
            role: [
                None if m is None else {"learner": m.learner, "cutoff": m.cutoff, "stamp": m.stamp}
                for m in models
            ]
            for role, models in (("champions", self.champions), ("challengers", self.challengers))
        }

    def files(self) -> dict[str, bytes]:
        """Return every model in its native format, by file name."""
        kept = self._written
        self._written = {
            model.id: kept.get(model.id) or model.fitted.to_bytes()
            for model in (*self.champions, *self.challengers)
            if model is not None
        }
        return {
            self._file(role, model.learner): self._written[model.id]
            for role, models in (("champion", self.champions), ("challenger", self.challengers))
            for model in models
            if model is not None
        }

    def load(
        self, told: Mapping[str, Sequence[Mapping[str, object] | None]], files: Mapping[str, bytes]
    ) -> None:
        """Take up what `describe` and `files` gave."""
        for role, models in (("champions", self.champions), ("challengers", self.challengers)):
            for k, one in enumerate(told[role]):
                if one is None:
                    models[k] = None
                    continue
                name = str(one["learner"])
                fitted = self._learner[name].from_bytes(files[self._file(role[:-1], name)])
                models[k] = Model(name, int(str(one["cutoff"])), str(one["stamp"]), fitted)
