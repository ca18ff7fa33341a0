"""Experiments on the project's own components; each writes the table that stands beside it."""
