"""ARFG, ARE and what they are made of. With the package comes its registry of metrics, filled."""

from components.tradeoff_metrics import families as families
