"""The settings of one run: a YAML file, read into typed blocks and checked against each other.

Each block is the settings class of the package that uses it, so there is one definition of every key. Relative paths
stand for paths beside the YAML file; ``${NAME}`` and ``${NAME:-default}`` are replaced from the environment.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, Optional, Union

import yaml
from pydantic import Field, ValidationError, model_validator

from components.fairness_report.settings import ModelCardSettings, PageSettings, ReportSettings
from components.interaction_log_gen.settings import ColumnKind, InteractionLogGenSettings, LogSettings
from components.negative_splitter.settings import GroupSettings, NegativeSplitterSettings, TaskLabelSettings
from components.negative_splitter.uses import number_cuts
from components.tradeoff_metrics.names import check_names
from components.tradeoff_metrics.settings import EvaluationSettings, GateSettings
from models.config.choices import NegativeRule
from models.config.combinations import check_combination
from models.config.extensions import load_extensions, make_reachable
from models.config.networks import ModelSettings, network_settings, with_network
from models.config.settings import (
    FairnessSettings,
    FeatureSettings,
    ModelTask,
    Settings,
    TrainerSettings,
    TrainingSettings,
)
from models.formats.features import SPLITS
from models.formats.listing import quoted
from pipeline.frontier.settings import FrontierSettings
from pipeline.sample.short_videos import SampleSettings
from pipeline.settings import columns
from pipeline.settings.beam import BeamSettings
from pipeline.settings.kubeflow import KubeflowSettings
from pipeline.settings.references import UnsetError
from pipeline.settings.setting_errors import sentences
from pipeline.settings.strict_yaml import Document, UnquotedError
from pipeline.settings.text_files import read_utf8
from pipeline.tuner.settings import TuneSettings


class ConfigError(ValueError):
    """The YAML file cannot be used. The message names the file and the key."""


class TaskSettings(TaskLabelSettings):
    """A task whole: its label rule, and what the training and the decision need of it."""

    weight: float = Field(
        1.0,
        gt=0,
        description="w_t, how much the task counts in the training loss beside the other tasks; all are divided by their "
        "sum, and only `training.weighting.method: fixed` reads them",
    )
    threshold: Union[float, Literal["base_rate"]] = Field(
        "base_rate",
        description="score above which a prediction is positive; `base_rate`: the score above which lies as large a share "
        "of the validation split as the train split has positives",
    )


class NegativesSettings(Settings):
    """Which negatives are specific to a task, and from how many per group on they can carry a loss or a figure."""

    rule: NegativeRule = Field(
        "all_others_positive",
        description="which negatives of a task are specific to it: `all_others_positive`, those that are positive for every "
        "other task whose label is known (the MTA-F paper's rule); `any_other_positive`, for at least one",
    )
    min_specific: int = Field(
        50,
        ge=1,
        description="rows per group below which a task's specific negatives count as (nearly) empty: the run warns, and "
        "the task's head gets what `fairness.empty_specific` says",
    )


class PushSettings(Settings):
    """Where a blessed model goes."""

    directory: Optional[str] = Field(
        None,
        description="folder that gets a blessed model as a numbered version: an absolute path, one beside the YAML file, or "
        "`gs://`; absent: `serving` of the dataset's run folder, and on Kubeflow `serving/<dataset>` below a `gs://` "
        "pipeline root",
    )


class RunSettings(Settings):
    """All of one YAML file."""

    dataset: str = Field(
        pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$",
        max_length=200,
        description="name of the pipeline and of its folder under `runs/`: letters, digits, `_` and `-`; on Kubeflow "
        "lower-case letters, digits and `-` alone",
    )
    data_schema: str = Field(
        "schema.pbtxt",
        description="file of the curated TFDV schema, which the data has to fit; `make schema` drafts it",
    )
    extensions: tuple[str, ...] = Field(
        (), description="modules of your own that register losses or networks; imported before the settings are checked"
    )
    sample: Optional[SampleSettings] = Field(
        None,
        description="generates the shipped short-video log into `log.root` before the run; absent: no log is made",
    )
    log: LogSettings = Field(description="where the interaction log lies, and how it is read, joined and split")
    features: FeatureSettings = Field(description="what the model is given of each row")
    outcomes: tuple[str, ...] = Field(
        (), description="columns that are known only after the impression, and are therefore refused as inputs"
    )
    allow_outcome_inputs: tuple[str, ...] = Field(
        (), description="labels and columns of `outcomes` that may be inputs all the same"
    )
    tasks: tuple[TaskSettings, ...] = Field(min_length=1, description="what the model predicts, each from 0 to 1")
    groups: tuple[GroupSettings, ...] = Field(
        min_length=1,
        description="group keys between whose groups error rates are compared; plain figures such as `arfg` mean the first, "
        "or the one that `fairness.group` names",
    )
    negatives: NegativesSettings = Field(
        NegativesSettings(), description="how shared and task-specific negatives are told apart"
    )
    model: ModelSettings = Field(network_settings(), description="the network and its capacity")
    fairness: FairnessSettings = Field(FairnessSettings(), description="the fairness loss, and which layers it reaches")
    training: TrainingSettings = Field(TrainingSettings(), description="how the networks are fitted")
    evaluation: EvaluationSettings = Field(
        EvaluationSettings(), description="what is measured on the test split, and over which slices"
    )
    gate: GateSettings = Field(
        description="bounds that a model has to hold on the test split to be pushed; at least one"
    )
    report: PageSettings = Field(PageSettings(), description="how the report shows its figures")
    model_card: ModelCardSettings = Field(
        ModelCardSettings(), description="what the model card says beside the measured figures"
    )
    push: PushSettings = Field(PushSettings(), description="where a blessed model goes")
    tune: Optional[TuneSettings] = Field(
        None, description="searches settings of the candidate before it is trained; absent: no search"
    )
    beam: BeamSettings = Field(BeamSettings(), description="where Apache Beam runs, and how wide")
    kubeflow: KubeflowSettings = Field(
        KubeflowSettings(), description="where and how the pipeline runs on Kubeflow Pipelines or Vertex AI Pipelines"
    )
    frontier: FrontierSettings = Field(
        FrontierSettings(),
        description="which settings `make frontier` trains and compares; `make run` does not read it",
    )

    @model_validator(mode="before")
    @classmethod
    def _extended(cls, values: Any) -> Any:
        names = values.get("extensions") if isinstance(values, dict) else None
        # What is no list of names is refused as such, with the other keys.
        if isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names):
            load_extensions(names)
        return values

    @model_validator(mode="after")
    def _together(self) -> RunSettings:
        tasks, groups = [task.name for task in self.tasks], [group.name for group in self.groups]
        self._refuse_leaks()
        self._need_all_splits()
        check_combination(self.candidate(), groups)
        if self.tune is not None:
            self.tune.check(self.candidate())
        check_names(tasks, groups)
        self.gate.check(tasks, groups)
        self.column_kinds()
        return self

    def _refuse_leaks(self) -> None:
        labels = {task.column: f"the label of task `{task.name}`" for task in self.tasks}
        outcomes = {name: "listed under `outcomes`" for name in self.outcomes} | labels
        for index, feature in enumerate(self.features.inputs):
            if feature.name in outcomes and feature.name not in self.allow_outcome_inputs:
                raise ValueError(
                    f"features.inputs[{index}]: `{feature.name}` is {outcomes[feature.name]}, so it is not known when the "
                    "model is asked; remove it, or list it under `allow_outcome_inputs`"
                )

    def _need_all_splits(self) -> None:
        given: set[str] = set()
        for source in self.log.sources:
            split = source.split
            given |= {split} if isinstance(split, str) else set(SPLITS if split.by == "time" else split.fractions)
        lacking = [split for split in SPLITS if split not in given]
        if lacking:
            raise ValueError(
                f"log.sources: expected rows of the splits {quoted(SPLITS)}. Received: no source of {quoted(lacking)}; name "
                "files of it, or divide the rows of a source with `by: hash` or `by: time`"
            )

    def column_kinds(self) -> dict[str, ColumnKind]:
        """The columns that the run needs of the log, each with the kind it is written in."""
        return columns.column_kinds(self.features, self.splitter(), self.evaluation)

    def log_gen(self) -> InteractionLogGenSettings:
        """What InteractionLogGen depends on."""
        cuts = {column: tuple(numbers) for column, numbers in number_cuts(self.splitter()).items()}
        log1p = tuple(f.name for f in self.features.inputs if f.type == "numeric" and f.scale == "log1p_standardize")
        return InteractionLogGenSettings(log=self.log, columns=self.column_kinds(), cuts=cuts, log1p=log1p)

    def splitter(self) -> NegativeSplitterSettings:
        """What NegativeSplitter depends on."""
        tasks = tuple(
            TaskLabelSettings(**task.model_dump(include=set(TaskLabelSettings.model_fields))) for task in self.tasks
        )
        return NegativeSplitterSettings(
            tasks=tasks, groups=self.groups, rule=self.negatives.rule, min_specific=self.negatives.min_specific
        )

    def _trainer(self, **changes: Any) -> TrainerSettings:
        primary = self.fairness.group or self.groups[0].name
        names = [primary] + [group.name for group in self.groups if group.name != primary]
        return TrainerSettings(
            **{
                "tasks": tuple(ModelTask(name=t.name, weight=t.weight, threshold=t.threshold) for t in self.tasks),
                "groups": tuple(names),
                "features": self.features,
                "model": self.model,
                "fairness": self.fairness,
                "training": self.training,
                "min_specific": self.negatives.min_specific,
                **changes,
            }
        )

    def candidate(self) -> TrainerSettings:
        """What the candidate's Trainer depends on."""
        return self._trainer(extensions=self.extensions)

    def fairness_report(self) -> ReportSettings:
        """What FairnessReport depends on: it shows all settings, so all of them."""
        return ReportSettings(
            dataset=self.dataset,
            tasks=self.candidate().tasks,
            groups=self.candidate().groups,
            features=self.features,
            evaluation=self.evaluation,
            gate=self.gate,
            report=self.report,
            model_card=self.model_card,
            run=self.model_dump(mode="json"),
        )

    def baseline(self) -> TrainerSettings:
        """What the single-task baseline depends on: the capacity rule, and nothing of sharing or fairness."""
        model = with_network(self.model, "single_task")
        # Label noise stays: both models learn from the same labels.
        training = self.training.model_copy(
            update={key: TrainingSettings.model_fields[key].default for key in ("weighting", "robustness", "select_by")}
        )
        tasks = tuple(ModelTask(name=task.name, threshold=task.threshold) for task in self.tasks)
        groups = tuple(group.name for group in self.groups)
        return self._trainer(
            model=model,
            tasks=tasks,
            groups=groups,
            fairness=FairnessSettings(mode="none"),
            training=training,
            min_specific=TrainerSettings.model_fields["min_specific"].default,
        )


