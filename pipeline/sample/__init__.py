"""Generated logs: the shipped sample, and one of any size."""
