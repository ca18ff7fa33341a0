"""Settings of how the tasks' losses are combined (``training.weighting``)."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Optional, Union

from pydantic import Field

from models.config.base import Settings

On = Annotated[
    Literal["parameters", "representation"],
    Field(
        description="where the tasks' gradients are taken: at all shared `parameters`, or, cheaper, at the shared "
        "`representation`"
    ),
]


class WeightingMethod(Settings):
    """What every weighting says of itself, so that no other code asks for its name.

    Attributes:
      takes_task_weights: Whether the tasks' own ``weight`` counts; other weightings set the weights themselves.
      compares_tasks: Whether it weighs tasks against each other, for which there have to be two.
      compares_gradients: Whether it needs the tasks' gradients in what they share.
      draws: Whether it draws random orders by the training's seed, within the step.
    """

    takes_task_weights: ClassVar[bool] = False
    compares_tasks: ClassVar[bool] = True
    compares_gradients: ClassVar[bool] = False
    draws: ClassVar[bool] = False

    @property
    def needs_whole_gradients(self) -> bool:
        """Whether gradients of all shared parameters are needed, those of embedding tables included."""
        return False


class GradientWeighting(WeightingMethod):
    """A weighting that compares the tasks' gradients."""

    compares_gradients: ClassVar[bool] = True

    on: On = "parameters"

    @property
    def needs_whole_gradients(self) -> bool:
        """Whether gradients of all shared parameters are needed, those of embedding tables included."""
        return self.on == "parameters"


class FixedSettings(WeightingMethod):
    """Fixed weights."""

    takes_task_weights: ClassVar[bool] = True
    compares_tasks: ClassVar[bool] = False

    method: Literal["fixed"] = Field(
        "fixed", description="each task's own `weight`, 1 where absent, divided by their sum"
    )


class UniformSettings(WeightingMethod):
    """Uniform weights, 1/T."""

    compares_tasks: ClassVar[bool] = False

    method: Literal["uniform"] = Field(description="the same weight for every task")


class UncertaintySettings(WeightingMethod):
    """Uncertainty weighting: Kendall, Gal and Cipolla, CVPR 2018."""

    method: Literal["uncertainty"] = Field(description="weights by homoscedastic uncertainty, learned with the network")
    learning_rate: float = Field(
        0.025,
        gt=0,
        description="learning rate of the tasks' log variances; ours, since the paper leaves them to the network's "
        "optimizer",
    )


class DwaSettings(WeightingMethod):
    """DWA: Liu, Johns and Davison, CVPR 2019."""

    method: Literal["dwa"] = Field(
        description="dynamic weight average: more weight where the loss fell less over the last two epochs"
    )
    temperature: float = Field(
        2.0,
        gt=0,
        description="temperature of the softmax over the tasks; a higher one makes the weights more equal, 2 in the "
        "paper",
    )


class GradNormSettings(GradientWeighting):
    """GradNorm: Chen et al., ICML 2018."""

    method: Literal["gradnorm"] = Field(description="equal training rates of the tasks by equal gradient norms")
    alpha: float = Field(1.5, ge=0, description="how strongly slower tasks are favoured; the paper's NYUv2 value")
    learning_rate: float = Field(
        0.025, gt=0, description="learning rate of the tasks' weights, which sum to the number of tasks here"
    )


class MgdaSettings(GradientWeighting):
    """MGDA: Désidéri 2012; Sener and Koltun, NeurIPS 2018."""

    method: Literal["mgda"] = Field(
        description="the shortest vector in the convex hull of the tasks' gradients, along which no task gets worse"
    )


class ImtlSettings(GradientWeighting):
    """IMTL-G: Liu et al., ICLR 2021."""

    method: Literal["imtl"] = Field(description="a combined gradient that projects equally on every task's direction")


class PcgradSettings(GradientWeighting):
    """PCGrad: Yu et al., NeurIPS 2020."""

    draws: ClassVar[bool] = True

    method: Literal["pcgrad"] = Field(description="conflicting gradients are projected on each other's normal planes")


class GroupDroSettings(WeightingMethod):
    """GroupDRO over tasks: Sagawa et al., ICLR 2020."""

    method: Literal["group_dro"] = Field(
        description="distributionally robust optimisation with tasks as groups: the tasks with the highest loss gain "
        "weight"
    )
    step: float = Field(0.01, gt=0, description="step size η of w_t ← w_t exp(η L_t); that of the paper's code")


class ExcessRiskSettings(GradientWeighting):
    """ExcessMTL: He et al., ICML 2024, arXiv 2402.02009."""

    method: Literal["excess_risk"] = Field(
        description="weights by estimated excess risks: by what each task can still gain, not by its loss"
    )
    step: float = Field(
        0.01, gt=0, description="step size η of w_t ← w_t exp(η E_t); the authors' argument default, 1 in their example"
    )
    warmup_epochs: int = Field(
        0,
        ge=0,
        description="epochs with uniform weights over which E_t is averaged to normalise it; 0 = by the first step",
    )
    floor: Optional[float] = Field(
        0.01,
        gt=0,
        lt=1,
        description="least weight of a task, as a share of equal weights 1/T, so that none is lost; null = none, as "
        "in the paper",
    )


WeightingSettings = Annotated[
    Union[
        FixedSettings,
        UniformSettings,
        UncertaintySettings,
        DwaSettings,
        GradNormSettings,
        MgdaSettings,
        ImtlSettings,
        PcgradSettings,
        GroupDroSettings,
        ExcessRiskSettings,
    ],
    Field(discriminator="method"),
]
