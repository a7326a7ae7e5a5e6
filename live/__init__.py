"""The live side: one thin loop around the engine that the backtest drives too.

It imports neither vectorbt nor plotly; a test and an import contract say so.
"""
