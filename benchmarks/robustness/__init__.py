"""Methods against worst-group error: in generated worlds, and on data sets."""
