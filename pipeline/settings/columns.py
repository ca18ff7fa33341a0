"""Which columns of the log a run needs, and in which kind each is written.

A column may serve as feature, label and group at once; all its uses must agree on the kind.
"""

from __future__ import annotations

from components.interaction_log_gen.settings import ColumnKind
from components.negative_splitter.settings import NegativeSplitterSettings
from components.negative_splitter.uses import group_column_kinds, task_column_kinds
from components.tradeoff_metrics.settings import EvaluationSettings
from models.config.settings import FeatureSettings
from models.formats.features import group_key, label_key, negative_key, weight_key

_FEATURE_KINDS: dict[str, ColumnKind] = {
    "numeric": "number",
    "categorical": "string",
    "multi_categorical": "strings",
}

# What the splitter writes begins with one of these.
DERIVED_PREFIXES = tuple(key("") for key in (label_key, weight_key, negative_key, group_key))


def derived_columns(splitter: NegativeSplitterSettings) -> set[str]:
    """The columns that the negative splitter adds."""
    tasks = {key(task.name) for task in splitter.tasks for key in (label_key, weight_key, negative_key)}
    return tasks | {group_key(group.name) for group in splitter.groups}


def column_kinds(
    features: FeatureSettings, splitter: NegativeSplitterSettings, evaluation: EvaluationSettings
) -> dict[str, ColumnKind]:
    """Returns column → kind, sorted by name.

    Raises:
      ValueError: A column is called like one of the pipeline's own, two uses of a column need different kinds, or a slice
        is made of a column that the splitter would have to write and does not; the message names them.
    """
    kinds: dict[str, ColumnKind] = {}
    used_as: dict[str, str] = {}

    def use(column: str, kind: ColumnKind, what: str) -> None:
        if column.startswith(DERIVED_PREFIXES):
            raise ValueError(
                f"column `{column}`, {what}: names that begin with {', '.join(DERIVED_PREFIXES)} are kept for columns that "
                "the pipeline writes; rename it in the log"
            )
        if kinds.setdefault(column, kind) != kind:
            raise ValueError(
                f"column `{column}` is a {kinds[column]} as {used_as[column]} and a {kind} as {what}; "
                "give both uses one kind (quote the literal of a rule, or map the group's values instead of bucketing)"
            )
        used_as.setdefault(column, what)

    for feature in features.inputs:
        use(feature.name, _FEATURE_KINDS[feature.type], f"{feature.type} feature")
    for column, kind in task_column_kinds(splitter).items():
        use(column, kind, "a task's label")
    for column, kind in group_column_kinds(splitter).items():
        use(column, kind, "a group")
    if evaluation.cluster is not None:
        use(evaluation.cluster, "string", "evaluation.cluster")
    derived = derived_columns(splitter)
    for column in (column for columns in evaluation.slices for column in columns if column not in derived):
        if column.startswith(DERIVED_PREFIXES):
            raise ValueError(f"evaluation.slices: `{column}` is not among the derived columns {sorted(derived)}")
        # Whatever it is otherwise, its values are compared as they stand.
        use(column, kinds.get(column, "string"), "a slice")
    return dict(sorted(kinds.items()))
