"""The trade-off of fairness and error as a whole: a grid of settings, its Pareto frontier, and a run for each point."""
