"""Figures and findings in a reviewer's words."""
