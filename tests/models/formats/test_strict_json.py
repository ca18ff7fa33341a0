import json
import re
from pathlib import Path

import numpy as np
import pytest

from models.formats import strict_json

ROOT = Path(__file__).resolve().parents[3]


def test_what_is_undefined_is_null_and_all_else_stays():
    value = {
        "auc": float("nan"),
        "ends": (float("-inf"), 0.5),
        "rows": [3, None, True, "NaN"],
        "float64": np.float64("inf"),
    }
    text = strict_json.dumps(value)
    assert json.loads(text) == {"auc": None, "ends": [None, 0.5], "rows": [3, None, True, "NaN"], "float64": None}
    assert "Infinity" not in text


def test_the_forms():
    assert strict_json.dumps({"a": [1, 2]}, compact=True) == '{"a":[1,2]}'
    assert strict_json.dumps({"a": 1}, indent=2) == '{\n  "a": 1\n}'


# Texts that are hashed, printed or handed to a library, and a state that only its own class reads.
_NO_FILES = {
    "models/training/checkpointing.py": "dataclasses.asdict(self.position)",
    "components/interaction_log_gen/component.py": "settings.model_dump",
    "components/interaction_log_gen/executor.py": "counts, sort_keys=True",
}


@pytest.mark.parametrize("package", ["components", "models"])
def test_every_file_of_json_is_strict(package):
    """A file is written by `strict_json`, or says itself that it takes no number that is not finite."""
    loose = []
    for path in (ROOT / package).rglob("*.py"):
        name = str(path.relative_to(ROOT))
        for call in re.findall(r"(?<!strict_)json\.dumps?\((.*)", path.read_text(encoding="utf-8")):
            known = _NO_FILES.get(name)
            if "allow_nan=False" not in call and not (known and known in call):
                loose.append(f"{name}: {call}")
    assert not loose
