"""Settings of the networks (``model``): a class for each, with the keys that it takes and no others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, NamedTuple, Optional

from pydantic import BeforeValidator, Field, SerializeAsAny, ValidationError, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError

from models.config.base import Settings
from models.formats.listing import quoted

# The network of settings that name none.
DEFAULT_NETWORK = "shared_bottom"


class Staging(NamedTuple):
    """What a person is told of a network that is trained in stages.

    Attributes:
      key: The key and value that ask for the stages.
      instead: The key and value that train the network in one.
      always_shares: Values with which tasks share something in the end, where they may come to share nothing; else empty.
    """

    key: str
    instead: str
    always_shares: str = ""


class NetworkSettings(Settings):
    """The capacity that every network has, and what a network says of itself.

    Attributes:
      shares: Whether the tasks have layers in common.
    """

    shares: ClassVar[bool] = True

    network: str = Field(description="architecture of the model, which decides what the tasks share")
    embedding_units: int = Field(
        16, ge=1, description="width of the embedding of a categorical feature that does not set its own"
    )
    shared_units: tuple[int, ...] = Field((64,), description="widths of the dense layers of a bottom or an expert")
    tower_units: tuple[int, ...] = Field((32,), description="widths of the dense layers of each task's tower")
    cross_layers: int = Field(0, ge=0, le=100, description="tfrs Cross layers over the whole embedded input")
    dropout: float = Field(0.0, ge=0, lt=1, description="share of the dense layers' units that a training step drops")

    @property
    def strategy(self) -> str:
        """Name of the order in which the network's parts are trained, see ``models.networks.strategies``."""
        return "joint"

    @property
    def staging(self) -> Optional[Staging]:
        """What is said of the stages; None where the network is trained in one."""
        return None

    @model_validator(mode="before")
    @classmethod
    def _no_key_of_another(cls, values: Any) -> Any:
        if not isinstance(values, Mapping):
            return values
        errors: list[InitErrorDetails] = []
        for key in values:
            takers = [name for name, other in NETWORK_SETTINGS.items() if key in other.model_fields]
            if key not in cls.model_fields and takers:
                network = f"`network: {values.get('network')}`"
                text = f"{network} does not take this key; the networks that take it: {quoted(takers)}"
                # Said as a value that stands in no braces, of which pydantic would make a template.
                error = PydanticCustomError("value_error", "{text}", {"text": text})
                errors.append(InitErrorDetails(type=error, loc=(key,), input=values[key]))
        if errors:
            raise ValidationError.from_exception_data(cls.__name__, errors)
        return values


class SingleTaskSettings(NetworkSettings):
    """Single-task learning."""

    shares: ClassVar[bool] = False

    network: Literal["single_task"] = Field(description="a network of its own for each task; nothing is shared")


class SharedBottomSettings(NetworkSettings):
    """Shared bottom."""

    network: Literal["shared_bottom"] = Field(
        "shared_bottom", description="hard parameter sharing: one bottom for all tasks, and a tower for each"
    )


class _ExpertSettings(NetworkSettings):
    """What networks of experts have in common."""

    experts: int = Field(4, ge=1, le=1000, description="experts that the tasks share, at each level")
    gate_temperature: float = Field(
        1.0,
        gt=0,
        description="temperature of the softmax by which a task weighs the experts; above 1 makes the weights more "
        "equal",
    )


class MMoESettings(_ExpertSettings):
    """Multi-gate mixture of experts."""

    network: Literal["mmoe"] = Field(description="each task mixes experts that all tasks share")


class CgcSettings(_ExpertSettings):
    """Customised gate control."""

    network: Literal["cgc"] = Field(
        description="each task mixes shared experts and experts of its own, in one level",
    )
    task_experts: int = Field(
        2, ge=1, le=1000, description="experts of each task's own beside the shared ones, at each level"
    )


class PleSettings(CgcSettings):
    """Progressive layered extraction."""

    network: Literal["ple"] = Field(
        description="each task mixes shared experts and experts of its own, in several levels"
    )  # type: ignore[assignment]
    levels: int = Field(2, ge=2, le=100, description="levels of experts; cgc is the network with one")


class CrossStitchSettings(NetworkSettings):
    """Cross-stitch networks."""

    network: Literal["cross_stitch"] = Field(description="a column of layers for each task, mixed after every layer")
    stitch: float = Field(
        0.9,
        gt=0,
        lt=1,
        description="share of its own column that a task starts with; the others share the rest",
    )


