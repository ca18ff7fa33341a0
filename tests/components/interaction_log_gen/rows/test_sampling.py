import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.interaction_log_gen.rows import sampling


@given(st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=200), st.integers(0, 250))
def test_the_bound_keeps_the_most_that_fits(hashes: list[int], most: int) -> None:
    bins = sampling.bins(np.asarray(hashes, np.uint64))
    counts = np.bincount(bins, minlength=1 << 16)
    cap = sampling.cap(counts, most)
    assert cap.rows == len(hashes)
    assert cap.kept == np.count_nonzero(bins < cap.bound) <= most
    # One bin more would be too many, unless all are kept.
    assert cap.kept == len(hashes) or np.count_nonzero(bins < cap.bound + 1) > most


@pytest.mark.parametrize("most", [1_000, 50_000])
def test_a_large_sample_is_close_to_its_cap(most: int) -> None:
    hashes = np.random.default_rng(0).integers(0, 2**64, 300_000, np.uint64)
    cap = sampling.cap(np.bincount(sampling.bins(hashes), minlength=1 << 16), most)
    assert most - 20 < cap.kept <= most


@given(st.lists(st.lists(st.integers(0, 65_535), max_size=20), max_size=6), st.randoms())
def test_counts_merge_in_any_order(parts: list[list[int]], random) -> None:
    fn = sampling.CountBins()
    accumulators = [fn.add_input(fn.create_accumulator(), np.asarray(part, np.int64)) for part in parts]
    random.shuffle(accumulators)
    half = len(accumulators) // 2
    merged = fn.merge_accumulators(
        [fn.merge_accumulators([fn.create_accumulator(), *accumulators[:half]]), *accumulators[half:]]
    )
    flat = np.asarray([i for part in parts for i in part], np.int64)
    np.testing.assert_array_equal(fn.extract_output(merged), np.bincount(flat, minlength=1 << 16))
