"""How a sweep's figures are shown: title, unit, factor, digits, and what is neither good nor bad."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

__all__ = ["LOOKS", "Look"]


@dataclass(frozen=True)
class Look:
    """How a metric is shown: title with unit, factor, digits, and the value that is neither good nor bad.

    Where `centre` is None no value is neutral, and the middle of the colours is the median.
    """

    title: str
    scale: float = 1.0
    digits: int = 2
    unit: str = ""
    centre: float | None = 0.0

    @property
    def name(self) -> str:
        """The title without its unit."""
        return self.title.split(",")[0]

    @property
    def heading(self) -> str:
        """The name as a heading begins."""
        return self.name[0].upper() + self.name[1:]


def _percent(title: str, digits: int = 1, centre: float | None = 0.0) -> Look:
    return Look(title, 100.0, digits, " %", centre)


LOOKS: Mapping[str, Look] = {
    "total_return": _percent("total return, %"),
    "annual_return": _percent("annual return, %"),
    "volatility": _percent("annual volatility, %", centre=None),
    "sharpe_ratio": Look("Sharpe ratio"),
    "sortino_ratio": Look("Sortino ratio"),
    "calmar_ratio": Look("Calmar ratio"),
    "max_drawdown": _percent("maximum drawdown, %", centre=None),
    "max_drawdown_bars": Look("longest drawdown, bars", digits=0, unit=" bars", centre=None),
    "trades": Look("closed trades", digits=0, centre=None),
    "win_rate": _percent("win rate, %", centre=0.5),
    "profit_factor": Look("profit factor", centre=1.0),
    "expectancy": Look("expectancy, USD a trade", digits=0, unit=" USD"),
    "average_trade": _percent("average trade, %", digits=2),
    "average_bars_held": Look("average bars held", digits=0, unit=" bars", centre=None),
    "exposure": _percent("average exposure, % of equity", centre=None),
    "time_in_market": _percent("time in the market, % of bars", centre=None),
    "turnover": Look("turnover, × equity a year", digits=1, centre=None),
}