class DsmtlSettings(NetworkSettings):
    """Private and public encoders, which tasks may come to share or not."""

    network: Literal["dsmtl"] = Field(
        description="a public encoder for all tasks and a private one for each, with a gate between them"
    )
    sharing: Literal["il", "jl", "al"] = Field(
        "il",
        description="`il` trains each task alone first and shares where its train loss falls, `jl` trains everything "
        "at once, `al` searches by task which layers are public and retrains the network that it finds",
    )
    gate: Literal["softmax", "sigmoid", "gumbel"] = Field(
        "softmax", description="how a task weighs the public and its private encoder; `gumbel` picks one of them"
    )
    gumbel_temperature: float = Field(
        0.1, gt=0, description="temperature τ of the `gumbel` gate; a lower one picks more sharply"
    )
    search_epochs: Optional[int] = Field(
        None,
        ge=1,
        description="epochs of the search of `sharing: al`; as many as `training.epochs` where absent",
    )

    @property
    def strategy(self) -> str:
        """Individual learning, joint learning, or architecture learning."""
        return {"il": "individual", "jl": "joint", "al": "architecture"}[self.sharing]

    @property
    def staging(self) -> Optional[Staging]:
        """What is said of the stages; None where the network is trained in one."""
        if self.sharing == "jl":
            return None
        always_shares = "`sharing: il` or `jl`" if self.sharing == "al" else ""
        return Staging(f"`model.sharing: {self.sharing}`", "`sharing: jl`", always_shares)


NETWORK_SETTINGS: dict[str, type[NetworkSettings]] = {}


def register_network_settings(name: str, settings: type[NetworkSettings]) -> None:
    """Makes ``model: {network: name}`` be read as ``settings``.

    Raises:
      ValueError: Another class has that name.
    """
    if NETWORK_SETTINGS.get(name, settings) is not settings:
        raise ValueError(f"network `{name}` already has settings: {NETWORK_SETTINGS[name].__name__}")
    NETWORK_SETTINGS[name] = settings


register_network_settings("single_task", SingleTaskSettings)
register_network_settings("shared_bottom", SharedBottomSettings)
register_network_settings("mmoe", MMoESettings)
register_network_settings("cgc", CgcSettings)
register_network_settings("ple", PleSettings)
register_network_settings("cross_stitch", CrossStitchSettings)
register_network_settings("dsmtl", DsmtlSettings)


def read_network(values: Any) -> Any:
    """The settings that a mapping stands for, by its ``network``; what is no mapping is handed on as it is.

    Raises:
      ValidationError: There is no such network, or a key does not suit it.
    """
    if not isinstance(values, Mapping):
        return values
    values = {"network": DEFAULT_NETWORK, **values}
    name = values["network"]
    if not isinstance(name, str) or name not in NETWORK_SETTINGS:
        known = ", ".join(f"`{known}`" for known in NETWORK_SETTINGS)
        text = f"expected one of {known}. Received: {name!r}"
        error = PydanticCustomError("value_error", "{text}", {"text": text})
        raise ValidationError.from_exception_data(
            "NetworkSettings", [InitErrorDetails(type=error, loc=("network",), input=name)]
        )
    return NETWORK_SETTINGS[name].model_validate(values)


# A setting that holds any network's settings.
ModelSettings = Annotated[SerializeAsAny[NetworkSettings], BeforeValidator(read_network)]


def network_settings(network: str = DEFAULT_NETWORK, **values: Any) -> NetworkSettings:
    """The settings of a network by its name.

    Example:
      >>> network_settings("ple", levels=3).levels
      3

    Raises:
      ValidationError: There is no such network, or a key does not suit it.
    """
    settings = read_network({"network": network, **values})
    assert isinstance(settings, NetworkSettings)
    return settings


def with_network(settings: NetworkSettings, network: str) -> NetworkSettings:
    """The settings of another network, with the keys of ``settings`` that it takes too, and defaults for its others.

    Args:
      settings: To take the keys from.
      network: Name of the network.
    """
    taken = set(NETWORK_SETTINGS[network].model_fields) & settings.model_fields_set - {"network"}
    return network_settings(network, **settings.model_dump(include=taken))
