"""Bars: schema, readers, store, sessions, and the panel of arrays."""

from research.data.panel import Panel, PanelBuilder, to_panel
from research.data.sample import load_sample

__all__ = ["Panel", "PanelBuilder", "load_sample", "to_panel"]
