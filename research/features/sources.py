"""Where the features come from: author, title, year, page or chapter."""

from __future__ import annotations

from typing import Final

__all__ = ["SOURCES"]

SOURCES: Final[dict[str, str]] = {
    "alizadeh": "S. Alizadeh, M. Brandt, F. Diebold, Range-Based Estimation of Stochastic Volatility "
    "Models, Journal of Finance 57(3), 2002, p. 1047",
    "amihud": "Y. Amihud, Illiquidity and Stock Returns, Journal of Financial Markets 5(1), 2002, "
    "p. 34, eq. 1",
    "appel": "G. Appel, The Moving Average Convergence-Divergence Trading Method, 1985",
    "berkowitz": "S. Berkowitz, D. Logue, E. Noser, The Total Cost of Transactions on the NYSE, "
    "Journal of Finance 43(1), 1988, p. 97",
    "bollinger": "J. Bollinger, Bollinger on Bollinger Bands, 2002, ch. 7-8",
    "brock": "W. Brock, J. Lakonishok, B. LeBaron, Simple Technical Trading Rules and the "
    "Stochastic Properties of Stock Returns, Journal of Finance 47(5), 1992, p. 1731",
    "chaikin": "M. Chaikin's money flow, in S. Achelis, Technical Analysis from A to Z, 2nd ed., 2000",
    "chan": "E. Chan, Algorithmic Trading, 2013, ch. 2-3",
    "chande_aroon": "T. Chande, A Time Price Oscillator, Stocks & Commodities 13(9), 1995, p. 369",
    "chande_cmo": "T. Chande, S. Kroll, The New Technical Trader, 1994, ch. 5 (sum form)",
    "chordia": "T. Chordia, A. Subrahmanyam, R. Anshuman, Trading Activity and Expected Stock "
    "Returns, Journal of Financial Economics 59(1), 2001, p. 3",
    "clm": "J. Campbell, A. Lo, A. MacKinlay, The Econometrics of Financial Markets, 1997, p. 11 and ch. 2",
    "donchian": "R. Donchian, High Finance in Copper, Financial Analysts Journal 16(6), 1960, p. 133",
    "garman": "M. Garman, M. Klass, On the Estimation of Security Price Volatilities from "
    "Historical Data, Journal of Business 53(1), 1980, p. 67",
    "george": "T. George, C. Hwang, The 52-Week High and Momentum Investing, Journal of Finance "
    "59(5), 2004, p. 2145",
    "gervais": "S. Gervais, R. Kaniel, D. Mingelgrin, The High-Volume Return Premium, Journal of "
    "Finance 56(3), 2001, p. 877",
    "granville": "J. Granville, Granville's New Key to Stock Market Profits, 1963",
    "hull": "J. Hull, Options, Futures, and Other Derivatives, section on volatility from historical data",
    "hutson": "J. Hutson, Good TRIX, Stocks & Commodities 1(5), 1983, p. 105",
    "jegadeesh": "N. Jegadeesh, S. Titman, Returns to Buying Winners and Selling Losers, Journal of "
    "Finance 48(1), 1993, p. 65",
    "joanes": "D. Joanes, C. Gill, Comparing Measures of Sample Skewness and Kurtosis, The "
    "Statistician 47(1), 1998, p. 183 (g1)",
    "kaufman": "P. Kaufman, Smarter Trading, 1995, ch. 6",
    "lambert": "D. Lambert, Commodity Channel Index, Commodities Magazine, October 1980, p. 40",
    "lane": "G. Lane, Lane's Stochastics, Stocks & Commodities 2(3), 1984, p. 87",
    "lee": "C. Lee, B. Swaminathan, Price Momentum and Trading Volume, Journal of Finance 55(5), "
    "2000, p. 2017",
    "lo": "A. Lo, A. MacKinlay, Stock Market Prices Do Not Follow Random Walks, Review of "
    "Financial Studies 1(1), 1988, p. 41, eq. 12-13",
    "lou": "D. Lou, C. Polk, S. Skouras, A Tug of War: Overnight Versus Intraday Expected "
    "Returns, Journal of Financial Economics 134(1), 2019, p. 192",
    "magdon": "M. Magdon-Ismail, A. Atiya, Maximum Drawdown, Risk 17(10), 2004, p. 99",
    "moskowitz": "T. Moskowitz, Y. Ooi, L. Pedersen, Time Series Momentum, Journal of Financial "
    "Economics 104(2), 2012, p. 228 (returns over their volatility)",
    "nison": "S. Nison, Japanese Candlestick Charting Techniques, 1991, ch. 3",
    "ols": "ordinary least squares; A. Clenow, Stocks on the Move, 2015, ch. 7 (slope and r² of ln c)",
    "own": "this project",
    "parkinson": "M. Parkinson, The Extreme Value Method for Estimating the Variance of the Rate of "
    "Return, Journal of Business 53(1), 1980, p. 61",
    "quong": "G. Quong, A. Soudack, Volume-Weighted RSI: Money Flow, Stocks & Commodities 7(3), 1989, p. 76",
    "riskmetrics": "J.P. Morgan/Reuters, RiskMetrics Technical Document, 4th ed., 1996, table 5.1",
    "rogers": "L. Rogers, S. Satchell, Estimating Variance from High, Low and Closing Prices, "
    "Annals of Applied Probability 1(4), 1991, p. 504",
    "sortino": "F. Sortino, L. Price, Performance Measurement in a Downside Risk Framework, Journal "
    "of Investing 3(3), 1994, p. 59",
    "wilder": "J. W. Wilder, New Concepts in Technical Trading Systems, 1978",
    "williams": "L. Williams, How I Made One Million Dollars Last Year Trading Commodities, 1973",
    "yang": "D. Yang, Q. Zhang, Drift-Independent Volatility Estimation Based on High, Low, Open, "
    "and Close Prices, Journal of Business 73(3), 2000, p. 477, eq. 10",
}
