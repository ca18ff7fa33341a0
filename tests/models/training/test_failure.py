import numpy as np
import pytest
import tensorflow as tf

from models.metrics.decision import base_rate_threshold
from models.training.failure import describe_failure, failure_path


def raised(function):
    with pytest.raises(Exception) as error:
        function()
    return error.value


def test_an_error_of_ours_is_told_in_its_own_words():
    error = raised(lambda: base_rate_threshold(np.array([np.nan]), 0.5))
    assert describe_failure(error) == "a base-rate threshold needs finite scores. Received: 1 scores"


def test_an_error_of_a_library_is_told_by_its_class_and_first_line():
    assert describe_failure(raised(lambda: np.linalg.inv(np.zeros((2, 2))))) == "LinAlgError: Singular matrix"
    graph = "Graph execution error:\n\nDetected at node x:\n  File \"a.py\", line 1\nNode: 'x'\nwrong size\n\t [[x]]"
    error = tf.errors.InvalidArgumentError(None, None, graph)
    assert describe_failure(error) == "InvalidArgumentError: wrong size"
    assert describe_failure(KeyboardInterrupt()) == "KeyboardInterrupt"


@pytest.mark.parametrize("error", [MemoryError(), tf.errors.ResourceExhaustedError(None, None, "OOM when\nallocating")])
def test_too_little_memory_is_told_with_what_to_change(error):
    text = describe_failure(error)
    assert text.startswith("expected that the training fits into memory. Received: ") and "\n" not in text
    assert "lower `training.batch_size`" in text


def test_the_file_lies_beside_the_job():
    assert str(failure_path("/x/job.json")) == "/x/job.json.failed"
