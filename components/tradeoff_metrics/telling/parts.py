"""What sentences are made of: parts, the figures of a group key, and a judged bound that is to be told.

A sentence is a list of parts (kind, text): kinds are ``text``, ``task``, ``group`` and ``figure``, so that a page can set
names apart whatever characters they hold.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Optional

from components.tradeoff_metrics.names import MODELS, MetricName
from components.tradeoff_metrics.telling.units import with_unit

if TYPE_CHECKING:
    from components.tradeoff_metrics.judging.bounds import Bound

CANDIDATE, BASELINE = MODELS
# Of a group key, see `details.py`.
Details = dict[str, Any]
Part = tuple[str, str]
Sentence = list[Part]
ROWS = {"fpr": "negatives", "tpr": "positives", "error": "rows"}


@dataclass(frozen=True)
class Told:
    """A bound's defined value, as a sentence needs it.

    Attributes:
        bound: The bound.
        value: What was measured.
        details: Of the bound's group key.
        who: Whom the bound speaks of.
        limit: The limit, such as ", at least 5 %".
        told_from: The limit, where the value is to be told from it by its digits.
    """

    bound: Bound
    value: float
    details: Details
    who: Sentence
    limit: Sentence
    told_from: Optional[float]

    @property
    def figure(self) -> Part:
        """The value in its unit."""
        return "figure", with_unit(self.value, self.bound.metric.unit, self.told_from)

    @property
    def task(self) -> str:
        """The task of a metric that has one."""
        assert self.bound.name.task is not None
        return self.bound.name.task


def plain(sentence: Sentence) -> str:
    """The sentence as text; a task stands between asterisks."""
    return "".join(f"*{text}*" if kind == "task" else text for kind, text in sentence)


def value_of(details: Details, metric: str, task: Optional[str] = None, group: Optional[str] = None) -> Optional[float]:
    """A value of an evaluation; None where it is undefined."""
    return details["values"][str(MetricName(metric, task, group))]["value"]


def what_is_open(auc: Details) -> str:
    """What the bins of its scores leave open of an AUC that has an interval: "; scores share bins", or nothing."""
    return f"; {auc['reason']}" if auc["reason"] and auc["lower"] is not None else ""
