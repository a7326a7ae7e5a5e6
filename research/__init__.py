"""onepath's public face: ``import research as rs``.

Bars in, features, signals and orders out, on the code path that also trades live.
The names below are the whole public face; each is loaded when it is first asked
for, so that ``import research`` costs next to nothing and the live runner never
pays for plots or vectorbt.

Examples
--------
>>> import research as rs
>>> rs.load_sample("AAPL")["symbol"].unique().to_list()
['AAPL']
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from research.data.bars import validate_bars
    from research.data.panel import Panel, to_panel
    from research.data.readers import read_bars
    from research.data.sample import load_sample
    from research.data.store import BarStore
    from research.engine import UnifiedTradingEngine
    from research.errors import OnepathError
    from research.evidence.audit import audit
    from research.evidence.leaks import planted_leaks
    from research.execution import Execution
    from research.features.catalogue import FEATURES
    from research.features.matrix import FeatureStream, feature_matrix
    from research.learning.learners import LEARNERS
    from research.learning.settings import LearningSettings
    from research.report.export import export_signals
    from research.simulation.backtest import BacktestResult, run_unified_backtest
    from research.simulation.sweep import SweepResult, sweep
    from research.strategies import DEFAULT_PARAMS, STRATEGIES

__version__ = "0.1.0"

__all__ = [
    "DEFAULT_PARAMS",
    "FEATURES",
    "LEARNERS",
    "STRATEGIES",
    "BacktestResult",
    "BarStore",
    "Execution",
    "FeatureStream",
    "LearningSettings",
    "OnepathError",
    "Panel",
    "SweepResult",
    "UnifiedTradingEngine",
    "audit",
    "export_signals",
    "feature_matrix",
    "load_sample",
    "planted_leaks",
    "read_bars",
    "run_unified_backtest",
    "sweep",
    "to_panel",
    "validate_bars",
]

# Where each public name lives. The imports above say the same to type checkers; a test holds the two equal.
_HOME = {
    "DEFAULT_PARAMS": "research.strategies",
    "FEATURES": "research.features.catalogue",
    "LEARNERS": "research.learning.learners",
    "STRATEGIES": "research.strategies",
    "BacktestResult": "research.simulation.backtest",
    "BarStore": "research.data.store",
    "Execution": "research.execution",
    "FeatureStream": "research.features.matrix",
    "LearningSettings": "research.learning.settings",
    "OnepathError": "research.errors",
    "Panel": "research.data.panel",
    "SweepResult": "research.simulation.sweep",
    "UnifiedTradingEngine": "research.engine",
    "audit": "research.evidence.audit",
    "export_signals": "research.report.export",
    "feature_matrix": "research.features.matrix",
    "load_sample": "research.data.sample",
    "planted_leaks": "research.evidence.leaks",
    "read_bars": "research.data.readers",
    "run_unified_backtest": "research.simulation.backtest",
    "sweep": "research.simulation.sweep",
    "to_panel": "research.data.panel",
    "validate_bars": "research.data.bars",
}


def __getattr__(name: str) -> object:
    """Load a public name on first use (PEP 562)."""
    if name not in _HOME:
        raise AttributeError(f"module 'research' has no attribute {name!r}; it offers {', '.join(__all__)}")
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """List the public names, loaded or not."""
    return sorted({*globals(), *__all__})
