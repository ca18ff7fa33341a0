"""Settings of the methods against worst-group error: regularised multi-task learning, JTT and GroupDRO."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Optional, Union

from pydantic import Field, model_validator

from models.config.base import Settings
from models.config.networks import NetworkSettings
from models.formats.listing import quoted


class RobustnessMethod(Settings):
    """What every method says of itself, so that no other code asks for its name.

    Attributes:
      needs_shared: Whether it works on what the tasks share.
      against_stages: Why it does not go together with a network that is trained in stages; empty where it does.
    """

    needs_shared: ClassVar[bool] = False
    against_stages: ClassVar[str] = ""

    @property
    def group_key(self) -> Optional[str]:
        """The group key that the settings name; None where they name none."""
        return None


class NoRobustness(RobustnessMethod):
    """No method."""

    method: Literal["none"] = Field("none", description="empirical risk minimisation, the mean loss over all rows")


class RegularisedMTL(RobustnessMethod):
    """Regularised multi-task learning, L_end + α L_aux + β mean|h|.

    L_aux is the loss of predicting the corrupted cells of the input from the shared representation h of the corrupted
    input; see ``models.robustness.reconstruction``. The paper finds that each part alone gains little, so both are on by
    default.

    Reference: Kulkarni et al., "Multitask Learning Can Improve Worst-Group Outcomes", TMLR 2024, arXiv 2312.03151. Their
    α is one of e⁻¹, 1 and e, their β e⁻¹.
    """

    needs_shared: ClassVar[bool] = True
    against_stages: ClassVar[str] = "regularises what tasks share, which is not there in all stages"

    method: Literal["regularised"] = Field(
        description="reconstructs corrupted inputs from the shared representation, and keeps that sparse by an L1 "
        "penalty"
    )
    reconstruction: float = Field(
        1.0, ge=0, description="weight α of the reconstruction loss, 0 = off; good first guesses are 1/e, 1 and e"
    )
    l1: float = Field(
        math.exp(-1), ge=0, description="weight β of the mean absolute value of the shared representation, 0 = off"
    )
    corruption: Literal["mask", "swap"] = Field(
        "mask",
        description="`mask`: a corrupted cell says nothing (a number becomes 0, a category the out-of-vocabulary one, "
        "a list of categories empty); `swap`: it holds the value of another row of the batch",
    )
    share: float = Field(
        0.15, gt=0, lt=1, description="share of the input's cells that is corrupted, drawn anew for each row and step"
    )
    max_classes: int = Field(
        1024,
        ge=2,
        description="a categorical feature with more ids is reconstructed modulo this number, which bounds its head",
    )
    pretrain_epochs: int = Field(0, ge=0, description="epochs of reconstruction alone before the tasks")

    @model_validator(mode="after")
    def _parts(self) -> RegularisedMTL:
        if not self.reconstruction and not self.l1:
            raise ValueError("`reconstruction` and `l1` are both 0, so nothing is regularised; use `method: none`")
        if self.pretrain_epochs and not self.reconstruction:
            raise ValueError(
                f"`pretrain_epochs` trains on reconstruction alone, and `reconstruction` is 0. Received: "
                f"{self.pretrain_epochs} epochs"
            )
        return self


class JTT(RobustnessMethod):
    """Just Train Twice.

    The error set is taken at probability 0.5, as in the paper. Where positives are rare, a first model predicts no row
    positive, the error set is the positives, and JTT is a class weight.

    Reference: Liu et al., "Just Train Twice: Improving Group Robustness without Training Group Information", ICML 2021.
    """

    against_stages: ClassVar[str] = "has stages of its own"

    method: Literal["jtt"] = Field(
        description="trains a first model, then trains afresh with more weight on the rows that it got wrong; needs "
        "no groups",
    )
    first_epochs: int = Field(
        5, ge=1, description="epochs of the first model; few, so that it has learned only what is easy"
    )
    upweight: float = Field(
        6.0,
        ge=1,
        description="weight λ_up of the first model's errors in the second training; 6 goes with 5 first epochs, 20 "
        "with 10",
    )


class GroupDROSettings(RobustnessMethod):
    """Σ_c q_c L_c over the cells label × group, where q_c ← q_c exp(η L_c), normalised.

    Reference: Sagawa et al., "Distributionally Robust Neural Networks for Group Shifts", ICLR 2020.
    """

    method: Literal["group_dro"] = Field(
        description="distributionally robust optimisation: cells of label and group with a high loss gain weight",
    )
    step: float = Field(
        0.1, gt=0, description="step size η of the cells' weights; a larger one follows the worst cell faster"
    )
    group: Optional[str] = Field(None, description="group key; the primary one where absent")

    @property
    def group_key(self) -> Optional[str]:
        """The group key that the settings name; None where they name none."""
        return self.group


RobustnessSettings = Annotated[
    Union[NoRobustness, RegularisedMTL, JTT, GroupDROSettings], Field(discriminator="method")
]


def check_robustness(settings: RobustnessSettings, network: NetworkSettings, groups: Sequence[str]) -> None:
    """Checks the settings against the others of a run.

    Args:
      settings: To check.
      network: The network's settings.
      groups: Declared group keys.

    Raises:
      ValueError: The combination cannot work.
    """
    if settings.needs_shared and not network.shares:
        raise ValueError(
            f"`training.robustness.method: {settings.method}` works on what the tasks share, and the network "
            f"`{network.network}` shares nothing; use another network"
        )
    if settings.group_key is not None and settings.group_key not in groups:
        raise ValueError(
            f"`training.robustness.group` should be one of the groups {quoted(groups)}. Received: `{settings.group_key}`"
        )
