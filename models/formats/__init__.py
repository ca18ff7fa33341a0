"""How names, numbers, lists, files and columns are written: the ground floor, which knows nothing of models."""
