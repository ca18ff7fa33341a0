"""AUCs of every group of a task, by itself and against the other groups, in one pass over the cells that hold rows."""

from __future__ import annotations

from typing import Any

import numpy as np

from components.tradeoff_metrics.counting.score_histogram import BinnedScores
from components.tradeoff_metrics.figures.auc import AUCs, segmented_auc
from components.tradeoff_metrics.figures.sides import BNSP, BPSN, SUBGROUP


def owner(group: Any, label: Any) -> Any:
    """The number under which a score histogram counts the rows of a group with a label, 0 or 1."""
    return 2 * group + label


def overall_auc(scores: BinnedScores) -> AUCs:
    """The AUC of all rows [1]."""
    negatives, positives = _by_label(scores, np.ones(len(scores.owners), bool))
    return segmented_auc(np.zeros(len(scores.bins), np.int64), 1, negatives, positives, scores.resolved)


def group_aucs(scores: BinnedScores, groups: np.ndarray) -> dict[str, AUCs]:
    """Side → the AUC of each group.

    Args:
        scores: Of a task and model.
        groups: Numbers of the groups; others count nowhere [G].
    """
    places = np.full(int(max(groups.max(initial=-1), (scores.owners // 2).max(initial=-1))) + 1, -1)
    places[groups] = np.arange(len(groups))
    place = places[scores.owners // 2]
    named = place >= 0
    bins, label = len(scores.bins), scores.owners[named] % 2
    # One number for a group and a bin; both labels of them stand side by side.
    cells, where = np.unique(place[named] * bins + scores.columns[named], return_inverse=True)
    own = np.zeros((2, len(cells)))
    own[label, where] = scores.counts[named]
    segment, column = np.divmod(cells, max(bins, 1))
    found = {SUBGROUP: segmented_auc(segment, len(groups), own[0], own[1], scores.resolved[column])}
    wide = _with_gaps(segment, column, own, _by_label(scores, named), len(groups))
    segment, own, everyone, resolved = *wide[:3], _resolved(wide[3], scores)
    others = everyone - own
    found[BPSN] = segmented_auc(segment, len(groups), own[0], others[1], resolved)
    found[BNSP] = segmented_auc(segment, len(groups), others[0], own[1], resolved)
    return found


def _by_label(scores: BinnedScores, chosen: np.ndarray) -> np.ndarray:
    """Rows of the chosen cells by label and bin [2, K]."""
    label, bins = scores.owners[chosen] % 2, len(scores.bins)
    counted = np.bincount(label * bins + scores.columns[chosen], weights=scores.counts[chosen], minlength=2 * bins)
    return counted.reshape(2, bins)


def _with_gaps(
    segment: np.ndarray, column: np.ndarray, own: np.ndarray, everyone: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """The groups' own bins, and between them one bin for all that lies there, which holds rows of other groups alone.

    Args:
        segment: Group of each bin [U].
        column: The bin's position among all [U].
        own: The group's rows there [2, U].
        everyone: Rows of all groups by label and bin [2, K].
        groups: Their number G.

    Returns:
        With C = 2U + G: segments [C], the group's rows [2, C], those of all groups [2, C], and positions of bins, -1 for
        what lies between [C].
    """
    bins = everyone.shape[1]
    below = np.concatenate([np.zeros((2, 1)), np.cumsum(everyone, axis=1)], axis=1)
    first = np.flatnonzero(np.diff(segment, prepend=-1))
    after = column + 1
    # Where the gap before each own bin begins, and the one behind a group's last.
    starts = np.concatenate([[0], after[:-1]]) if len(after) else after
    starts[first] = 0
    last = np.zeros(groups, np.int64)
    np.maximum.at(last, segment, after)
    gaps = below[:, np.concatenate([column, np.full(groups, bins)])] - below[:, np.concatenate([starts, last])]
    # Each own bin has its gap before it, and behind all bins of the groups before there is one gap more for each of them.
    at = 2 * np.arange(len(column)) + segment + 1
    between = np.concatenate(
        [at - 1, 2 * np.searchsorted(segment, np.arange(groups), side="right") + np.arange(groups)]
    )
    segments, columns = np.empty(2 * len(column) + groups, np.int64), np.full(2 * len(column) + groups, -1)
    wide_own, wide_everyone = np.zeros((2, 2, 2 * len(column) + groups))
    segments[at], segments[between] = segment, np.concatenate([segment, np.arange(groups)])
    columns[at], wide_own[:, at] = column, own
    wide_everyone[:, at], wide_everyone[:, between] = everyone[:, column], gaps
    return segments, wide_own, wide_everyone, columns


def _resolved(columns: np.ndarray, scores: BinnedScores) -> np.ndarray:
    return np.append(scores.resolved, True)[columns]
