"""Typed settings of features, networks, fairness losses and training.

They travel from the YAML file to the components as JSON and are parsed there by the same classes, so an error names the
same key everywhere.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal, Optional, Union

from pydantic import Field, SerializerFunctionWrapHandler, ValidationError, model_serializer, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from models.config.base import PerTask, Settings
from models.config.choices import LossName, Mode, On, Reduction
from models.config.extensions import load_extensions
from models.config.networks import ModelSettings
from models.config.robustness import NoRobustness, RobustnessSettings
from models.config.weighting import FixedSettings, WeightingSettings
from models.formats.listing import quoted


class NumericFeature(Settings):
    """A numeric input."""

    type: Literal["numeric"] = Field(
        "numeric", description="a number; a missing one becomes the mean of the train split, or 0 with `scale: none`"
    )
    name: str = Field(description="column of the log or of a side table that the feature is read from")
    scale: Literal["standardize", "log1p_standardize", "none"] = Field(
        "standardize",
        description="`standardize`: mean 0 and variance 1 over the train split; `log1p_standardize`: the same of "
        "log(1 + x), for skewed counts above -1; `none`: as it is",
    )


class _HashedOrListed(Settings):
    """A feature whose values get ids from a vocabulary of train, or from a hash."""

    name: str = Field(description="column of the log or of a side table that the feature is read from")
    vocabulary: int = Field(
        1000, ge=1, description="how many of the most frequent values in the train split get an id of their own"
    )
    oov_buckets: int = Field(1, ge=1, description="ids that all other values share, by hash")
    hash_buckets: Optional[int] = Field(
        None,
        ge=2,
        description="number of ids that values are hashed to, in place of a vocabulary, so that some values share "
        "one: for ids by the million; absent = a vocabulary",
    )
    embedding: Optional[int] = Field(
        None, ge=1, description="width of the embedding; `model.embedding_units` where absent"
    )

    @model_validator(mode="after")
    def _one_source_of_ids(self) -> _HashedOrListed:
        given = sorted(self.model_fields_set & {"vocabulary", "oov_buckets"})
        if self.hash_buckets is not None and given:
            raise ValueError(
                "`hash_buckets` gives ids without a vocabulary; remove "
                + " and ".join(f"`{key}`" for key in given)
                + ", or `hash_buckets`"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_the_other(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What is written can be read again, and says nothing of what is not used.
        hashed = self.hash_buckets is not None
        unused = {"vocabulary", "oov_buckets"} if hashed else {"hash_buckets"}
        return {key: value for key, value in handler(self).items() if key not in unused}


class CategoricalFeature(_HashedOrListed):
    """A categorical input. With ``hash_buckets`` no pass over the log counts the frequencies of values."""

    type: Literal["categorical"] = Field(description="one category a row, embedded")


class MultiCategoricalFeature(_HashedOrListed):
    """An input of several categories in one cell."""

    type: Literal["multi_categorical"] = Field(description="several categories a row, whose embeddings are averaged")
    separator: str = Field(
        ",",
        description="what stands between the categories of a text cell, white space around it ignored; empty = cells "
        "are not split, as for cells that hold lists",
    )


Feature = Annotated[Union[NumericFeature, CategoricalFeature, MultiCategoricalFeature], Field(discriminator="type")]


class FeatureSettings(Settings):
    """The model's inputs, and which of them are crossed."""

    inputs: tuple[Feature, ...] = Field(min_length=1, description="columns that the networks read, each with its type")
    crosses: tuple[tuple[str, ...], ...] = Field(
        (),
        description="lists of two or more features whose embeddings interact in a `tfrs.layers.dcn.Cross` layer of "
        "their own",
    )

    @model_validator(mode="after")
    def _names(self) -> FeatureSettings:
        names = [feature.name for feature in self.inputs]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"feature `{name}` stands twice")
        for cross in self.crosses:
            if len(cross) < 2:
                raise ValueError(f"a cross needs two features or more. Received: {list(cross)}")
            for name in cross:
                if name not in names:
                    raise ValueError(f"cross {list(cross)}: `{name}` is not a feature; features are {quoted(names)}")
        return self


