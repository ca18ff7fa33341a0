"""Scores of a split, thresholds, rates and AUCs."""
