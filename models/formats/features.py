"""The one place for the names of columns that our components write and read.

The negative splitter writes them, Transform passes them through, the trainer and the metrics read them.
"""

from models.formats.names import safe_name

SPLITS = ("train", "validation", "test")

# Values of ``negative/<task>``.
NOT_A_NEGATIVE = 0
SHARED_NEGATIVE = 1
SPECIFIC_NEGATIVE = 2
UNDETERMINED_NEGATIVE = 3

# The value of ``group/<name>`` where the log has none. Its rows belong to no group: they train the tasks, and count in no
# gap.
UNKNOWN_GROUP = "unknown"


def label_key(task: str) -> str:
    """Name of the 0/1 label of ``task``; 0 where the label is missing."""
    return f"label/{task}"


def weight_key(task: str) -> str:
    """Name of the 0/1 weight of ``task``: 0 where its label is missing."""
    return f"weight/{task}"


def negative_key(task: str) -> str:
    """Name of the kind of negative that a row is for ``task`` (constants above)."""
    return f"negative/{task}"


def group_key(name: str) -> str:
    """Name of the value of the group ``name``: a string in examples, an integer (-1 unknown) after Transform."""
    return f"group/{name}"


def group_vocabulary(name: str) -> str:
    """Name of the Transform vocabulary, and of its file, that lists the values of the group ``name``."""
    return f"group_{safe_name(name, one_case=True)}"


def feature_vocabulary(name: str) -> str:
    """Name of the Transform vocabulary, and of its file, that lists the values of the feature ``name``."""
    return f"feature_{safe_name(name, one_case=True)}"