class FairnessSettings(Settings):
    """The fairness loss F_t, its weight λ_t and where its gradients go."""

    mode: Mode = Field(
        "mtaf",
        description="where the fairness loss acts. `none`: nowhere; `vanilla`: on all negatives, in every parameter; "
        "`mtaf`: task-specific negatives in the task's head and shared negatives in the shared layers; "
        "`mtaf_difference`: as in the released code of the MTA-F paper, where the shared layers get F(all negatives) "
        "− head_ratio · F(specific), each times its rows",
    )
    loss: LossName = Field(
        "mmd",
        description="distance between the groups' scores. `fpr_gap`: difference of mean scores or soft rates; "
        "`correlation`: of scores with the group; `mmd`: maximum mean discrepancy of the distributions; or the name "
        "of a loss that `extensions` registers",
    )
    kernel: Literal["gaussian", "laplace"] = Field(
        "laplace",
        description="how fast the likeness of two scores falls with their distance d in `mmd`: as exp(−d² / ℓ²) or "
        "as exp(−d / ℓ)",
    )
    bandwidth: float = Field(0.1, gt=0, description="length scale ℓ of the kernel of `mmd`, in units of probability")
    sharpness: Optional[float] = Field(
        None,
        gt=0,
        description="slope of the sigmoid around the decision threshold with which `fpr_gap` imitates decisions; "
        "absent = it compares mean scores",
    )
    on: On = Field(
        "negatives",
        description="rows that the fairness loss compares; `both` adds the losses of negatives and of positives",
    )
    group: Optional[str] = Field(
        None,
        description="key of the groups that are compared, and the primary one of metrics and gate; the first declared "
        "where absent",
    )
    reduction: Reduction = Field(
        "mean_pairs",
        description="how more than two groups become one number: mean or maximum over all pairs of groups, or over "
        "each group against the rest",
    )
    strength: Optional[PerTask] = Field(
        None,
        description="λ, the weight of a task's fairness loss beside its own loss, at least 0, for all tasks or by "
        "task; 1 where absent. Where `target_gap` learns it, its first value; 0 where absent",
    )
    head_ratio: PerTask = Field(
        1.0,
        description="r, the weight of the fairness loss of task-specific negatives in the heads relative to that in "
        "the shared layers, at least 0, for all tasks or by task",
    )
    empty_specific: Literal["none", "all_negatives"] = Field(
        "none",
        description="what a task's head gets where a group has fewer task-specific negatives than "
        "`negatives.min_specific`: no fairness loss, or that of all its negatives",
    )
    batches: Literal["in_batch", "balanced"] = Field(
        "in_batch",
        description="where the rows of the fairness loss come from: the batch of the tasks' losses, or batches of "
        "their own with equally many rows of each group",
    )
    balanced_batch_size: int = Field(
        512, ge=4, description="rows of a `balanced` batch for one task and kind of negatives, over all groups"
    )
    target_gap: Optional[PerTask] = Field(
        None,
        description="largest FPR gap to allow on validation, of all tasks or by task (others keep `strength`): λ_t is "
        "learned, after the first quarter of the training. It bounds the FPR gap at the decision threshold whatever "
        "`loss` is, which is what training follows",
    )
    target_margin: float = Field(
        0.1,
        ge=0,
        lt=1,
        description="share of `target_gap` by which training aims below it, for the noise of the next data",
    )
    max_strength: float = Field(100.0, gt=0, description="upper bound of λ where `target_gap` learns it")

    @model_validator(mode="before")
    @classmethod
    def _no_second_number(cls, values: Any) -> Any:
        if isinstance(values, dict) and "min_specific" in values:
            text = (
                "this number has one place, `negatives.min_specific`, for the warning and the training; move it there"
            )
            error = InitErrorDetails(
                type=PydanticCustomError("value_error", "{text}", {"text": text}),
                loc=("min_specific",),
                input=values["min_specific"],
            )
            raise ValidationError.from_exception_data(cls.__name__, [error])
        return values

    @model_validator(mode="after")
    def _targets(self) -> FairnessSettings:
        if self.target_gap is None:
            return self
        asked = self.target_gap.items() if isinstance(self.target_gap, dict) else [("", self.target_gap)]
        for task, gap in asked:
            if not 0 < gap < 1:
                raise ValueError(
                    f"`target_gap`{_of(task)} should be a difference of rates above 0 and below 1; a gap of exactly 0 is "
                    f"not to be had from data. Received: {gap}"
                )
        first = self.strength.values() if isinstance(self.strength, dict) else [self.strength or 0.0]
        if max(first, default=0.0) > self.max_strength:
            raise ValueError(
                f"`strength`, from which λ starts, should be at most `max_strength` {self.max_strength}. "
                f"Received: {self.strength}"
            )
        return self

    @model_validator(mode="after")
    def _not_negative(self) -> FairnessSettings:
        for key in ("strength", "head_ratio"):
            value = getattr(self, key)
            if value is None:
                continue
            for task, number in value.items() if isinstance(value, dict) else [("", value)]:
                if number < 0:
                    raise ValueError(f"`{key}`{_of(task)} should be at least 0. Received: {number}")
        return self


