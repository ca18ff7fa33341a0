"""Numbers of which no training can be made: refused where the settings are read, with the key."""

from typing import Any

import pytest
import yaml

from pipeline.settings.config import ConfigError, load
from tests.pipeline.conftest import make_small_run


@pytest.mark.parametrize(
    ("block", "key", "value", "said"),
    [
        ("fairness", "min_specific", 30, "has one place, `negatives.min_specific`"),
        ("training", "seed", -1, "from 0 to 2147483647. Received: -1"),
        ("training", "seed", 2**32, "from 0 to 2147483647. Received: 4294967296"),
        ("training", "seed", True, "expected a number. Received: true"),
        ("training", "batch_size", 0, "Received: 0"),
        ("training", "epochs", 0, "Received: 0"),
        ("training", "learning_rate", 0, "Received: 0"),
        ("training", "learning_rate", -0.1, "Received: -0.1"),
        ("training", "learning_rate", 1e300, "32 bits"),
        ("model", "shared_units", [0], "from 1 to 1048576. Received: 0"),
        ("model", "shared_units", [10**12], "from 1 to 1048576. Received: 1000000000000"),
        ("model", "tower_units", [-8], "from 1 to 1048576. Received: -8"),
        ("model", "embedding_units", 0, "Received: 0"),
        ("model", "embedding_units", 2**31 - 1, "from 1 to 1048576. Received: 2147483647"),
    ],
)
def test_what_is_impossible_is_refused_with_its_key(tmp_path: Any, block: str, key: str, value: Any, said: str) -> None:
    small = make_small_run(tmp_path, rows=200)
    small.change(**{block: {key: value}})
    with pytest.raises(ConfigError) as error:
        load(small.config)
    (line,) = str(error.value).splitlines()[1:]
    assert f"{block}.{key}" in line and said in line


@pytest.mark.parametrize(
    ("model", "line"),
    [
        ({"network": "mmoe", "experts": 10**9}, "model.experts: .*Received: 1000000000"),
        (
            {"network": "mmoe", "sharing": "al"},
            "model.sharing: `network: mmoe` does not take this key; the networks that take it: `dsmtl`",
        ),
        (
            {"experts": 2},
            "model.experts: `network: shared_bottom` does not take this key; the networks that take it: `mmoe`, `cgc`, "
            "`ple`",
        ),
        ({"network": "ple", "depth": 2}, "model.depth: unknown key"),
        ({"network": "tree"}, "model.network: expected one of `single_task`, .*`dsmtl`. Received: 'tree'"),
    ],
)
def test_a_network_takes_its_own_keys_alone(tmp_path: Any, model: dict[str, Any], line: str) -> None:
    small = make_small_run(tmp_path, rows=200)
    content = yaml.safe_load(small.config.read_text(encoding="utf-8"))
    small.config.write_text(yaml.safe_dump({**content, "model": model}), encoding="utf-8")
    with pytest.raises(ConfigError, match=line):
        load(small.config)
