"""Bars by symbol beside the project's features on them."""

from __future__ import annotations

from dataclasses import dataclass

import polars as pl

from research.features.catalogue import FEATURES
from research.features.matrix import feature_matrix
from tests.features.oracles.tables import own_bars
from tests.features.oracles.windows import Bars, Series

__all__ = ["Market"]


@dataclass(frozen=True)
class Market:
    """Bars by symbol, and the project's features on them by symbol and name."""

    bars: dict[str, Bars]
    values: dict[str, dict[str, Series]]

    @classmethod
    def of(cls, table: pl.DataFrame, names: list[str] | None = None) -> Market:
        """Compute `names` (all features) on `table` by one call of `feature_matrix`."""
        names = list(FEATURES) if names is None else names
        matrix = feature_matrix(table, names)
        rows = {key[0]: group for key, group in matrix.group_by("symbol", maintain_order=True)}
        values = {
            str(symbol): {name: group.sort("bar_close")[name].cast(pl.Float64).to_numpy() for name in names}
            for symbol, group in rows.items()
        }
        return cls(own_bars(table), values)
