"""Learning that drives the trades: labels, learners, the online loop, artifacts."""
