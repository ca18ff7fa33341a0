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
    """A number, standardised with the mean and variance of the train split; missing values become the mean."""

    type: Literal["numeric"] = "numeric"
    name: str
    scale: Literal["standardize", "log1p_standardize", "none"] = "standardize"


class _HashedOrListed(Settings):
    """A feature whose values get ids from a vocabulary of train, or from a hash."""

    @model_validator(mode="after")
    def _one_source_of_ids(self) -> _HashedOrListed:
        given = sorted(self.model_fields_set & {"vocabulary", "oov_buckets"})
        if getattr(self, "hash_buckets", None) is not None and given:
            raise ValueError(
                "`hash_buckets` gives ids without a vocabulary; remove "
                + " and ".join(f"`{key}`" for key in given)
                + ", or `hash_buckets`"
            )
        return self

    @model_serializer(mode="wrap")
    def _without_the_other(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # What is written can be read again, and says nothing of what is not used.
        hashed = getattr(self, "hash_buckets", None) is not None
        unused = {"vocabulary", "oov_buckets"} if hashed else {"hash_buckets"}
        return {key: value for key, value in handler(self).items() if key not in unused}


class CategoricalFeature(_HashedOrListed):
    """A category, embedded. ``vocabulary`` most frequent values get an id each, others one of ``oov_buckets``.

    With ``hash_buckets`` values get ids by a hash instead, and share one now and then: for ids by the million, of which no
    pass over the log then counts the frequencies.
    """

    type: Literal["categorical"]
    name: str
    vocabulary: int = Field(1000, ge=1)
    oov_buckets: int = Field(1, ge=1)
    hash_buckets: Optional[int] = Field(None, ge=2, description="ids by a hash into so many; no vocabulary")
    embedding: Optional[int] = Field(None, ge=1, description="width; the model's embedding_units where absent")


class MultiCategoricalFeature(_HashedOrListed):
    """Several categories in one cell, embedded and averaged. ``separator`` splits text cells; list cells need none."""

    type: Literal["multi_categorical"]
    name: str
    separator: str = ","
    vocabulary: int = Field(1000, ge=1)
    oov_buckets: int = Field(1, ge=1)
    hash_buckets: Optional[int] = Field(None, ge=2)
    embedding: Optional[int] = Field(None, ge=1)


Feature = Annotated[Union[NumericFeature, CategoricalFeature, MultiCategoricalFeature], Field(discriminator="type")]


class FeatureSettings(Settings):
    """The model's inputs. Each of ``crosses`` lists features whose embeddings meet in a ``tfrs.layers.dcn.Cross``."""

    inputs: tuple[Feature, ...] = Field(min_length=1)
    crosses: tuple[tuple[str, ...], ...] = ()

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
    """The fairness loss F_t, its weight λ_t and where its gradients go (mode).

    `mtaf`: heads see F_t on task-specific negatives times `head_ratio`, shared layers see F_t on shared negatives.
    `vanilla`: every parameter sees F_t on all negatives. `mtaf_difference`: the shared term is F_t(all negatives) −
    head_ratio · F_t(specific), each times its rows, as the released code of the MTA-F paper has it.
    """

    mode: Mode = "mtaf"
    loss: LossName = "mmd"
    kernel: Literal["gaussian", "laplace"] = "laplace"
    bandwidth: float = Field(0.1, gt=0, description="ℓ of the MMD kernel, in units of probability")
    sharpness: Optional[float] = Field(
        None, gt=0, description="fpr_gap: slope of the sigmoid around the threshold; absent = mean score"
    )
    on: On = "negatives"
    group: Optional[str] = Field(None, description="group key; the first declared where absent")
    reduction: Reduction = "mean_pairs"
    strength: Optional[PerTask] = Field(
        None, description="λ_t; 1 where absent. Where `target_gap` learns it, its first value; 0 where absent"
    )
    head_ratio: PerTask = Field(1.0, description="r_t")
    empty_specific: Literal["none", "all_negatives"] = "none"
    batches: Literal["in_batch", "balanced"] = "in_batch"
    balanced_batch_size: int = Field(512, ge=4)
    target_gap: Optional[PerTask] = Field(
        None,
        description="largest FPR gap to allow on validation, of all tasks or by task (others keep `strength`): λ_t is "
        "learned, after the first quarter of the training. It bounds the FPR gap at the decision threshold whatever `loss` "
        "is, which is what training follows",
    )
    target_margin: float = Field(
        0.1, ge=0, lt=1, description="share of `target_gap` that λ_t aims below it, for the noise of the next data"
    )
    max_strength: float = Field(100.0, gt=0, description="bound of a learned λ_t")

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
    """Stops when the validation figure (``select_by``) has not fallen for ``patience`` epochs, and keeps the best epoch."""

    patience: int = Field(3, ge=1)


class TrainingSettings(Settings):
    """How the networks are fitted."""

    epochs: int = Field(10, ge=1)
    batch_size: int = Field(512, ge=2)
    optimizer: Literal["adam", "lazy_adam", "adagrad", "sgd"] = Field(
        "adam",
        description="`lazy_adam` moves only the embeddings that a batch holds, where `adam` passes over whole tables: for "
        "tables of a million rows and more",
    )
    learning_rate: float = Field(1e-3, gt=0)
    early_stopping: Optional[EarlyStopping] = EarlyStopping()
    seed: int = 1
    shuffle_rows: int = Field(50_000, ge=1)
    distribution: Literal["none", "mirrored"] = "none"
    precision: Literal["float32", "mixed_bfloat16"] = "float32"
    checkpoint_steps: int = Field(500, ge=1)
    weighting: WeightingSettings = Field(FixedSettings(), description="how the tasks' losses are combined")
    robustness: RobustnessSettings = Field(NoRobustness(), description="what is done for the worst groups")
    select_by: Literal["loss", "worst_group_error", "worst_cell_error"] = Field(
        "loss",
        description="the validation figure by which the epoch to keep is chosen and early stopping waits; a cell is a label "
        "in a group",
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
    """What a model knows of a task: its name, weight w_t (normalised to sum 1) and decision threshold."""

    name: str
    weight: float = Field(1.0, gt=0)
    threshold: Union[float, Literal["base_rate"]] = "base_rate"


class TrainerSettings(Settings):
    """All that one Trainer depends on. The baseline's leaves out what it does not depend on, so that TFX caches it."""

    tasks: tuple[ModelTask, ...] = Field(min_length=1)
    groups: tuple[str, ...] = Field(description="group keys, the primary one first")
    features: FeatureSettings
    model: ModelSettings
    fairness: FairnessSettings
    training: TrainingSettings
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
