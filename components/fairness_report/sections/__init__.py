"""Data of the page's sections, one file each."""
