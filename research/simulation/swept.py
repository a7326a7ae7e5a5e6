"""What a sweep found, judged and drawn: winners that survive their own selection, heatmaps, slices.

In: the outcome of a sweep (`research.simulation.outcome`). Out: figures, and the best cell with its verdict.

The best of many cells is the luckiest, and its figures say nothing without a correction for the
search; `best` gives no winner without it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from research.simulation.outcome import Outcome

if TYPE_CHECKING:
    from research.evidence.sharpe import Convention
    from research.simulation.forward import WalkForward
    from research.simulation.winner import Winner

__all__ = ["SweepResult"]


@dataclass(frozen=True, eq=False)
class SweepResult(Outcome):
    """The figures of a sweep, as `Outcome` holds them, with what judges and draws them."""

    def heatmap(self, x: str, y: str, metric: str = "sharpe_ratio", symbol: str | None = None) -> Any:
        """Draw a metric over two parameters; a slider goes through the others, and the symbols.

        Parameters
        ----------
        x, y : str
            Varied parameters, not the same one.
        metric : str
            A figure of `metrics`.
        symbol : str, optional
            One symbol, or "mean" for the mean over all of them; default: each on the slider.

        Returns
        -------
        plotly.graph_objects.Figure

        Raises
        ------
        UnknownName
            A parameter that was not varied, a metric or a symbol that does not exist.
        BadValue
            x and y are the same, or no cell is finished.

        Examples
        --------
        >>> from research import load_sample, sweep
        >>> swept = sweep(load_sample(["IBM"]), grid={"threshold": [0, 0.5, 1], "min_trend": [50, 70]})
        >>> swept.heatmap("threshold", "min_trend").data[0].z.shape
        (2, 3)
        """
        from research.report.figures import heatmap

        return heatmap(self, x, y, metric, symbol)

    def best(
        self,
        metric: str = "sharpe_ratio",
        symbol: str | None = None,
        *,
        sample: int = 2000,
        convention: Convention = "2014",
        reps: int = 2000,
        seed: int = 0,
    ) -> Winner:
        """Return the best cell with what says whether it is more than the luckiest of all.

        Parameters
        ----------
        metric : str
            A figure of `metrics` of which more is better.
        symbol : str, optional
            Needed where there are several.
        sample : int
            Cells whose returns are held and judged together; of a larger search, a random sample
            that holds the winner and its neighbours, and the winner says so.
        convention : {"2014", "2025"}
            Standard error of the Sharpe ratios, see `research.evidence.sharpe`.
        reps, seed : int
            Resamples of the bootstrap, and its seed.

        Returns
        -------
        Winner
            Parameters, figures, neighbours, and the verdict: probabilistic and deflated Sharpe ratio,
            PBO, SPA and StepM, the track record needed.

        Raises
        ------
        UnknownName, BadValue
            A metric or symbol that does not exist, a metric of which more is not better, or no cell that
            ever traded.
        SnapshotMismatch, OutputError
            The ledger is of another version, or damaged, or cannot be written.

        Examples
        --------
        >>> from research import load_sample, sweep
        >>> swept = sweep(load_sample(["IBM"]), grid={"threshold": [0, 0.5, 1], "min_trend": [50, 70]})
        >>> winner = swept.best("sharpe_ratio")
        >>> winner.params["min_trend"], winner.significant
        (50.0, False)
        """
        from research.simulation.winner import best

        return best(self, metric, symbol, sample=sample, convention=convention, reps=reps, seed=seed)

    def walk_forward(
        self,
        metric: str = "sharpe_ratio",
        symbol: str | None = None,
        *,
        n_splits: int = 5,
        train_bars: int | None = None,
        test_bars: int | None = None,
    ) -> WalkForward:
        """Pick parameters on each train span and trade them on the next, without a trade across a boundary.

        Parameters
        ----------
        metric : str
            A figure of `metrics` of which more is better: what is picked by.
        symbol : str, optional
            Needed where there are several.
        n_splits : int
            Folds of equal test spans; every train span begins at the first bar.
        train_bars, test_bars : int, optional
            Both instead: train spans of one length that move on by a test span.

        Returns
        -------
        WalkForward
            The folds, the stitched equity beside the in-sample winner's, `figure()`.

        Raises
        ------
        UnknownName, BadValue, NotEnoughHistory
            As `best` says; spans that are too short, or more than there is.

        Examples
        --------
        >>> from research import load_sample, sweep
        >>> swept = sweep(load_sample(["IBM"]), grid={"threshold": [0, 0.5, 1], "min_trend": [50, 70]})
        >>> swept.walk_forward(n_splits=4).folds["threshold"].len()
        4
        """
        from research.simulation.forward import walk_forward

        return walk_forward(
            self, metric, symbol, n_splits=n_splits, train_bars=train_bars, test_bars=test_bars
        )

    def deflated_heatmap(self, x: str, y: str, symbol: str | None = None) -> Any:
        """Draw Sharpe ratios over two parameters; cells that are not distinguishable from luck fade.

        Parameters and errors as of `heatmap`; `symbol` is needed where there are several.

        Returns
        -------
        plotly.graph_objects.Figure
            In full colour above a deflated Sharpe ratio of 0.95, pale below, white at 0.5.
        """
        from research.report.deflated import deflated_heatmap

        return deflated_heatmap(self, x, y, symbol)

    def parallel(self, metric: str = "sharpe_ratio", symbol: str | None = None) -> Any:
        """Draw every cell as a line through all its parameters to its score: for three and more.

        Parameters and errors as of `heatmap`; `symbol` is needed where there are several.

        Returns
        -------
        plotly.graph_objects.Figure
        """
        from research.report.views import parallel

        return parallel(self, metric, symbol)

    def slices(
        self, metric: str = "sharpe_ratio", symbol: str | None = None, *, winner: Winner | None = None
    ) -> Any:
        """Draw the score along each parameter through the winner, which is marked with its verdict.

        Parameters and errors as of `best`; a `winner` that is at hand need not be judged again.

        Returns
        -------
        plotly.graph_objects.Figure
        """
        from research.report.views import slices

        return slices(self, metric, symbol, winner=winner)
