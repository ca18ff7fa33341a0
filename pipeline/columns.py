"""Which columns of the log a run needs, and in which kind each is written.

A column may serve as feature, label and group at once; all its uses must agree on the kind.
"""

from __future__ import annotations

from components.interaction_log_gen.settings import ColumnKind
from components.negative_splitter.settings import NegativeSplitterSettings
from components.negative_splitter.uses import group_column_kinds, task_column_kinds
from models.settings import FeatureSettings

_FEATURE_KINDS: dict[str, ColumnKind] = {
    "numeric": "number",
    "categorical": "string",
    "multi_categorical": "strings",
}


def column_kinds(features: FeatureSettings, splitter: NegativeSplitterSettings) -> dict[str, ColumnKind]:
    """Returns column → kind, sorted by name.

    Raises:
      ValueError: Two uses of a column need different kinds; the message names both.
    """
    kinds: dict[str, ColumnKind] = {}
    used_as: dict[str, str] = {}

    def use(column: str, kind: ColumnKind, what: str) -> None:
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
    return dict(sorted(kinds.items()))