def _of(task: str) -> str:
    return f" of task `{task}`" if task else ""


class EarlyStopping(Settings):
    """When training stops before its last epoch; the best epoch is kept."""

    patience: int = Field(
        3, ge=1, description="epochs without a lower `select_by` figure on validation after which training stops"
    )


class TrainingSettings(Settings):
    """How the networks are fitted."""

    epochs: int = Field(10, ge=1, description="passes over the train split, at most")
    batch_size: int = Field(512, ge=2, description="rows of a training step, over all replicas together")
    optimizer: Literal["adam", "lazy_adam", "adagrad", "sgd"] = Field(
        "adam",
        description="`lazy_adam` moves only the embeddings that a batch holds, where `adam` passes over whole tables: "
        "for tables of a million rows and more",
    )
    learning_rate: float = Field(1e-3, gt=0, description="step size of the optimizer")
    early_stopping: Optional[EarlyStopping] = Field(
        EarlyStopping(), description="stops training once validation no longer improves; null = trains all epochs"
    )
    seed: int = Field(
        1,
        description="what decides initial weights, the order of rows and all else that is drawn at random in "
        "training; at least 0",
    )
    shuffle_rows: int = Field(
        50_000, ge=1, description="size of the buffer, in rows, that the order of rows is drawn from"
    )
    distribution: Literal["none", "mirrored"] = Field(
        "none", description="`none` trains on one device; `mirrored` on all GPUs of the machine, which share each batch"
    )
    precision: Literal["float32", "mixed_bfloat16"] = Field(
        "float32",
        description="`mixed_bfloat16` computes in bfloat16 and keeps variables in float32, which is faster on recent "
        "accelerators",
    )
    checkpoint_steps: int = Field(
        500, ge=1, description="training steps between checkpoints, from which a killed run goes on"
    )
    weighting: WeightingSettings = Field(FixedSettings(), description="how the tasks' losses are combined")
    robustness: RobustnessSettings = Field(NoRobustness(), description="what is done for the worst groups")
    select_by: Literal["loss", "worst_group_error", "worst_cell_error"] = Field(
        "loss",
        description="the validation figure by which the epoch to keep is chosen and early stopping waits; a cell is a "
        "label in a group",
    )
    label_noise: dict[str, float] = Field(
        {}, description="task → share of its train labels that are flipped, drawn by `seed`: a check of robustness"
    )

    @model_validator(mode="after")
    def _shares(self) -> TrainingSettings:
        for task, share in self.label_noise.items():
            if not 0 <= share <= 1:
                raise ValueError(f"`label_noise`{_of(task)} should be a share in [0, 1]. Received: {share}")
        return self


class ModelTask(Settings):
    """What a model knows of a task."""

    name: str = Field(description="name of the task in settings, metrics and reports")
    weight: float = Field(
        1.0,
        gt=0,
        description="weight of the task's loss relative to the other tasks', normalised to sum 1; for weighting "
        "`fixed` alone",
    )
    threshold: Union[float, Literal["base_rate"]] = Field(
        "base_rate",
        description="probability above which a prediction is positive; `base_rate` = chosen on validation so that the "
        "share of predicted positives is that of positives in the train split",
    )


class TrainerSettings(Settings):
    """All that one Trainer depends on. The baseline's leaves out what it does not depend on, so that TFX caches it."""

    tasks: tuple[ModelTask, ...] = Field(min_length=1, description="tasks that the model predicts")
    groups: tuple[str, ...] = Field(description="group keys, the primary one first")
    features: FeatureSettings = Field(description="inputs of the networks")
    model: ModelSettings = Field(description="network and its sizes")
    fairness: FairnessSettings = Field(description="fairness loss, its weight and where it acts")
    training: TrainingSettings = Field(description="how the networks are fitted")
    min_specific: int = Field(
        50, ge=1, description="train rows per group below which a task's specific negatives count as (nearly) empty"
    )
    extensions: tuple[str, ...] = Field((), description="modules that are imported before these settings are checked")

    @model_validator(mode="before")
    @classmethod
    def _extended(cls, values: Any) -> Any:
        if isinstance(values, dict):
            load_extensions(values.get("extensions") or ())
        return values
