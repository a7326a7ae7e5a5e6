"""Bars: schema, readers, store, sessions, and the panel of arrays."""

from research.data.bars import DroppedRows, validate_bars
from research.data.history import as_known_at, between
from research.data.panel import Panel, PanelBuilder, to_panel
from research.data.readers import read_bars
from research.data.sample import load_sample
from research.data.sessions import periods_per_year, session_closes
from research.data.store import BarStore

__all__ = [
    "BarStore",
    "DroppedRows",
    "Panel",
    "PanelBuilder",
    "as_known_at",
    "between",
    "load_sample",
    "periods_per_year",
    "read_bars",
    "session_closes",
    "to_panel",
    "validate_bars",
]
