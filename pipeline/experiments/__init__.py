"""Experiments: data that is prepared once, many trainings on it, and their figures."""
