"""Files, as streams of Arrow columns."""
