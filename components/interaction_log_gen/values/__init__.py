"""Cells, as the kind of value that the run wants."""
