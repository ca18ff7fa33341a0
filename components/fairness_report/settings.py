"""Settings of the report and of the model card."""

from __future__ import annotations

from typing import Any, Optional

from pydantic import Field, model_validator

from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from models.config.settings import FeatureSettings, ModelTask, Settings


class Owner(Settings):
    """A person or team that answers for the model."""

    name: str
    contact: Optional[str] = None


class Version(Settings):
    """The model's version as its owners count it; ``date`` as YYYY-MM-DD."""

    name: Optional[str] = None
    date: Optional[str] = Field(None, pattern=r"^\d{4}-\d{2}-\d{2}$")
    diff: Optional[str] = None


class License(Settings):
    """An SPDX identifier, or the text of a licence of one's own."""

    identifier: Optional[str] = None
    custom_text: Optional[str] = None

    @model_validator(mode="after")
    def _one_of_them(self) -> License:
        if (self.identifier is None) == (self.custom_text is None):
            raise ValueError("a licence should have either `identifier` or `custom_text`")
        return self


class EthicalConsideration(Settings):
    """A risk, and what is done about it."""

    name: str
    mitigation_strategy: Optional[str] = None


class ModelCardSettings(Settings):
    """What a run cannot know of its model: fields of the model card, named as in its schema. All are optional."""

    name: Optional[str] = None
    overview: Optional[str] = None
    documentation: Optional[str] = None
    owners: tuple[Owner, ...] = ()
    version: Version = Version()
    licenses: tuple[License, ...] = ()
    references: tuple[str, ...] = ()
    users: tuple[str, ...] = Field((), description="whom the model is meant for")
    use_cases: tuple[str, ...] = Field((), description="what the model is meant for")
    limitations: tuple[str, ...] = ()
    tradeoffs: tuple[str, ...] = ()
    ethical_considerations: tuple[EthicalConsideration, ...] = ()


class PageSettings(Settings):
    """The ``report`` block.

    A rate out of fewer than ``min_count`` rows is shown in grey: its interval is wide whatever the model does. ``frontier``
    names a CSV file with the columns ``arfg`` and ``are``; its other columns are shown when a point is chosen.
    """

    min_count: int = Field(30, ge=1)
    frontier: Optional[str] = None


class ReportSettings(Settings):
    """All that FairnessReport depends on.

    ``groups`` lists the group keys, the primary one first; ``run`` holds the settings of the whole run, to be shown.
    """

    dataset: str
    tasks: tuple[ModelTask, ...] = Field(min_length=1)
    groups: tuple[str, ...] = Field(min_length=1)
    features: FeatureSettings
    evaluation: EvaluationSettings
    gate: GateSettings
    report: PageSettings = PageSettings()
    model_card: ModelCardSettings = ModelCardSettings()
    run: dict[str, Any] = {}

    @property
    def task_names(self) -> list[str]:
        """Names of the tasks."""
        return [task.name for task in self.tasks]

    @property
    def min_count(self) -> int:
        """Rows below which a rate is shown in grey: never fewer than a gap needs."""
        return max(self.report.min_count, self.evaluation.min_count)
