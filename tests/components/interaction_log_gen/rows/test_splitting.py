import datetime

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.rows import splitting
from components.interaction_log_gen.rows.columns import Need
from components.interaction_log_gen.settings import HashSplit, SourceSettings, TimeSplit
from components.interaction_log_gen.values.conversion import Place
from components.interaction_log_gen.values.notices import Notices
from models.formats.features import SPLITS

_PLACE = Place("log.csv", 10)
_THREE = HashSplit(by="hash", fractions={"train": 0.6, "validation": 0.3, "test": 0.1})


def _columns(rows: list[tuple]) -> dict[Need, pa.Array]:
    return {
        Need("n", "number"): pa.array([row[0] for row in rows], pa.float32()),
        Need("s", "string"): pa.array([row[1] for row in rows], pa.string()),
        Need("l", "strings"): pa.array([row[2] for row in rows], pa.list_(pa.string())),
    }


_ROW = st.tuples(
    st.none() | st.floats(width=32, allow_nan=False),
    st.none() | st.text(max_size=4),
    st.none() | st.lists(st.text(max_size=2), min_size=1, max_size=3),
)


@given(st.lists(_ROW, min_size=1, max_size=40), st.integers(1, 10), st.randoms())
@settings(deadline=None)
def test_a_rows_split_depends_on_the_row_alone(rows: list[tuple], batch: int, random) -> None:
    alone = [int(splitting.by_hash(_columns([row]), _THREE)[0]) for row in rows]
    order = list(range(len(rows)))
    random.shuffle(order)
    found: dict[int, int] = {}
    for start in range(0, len(order), batch):
        part = order[start : start + batch]
        found.update(zip(part, splitting.by_hash(_columns([rows[i] for i in part]), _THREE).tolist(), strict=True))
    assert [found[i] for i in range(len(rows))] == alone


@given(st.lists(_ROW, min_size=3, max_size=10), st.integers(0, 2))
@settings(deadline=None)
def test_slices_hash_as_copies_do(rows: list[tuple], start: int) -> None:
    sliced = {need: array.slice(start) for need, array in _columns(rows).items()}
    np.testing.assert_array_equal(splitting.row_hash(sliced, ""), splitting.row_hash(_columns(rows[start:]), ""))


def test_hashes_are_those_of_any_other_day() -> None:
    # The split of a log must not change with a release: pinned values, not derived ones.
    hashes = splitting.row_hash(_columns([(1.5, "a", ["x", "y"]), (None, None, None), (0.0, "é", ["y", "x"])]), "salt")
    assert hashes.dtype == np.uint64
    assert hashes.tolist() == [588459002450143796, 10947833945112604036, 5811742328618964560]


@pytest.mark.parametrize(
    ("left", "right", "equal"),
    [
        ((0.0, "a", ["x"]), (-0.0, "a", ["x"]), True),
        ((None, "a", ["x"]), (0.0, "a", ["x"]), False),
        ((0.0, None, ["x"]), (0.0, "", ["x"]), False),
        ((0.0, "a", ["x", "y"]), (0.0, "a", ["y", "x"]), False),
        ((0.0, "a", ["x", "x"]), (0.0, "a", ["x"]), False),
        ((0.0, "a", None), (0.0, "a", [""]), False),
        ((0.0, "a", ["b"]), (0.0, "b", ["a"]), False),
    ],
)
def test_what_makes_rows_equal(left: tuple, right: tuple, equal: bool) -> None:
    hashes = splitting.row_hash(_columns([left, right]), "")
    assert (hashes[0] == hashes[1]) == equal


@pytest.mark.parametrize("salt", ["", "a", "a longer salt, of more than sixteen bytes"])
def test_fractions_are_kept_and_salts_are_independent(salt: str) -> None:
    rows = 60_000
    columns = {Need("user", "string"): pa.array([str(i) for i in range(rows)])}
    split = splitting.by_hash(columns, _THREE.model_copy(update={"salt": salt}))
    share = np.bincount(split, minlength=3) / rows
    # Five standard deviations of a binomial share.
    np.testing.assert_allclose(share, [0.6, 0.3, 0.1], atol=5 * np.sqrt(0.25 / rows))
    other = splitting.by_hash(columns, _THREE.model_copy(update={"salt": salt + "!"}))
    joint = np.mean((split == 0) & (other == 0))
    assert abs(joint - 0.36) < 5 * np.sqrt(0.25 / rows)


def test_numbers_spread_too() -> None:
    columns = {Need("n", "number"): pa.array(np.arange(50_000), pa.float32())}
    share = np.bincount(splitting.by_hash(columns, _THREE), minlength=3) / 50_000
    np.testing.assert_allclose(share, [0.6, 0.3, 0.1], atol=5 * np.sqrt(0.25 / 50_000))


def test_only_the_named_splits_get_rows() -> None:
    columns = {Need("user", "string"): pa.array([str(i) for i in range(1000)])}
    split = HashSplit(by="hash", fractions={"test": 0.5, "train": 0.5})
    assert set(splitting.by_hash(columns, split)) == {0, 2}


