# ---
# jupyter:
#   jupytext:
#     formats: ipynb,py:percent
#     text_representation:
#       extension: .py
#       format_name: percent
#       format_version: '1.3'
#       jupytext_version: 1.19.6
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # A first look
#
# From bars to features, signals, a backtest, a sweep and an export, through the public face of onepath and nothing
# else. Run the cells from top to bottom; no network and no keys are needed.

# %%
import research as rs

# %% [markdown]
# ## Bars
#
# Five real US stocks come with the package, daily from 2000 to 2013. Prices are raw; `adj_factor` carries splits and
# dividends. `bar_close` is the UTC instant at which a bar is complete. Bring your own with `rs.read_bars("bars.csv")`.

# %%
bars = rs.load_sample()
bars

# %% [markdown]
# ## Features and scores
#
# The catalogue says of each feature what it is, how many bars it needs and where its formula comes from. All are
# scale-free and read adjusted prices.

# %%
scores = ["trend_score", "momentum_score", "risk_score", "adaptive_mom"]
{name: rs.FEATURES[name].formula for name in scores}

# %%
table = rs.feature_matrix(bars, scores)
table.drop_nans().group_by("symbol", maintain_order=True).last()

# %% [markdown]
# Live, the same numbers come bar by bar. A stream that is fed in two blocks gives the same bits as the whole history:
# a live bar is a block of one.

# %%
stream = rs.FeatureStream(["AAPL"], scores)
apple = rs.load_sample("AAPL")
before, after = stream.push(apple.head(3000)), stream.push(apple.tail(-3000))
before.vstack(after).equals(rs.feature_matrix(apple, scores), null_equal=True)

# %% [markdown]
# ## Strategies
#
# A strategy is a record: the features it reads, its parameters, what can block an entry, and one function from feature
# rows to signals. `ma_crossover` is the old rule, kept as a baseline.

# %%
rs.STRATEGIES["adaptive_momentum"].summary, rs.DEFAULT_PARAMS["adaptive_momentum"]

# %% [markdown]
# ## Backtest
#
# Decided at the close, filled at the next open, costs included. The first 30 % of the span are reserved for training
# and not traded. `total_return` and `win_rate` are in percent. Every bar leaves a decision, also one without a trade:
# `gate` names what blocked the entry.

# %%
span = {"symbol": "AAPL", "start_date": "2005-01-01", "end_date": "2012-12-31", "initial_capital": 100_000}
result = rs.run_unified_backtest(**span, strategy="adaptive_momentum")
baseline = rs.run_unified_backtest(**span, strategy="ma_crossover")
result.total_return, result.sharpe_ratio, result.win_rate

# %%
result.trades

# %%
result.decisions.group_by("gate", maintain_order=True).len("bars")

# %% [markdown]
# The score-based strategy, the old rule, and buying and holding, side by side (fractions):

# %%
figures = ("trades_per_month", "total_return", "sharpe_ratio", "max_drawdown")
{name: (result.stats[name], baseline.stats[name], result.benchmark.get(name)) for name in figures}

# %% [markdown]
# ## Sweep
#
# A grid of parameters, each cell its own account. The best cell is the luckiest one: look for a broad plateau, not for
# a peak.

# %%
swept = rs.sweep(
    rs.load_sample(["AAPL", "IBM"]),
    strategy="adaptive_momentum",
    grid={"threshold": [0.0, 0.25, 0.5, 0.75, 1.0], "min_trend": [40, 50, 60, 70], "stop_atr": [2, 3]},
)
swept.metrics.head()

# %%
swept.heatmap("threshold", "min_trend", "sharpe_ratio")

# %% [markdown]
# ## Export
#
# What the strategy wanted at each close, with every score that it read, as a table for any other program.

# %%
rs.export_signals(bars, "signals.csv", strategy="adaptive_momentum", symbols=["AAPL", "IBM"])
