"""From figures to the gate's verdict and its reasons."""