def test_equal_values_of_the_columns_stay_together() -> None:
    source = SourceSettings(
        files=("f",), split=HashSplit(by="hash", columns=("user",), fractions={"train": 0.5, "test": 0.5})
    )
    users = pa.array([str(i % 50) for i in range(500)])
    columns = {Need("user", "string"): users, Need("x", "number"): pa.array(range(500), pa.float32())}
    split = splitting.assign(columns, [Need("x", "number")], source, np.ones(500, bool), _PLACE, Notices())
    assert {len(set(split[i::50])) for i in range(50)} == {1}
    assert set(split) == {0, 2}


def test_without_columns_the_written_ones_decide() -> None:
    source = SourceSettings(files=("f",), split=_THREE)
    written = [Need("x", "number")]
    columns = {Need("x", "number"): pa.array(range(500), pa.float32()), Need("y", "string"): pa.array(["y"] * 500)}
    found = splitting.assign(columns, written, source, np.ones(500, bool), _PLACE, Notices())
    np.testing.assert_array_equal(found, splitting.by_hash({written[0]: columns[written[0]]}, _THREE))


@pytest.mark.parametrize("name", SPLITS)
def test_a_named_split_takes_all(name: str) -> None:
    source = SourceSettings(files=("f",), split=name)  # type: ignore[arg-type]
    split = splitting.assign({}, [], source, np.ones(3, bool), _PLACE, Notices())
    assert [SPLITS[i] for i in split] == [name] * 3


def _by_time(
    times: pa.Array, validation_from: object, test_from: object, complete: list[bool] | None = None
) -> list[int]:
    split = TimeSplit(by="time", column="t", validation_from=validation_from, test_from=test_from)  # type: ignore[arg-type]
    return splitting.by_time(times, split, np.asarray(complete or [True] * len(times)), _PLACE).tolist()


_DAY = datetime.datetime(2022, 4, 28)
_HOUR = datetime.timedelta(hours=1)


@pytest.mark.parametrize(
    ("times", "bounds"),
    [
        (pa.array([1, 2, 3, 4]), (2, 4)),
        (pa.array([1, 2, 3, 4]), (1.5, 3.5)),
        (pa.array([1.0, 2.0, 3.0, 4.0]), (2, 4)),
        (pa.array(["9", "10", "11", "100"]), (10, 100)),
        (pa.array(["9.5", "10", "11", "1e2"]), (10, 100)),
        (pa.array([b"9", b"10", b"11", b"100"], pa.large_binary()), (10, 100)),
        (pa.array(["2022-04-27", "2022-04-28", "2022-04-28T23", "2022-05-01"]), ("2022-04-28", "2022-05")),
        (pa.array([_DAY - _HOUR, _DAY, _DAY + _HOUR, _DAY + 2 * _HOUR]), ("2022-04-28", "2022-04-28T02:00")),
        (
            pa.array([_DAY - _HOUR, _DAY, _DAY + _HOUR, _DAY + 2 * _HOUR], pa.timestamp("ms", "UTC")),
            ("2022-04-28T00:00Z", "2022-04-28T03:30+02:00"),
        ),
        (pa.array([datetime.date(2022, 4, day) for day in (27, 28, 29, 30)]), ("2022-04-28", "2022-04-30")),
        # Nanoseconds since 1970 that float64 cannot tell apart.
        (pa.array([str(1650902400000000000 + i) for i in range(4)]), (1650902400000000001, 1650902400000000003)),
    ],
    ids=str,
)
def test_times_are_compared_in_their_own_type(times: pa.Array, bounds: tuple) -> None:
    assert _by_time(times, *bounds) == [0, 1, 1, 2]


@pytest.mark.parametrize(
    ("times", "bounds", "message"),
    [
        (pa.array([1, None]), (1, 2), "row 12: expected a time to split by. Received: a missing value"),
        (
            pa.array(["1", "noon"]),
            (1, 2),
            "row 12: expected a number, as `validation_from` (1) is one. Received: 'noon'",
        ),
        (pa.array([1, 2]), ("2022-04-28", "2022-05"), "Where they are numbers since 1970, say `unit: s`"),
        (pa.array([_DAY]), (1, 2), "holds timestamp[us]: expected a number, as `validation_from` (1) is one"),
        (pa.array(["2022-01-01", "12/31/2022"]), ("2022-04-28", "2022-05"), "row 12: expected an ISO 8601 time"),
        (pa.array(["2022-01-01", "2022-01-01T00Z"]), ("2022-04-28", "2022-05"), "in all rows or in none"),
        (pa.array(["2022-01-01T00Z"]), ("2022-04-28", "2022-05"), "states an offset from UTC and the bounds"),
        (pa.array(["2022-01-01"]), ("2022-04-28T00Z", "2022-05-01T00Z"), "states no offset from UTC and the bounds"),
    ],
    ids=str,
)
def test_times_that_cannot_be_compared_are_named(times: pa.Array, bounds: tuple, message: str) -> None:
    with pytest.raises(LogError) as error:
        _by_time(times, *bounds)
    assert "log.csv: column `t`" in str(error.value) and message in str(error.value)


def test_a_row_that_is_dropped_needs_no_time() -> None:
    assert _by_time(pa.array([None, 5]), 1, 2, [False, True])[1] == 2
