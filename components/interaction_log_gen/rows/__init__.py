"""Rows: joined, filtered, split and written."""