def load(path: Union[str, Path]) -> RunSettings:
    """Reads and checks a YAML file.

    Raises:
      ConfigError: The file is missing, is no YAML, or a key is unknown, missing or wrong; one line per key.
    """
    path = Path(path)
    if not path.is_file():
        what = "a folder" if path.is_dir() else "no such file"
        raise ConfigError(f"{path}: expected the YAML file of a run. Received: {what}")
    try:
        document = Document(read_utf8(path), os.environ)
    except UnicodeError as error:
        raise ConfigError(str(error)) from error
    except UnquotedError as error:
        raise ConfigError(f"{path}:\n{error}") from error
    except UnsetError as error:
        raise ConfigError(f"{path}: {error}") from error
    except yaml.YAMLError as error:
        raise ConfigError(f"{path}: not readable as YAML: {error}") from error
    if not isinstance(document.content, dict):
        raise ConfigError(f"{path}: expected a mapping of settings. Received: {type(document.content).__name__}")
    folder = path.resolve().parent
    if document.content.get("extensions"):
        make_reachable(folder)
    try:
        settings = RunSettings.model_validate(document.content)
    except ValidationError as error:
        raise ConfigError("\n".join([f"{path}:", *(f"  {line}" for line in sentences(error, document))])) from error
    return settings.model_copy(
        update={
            "data_schema": str(_beside(folder, settings.data_schema)),
            "report": settings.report.model_copy(
                update={"frontier": settings.report.frontier and str(_beside(folder, settings.report.frontier))}
            ),
            "log": settings.log.model_copy(update={"root": str(_beside(folder, settings.log.root))}),
            "push": PushSettings(
                directory=settings.push.directory and str(_beside(folder, settings.push.directory)),
            ),
        }
    )


def _beside(folder: Path, path: str) -> str:
    """``path`` beside the YAML file, unless it names a file system (``gs://…``)."""
    return path if "://" in path else os.path.normpath(folder / path)
