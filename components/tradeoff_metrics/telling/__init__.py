"""Figures and bounds in words, for the gate and for the report."""
