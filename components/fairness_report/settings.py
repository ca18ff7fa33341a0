"""Settings of the report and of the model card."""

from __future__ import annotations

from typing import Any, Optional

from pydantic import Field, model_validator

from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from models.config.settings import FeatureSettings, ModelTask, Settings


class Owner(Settings):
    """A person or team that answers for the model."""

    name: str = Field(description="name of the person or team")
    contact: Optional[str] = Field(
        None, description="how to reach the owner, such as a mail address; absent = not stated"
    )


class Version(Settings):
    """The model's version."""

    name: Optional[str] = Field(None, description="version as its owners count it; absent = the number of the run")
    date: Optional[str] = Field(
        None, pattern=r"^\d{4}-\d{2}-\d{2}$", description="date of the release, as YYYY-MM-DD; absent = not stated"
    )
    diff: Optional[str] = Field(None, description="what changed since the version before; absent = not stated")


class License(Settings):
    """Terms of use: an identifier or a text, and not both."""

    identifier: Optional[str] = Field(
        None, description="SPDX identifier, such as Apache-2.0; absent where `custom_text` is given"
    )
    custom_text: Optional[str] = Field(
        None, description="text of a licence of one's own; absent where `identifier` is given"
    )

    @model_validator(mode="after")
    def _one_of_them(self) -> License:
        if (self.identifier is None) == (self.custom_text is None):
            raise ValueError("a licence should have either `identifier` or `custom_text`")
        return self


class EthicalConsideration(Settings):
    """A risk, and what is done about it."""

    name: str = Field(description="the risk, in a phrase")
    mitigation_strategy: Optional[str] = Field(None, description="what is done about the risk; absent = not stated")


class ModelCardSettings(Settings):
    """What a run cannot know of its model: fields of the model card, named as in its schema. All are optional."""

    name: Optional[str] = Field(None, description="title of the model; made of the data set's name where absent")
    overview: Optional[str] = Field(
        None, description="what the model does, in a sentence or two; made of the tasks where absent"
    )
    documentation: Optional[str] = Field(None, description="longer text on the model and its use; absent = left out")
    owners: tuple[Owner, ...] = Field((), description="who answers for the model")
    version: Version = Field(Version(), description="version that the owners gave the model")
    licenses: tuple[License, ...] = Field((), description="terms under which the model may be used")
    references: tuple[str, ...] = Field((), description="links to papers and pages on the model")
    users: tuple[str, ...] = Field((), description="whom the model is meant for")
    use_cases: tuple[str, ...] = Field((), description="what the model is meant for")
    limitations: tuple[str, ...] = Field((), description="what the model should not be relied on for")
    tradeoffs: tuple[str, ...] = Field(
        (), description="what was given up for what, beside the figures that the run adds itself"
    )
    ethical_considerations: tuple[EthicalConsideration, ...] = Field(
        (), description="risks for people, each with its mitigation"
    )


class PageSettings(Settings):
    """The ``report`` block."""

    min_count: int = Field(
        30,
        ge=1,
        description="rows below which a rate is shown in grey, since its interval is wide whatever the model does; at "
        "least `evaluation.min_count` counts",
    )
    frontier: Optional[str] = Field(
        None,
        description="CSV file with the columns `arfg` and `are`, one trained setting a row, drawn beside this run's "
        "trade-off; other columns are shown when a point is chosen; absent = none",
    )


class ReportSettings(Settings):
    """All that FairnessReport depends on."""

    dataset: str = Field(description="name of the data set, as a title")
    tasks: tuple[ModelTask, ...] = Field(min_length=1, description="tasks of the model, with their thresholds")
    groups: tuple[str, ...] = Field(min_length=1, description="group keys, the primary one first")
    features: FeatureSettings = Field(description="inputs of the model")
    evaluation: EvaluationSettings = Field(description="thresholds, slices and intervals of the evaluation")
    gate: GateSettings = Field(description="bounds that the model was held to")
    report: PageSettings = Field(PageSettings(), description="what the page shows")
    model_card: ModelCardSettings = Field(ModelCardSettings(), description="what the run cannot know of its model")
    run: dict[str, Any] = Field({}, description="settings of the whole run, to be shown")

    @property
    def task_names(self) -> list[str]:
        """Names of the tasks."""
        return [task.name for task in self.tasks]

    @property
    def min_count(self) -> int:
        """Rows below which a rate is shown in grey: never fewer than a gap needs."""
        return max(self.report.min_count, self.evaluation.min_count)
