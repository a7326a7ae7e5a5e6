"""Runs over history: the backtest, the sweep, and vectorbt behind them."""
