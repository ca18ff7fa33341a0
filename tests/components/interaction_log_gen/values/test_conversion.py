import datetime
import decimal
import math

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.interaction_log_gen.errors import LogError
from components.interaction_log_gen.rows.columns import Need
from components.interaction_log_gen.values.conversion import Place, convert

_PLACE = Place("log.csv", 100)


def _convert(
    values: list | pa.Array, kind: str, missing: tuple[str, ...] = (), type_: pa.DataType | None = None
) -> pa.Array:
    array = values if isinstance(values, pa.Array) else pa.array(values, type_)
    return convert(array, Need("c", kind), missing, _PLACE)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "array",
    [
        pa.array(["1", "-2.5", "", "1e3"]),
        pa.array([b"1", b"-2.5", None, b"1e3"], pa.large_binary()),
        pa.array([1.0, -2.5, None, 1000.0]),
        pa.array([1.0, -2.5, None, 1000.0], pa.float32()),
        pa.array([decimal.Decimal("1.0"), decimal.Decimal("-2.5"), None, decimal.Decimal("1000")]),
        pa.array([["1"], ["-2.5"], [], ["1e3"]]),
        pa.array([[1.0], [-2.5], None, [1000.0]], pa.large_list(pa.float32())),
        pa.array(["1", "-2.5", None, "1e3"]).dictionary_encode(),
    ],
    ids=lambda array: str(array.type),
)
def test_numbers_from_every_type(array: pa.Array) -> None:
    converted = _convert(array, "number")
    assert converted.type == pa.float32()
    assert converted.to_pylist() == [1.0, -2.5, None, 1000.0]


def test_numbers_from_integers_and_booleans() -> None:
    assert _convert([3, None, -4], "number").to_pylist() == [3.0, None, -4.0]
    assert _convert([True, False, None], "number").to_pylist() == [1.0, 0.0, None]
    # Rounded as float32 is, and not refused.
    assert _convert([2**53 + 1], "number").to_pylist() == [float(np.float32(2**53 + 1))]


@given(st.lists(st.floats(-1e30, 1e30, allow_nan=False), max_size=50))
def test_numbers_equal_numpys_float32(values: list[float]) -> None:
    expected = np.asarray(values, np.float32)
    for array in (pa.array(values, pa.float64()), pa.array([repr(value) for value in values], pa.string())):
        np.testing.assert_array_equal(_convert(array, "number").to_numpy(zero_copy_only=False), expected)


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array(["x", "", None]), ["x", None, None]),
        (pa.array([b"x", b"", "é".encode()], pa.large_binary()), ["x", None, "é"]),
        (pa.array([12, -3, None]), ["12", "-3", None]),
        (pa.array([12.0, 0.1, None], pa.float32()), ["12", "0.1", None]),
        (pa.array([True, False, None]), ["true", "false", None]),
        (pa.array([datetime.date(2022, 4, 30)]), ["2022-04-30"]),
        (pa.array([["x"], [], None]), ["x", None, None]),
        (pa.nulls(2), [None, None]),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_texts_from_every_type(array: pa.Array, texts: list) -> None:
    converted = _convert(array, "string")
    assert converted.type == pa.string()
    assert converted.to_pylist() == texts


@pytest.mark.parametrize(
    ("array", "texts"),
    [
        (pa.array([["a", "b"], [], None, [None, "", "c"], [""]]), [["a", "b"], None, None, ["c"], None]),
        (pa.array([[1, 2], [3]], pa.large_list(pa.int64())), [["1", "2"], ["3"]]),
        (pa.array([["skip", "a"], ["b"], ["c", "d"], ["e"]]).slice(1, 2), [["b"], ["c", "d"]]),
        (pa.array(["a,b", "", None]), [["a,b"], None, None]),
        (pa.array([7, None]), [["7"], None]),
        (pa.nulls(2), [None, None]),
        (pa.array([[], []], pa.list_(pa.string())), [None, None]),
        (pa.array([], pa.list_(pa.string())), []),
    ],
    ids=lambda value: str(value.type) if isinstance(value, pa.Array) else "",
)
def test_lists_of_texts(array: pa.Array, texts: list) -> None:
    converted = _convert(array, "strings", missing=("none",))
    assert converted.type == pa.list_(pa.string())
    assert converted.to_pylist() == texts


def test_marks_are_missing_as_text_and_as_number() -> None:
    assert _convert(["?", "x", "??"], "string", ("?",)).to_pylist() == [None, "x", "??"]
    assert _convert(["?", "-1", "1"], "number", ("?", "-1")).to_pylist() == [None, None, 1.0]
    assert _convert([-1, 1], "number", ("?", "-1.0")).to_pylist() == [None, 1.0]
    assert _convert([math.nan, math.inf, 1.0, None], "number", ("nan", "inf")).to_pylist() == [None, None, 1.0, None]
    assert _convert([math.nan, 1.0], "string", ("NaN",)).to_pylist() == [None, "1"]
    assert _convert([["?", "a"], ["?"]], "strings", ("?",)).to_pylist() == [["a"], None]
    assert _convert(["NaN", "1"], "number", ("NaN",)).to_pylist() == [None, 1.0]


def test_raw_keeps_the_type() -> None:
    assert _convert([20220425, None], "raw").type == pa.int64()
    assert _convert(["2022-04-25", ""], "raw").to_pylist() == ["2022-04-25", None]
    assert _convert([[5], []], "raw").to_pylist() == [5, None]


@pytest.mark.parametrize(
    ("array", "kind", "row", "message"),
    [
        (pa.array(["1", "x", "y"]), "number", 102, "expected a number. Received: 'x' of type string"),
        (pa.array(["1", "2", " 3"]), "number", 103, "' 3' of type string (`strip: true` removes"),
        (pa.array([["1"], ["2", "3"]]), "number", 102, "expected a number, alone. Received: ['2', '3']"),
        (pa.array([["1"], ["2", "3"]]), "string", 102, "expected text, alone. Received: ['2', '3']"),
        (pa.array([1.0, math.nan]), "number", 102, "Received: nan of type double (NaN and infinities"),
        (pa.array([1.0, -math.inf]), "string", 102, "Received: -inf of type double (NaN and infinities"),
        (pa.array(["1", "inf"]), "number", 102, "Received: inf of type double (NaN and infinities"),
        (pa.array(["nan"]), "number", 101, "Received: nan of type double (NaN and infinities"),
        (pa.array([[0.5], [0.1, math.nan]]), "strings", 102, "expected texts. Received: nan"),
        (pa.array([1.0, 1e39]), "number", 102, "expected a number that float32 can hold. Received: 1e+39"),
        (pa.array(["1", "2", "-1e39"]), "number", 103, "that float32 can hold. Received: '-1e39'"),
        (pa.array([b"ok", b"\xff"], pa.binary()), "string", 102, "expected text. Received: b'\\xff' of type binary"),
        (pa.array([{"a": 1}]), "string", 101, "expected text. Received: {'a': 1}"),
        (pa.array([[[1]]]), "strings", 101, "expected texts. Received: [1]"),
        (
            pa.array([datetime.date(2022, 4, 30)]),
            "number",
            101,
            "expected a number. Received: datetime.date(2022, 4, 30)",
        ),
    ],
    ids=str,
)
def test_what_does_not_fit_is_named(array: pa.Array, kind: str, row: int, message: str) -> None:
    with pytest.raises(LogError) as error:
        _convert(array, kind)
    assert str(error.value).startswith(f"log.csv: column `c`, row {row}: ")
    assert message in str(error.value)


@given(st.lists(st.integers(-5, 5).map(str), min_size=1, max_size=40), st.data())
def test_the_first_offending_value_is_the_one_named(values: list[str], data: st.DataObject) -> None:
    bad = data.draw(st.lists(st.integers(0, len(values) - 1), min_size=1, max_size=3))
    for index in bad:
        values[index] = f"bad{index}"
    with pytest.raises(LogError, match=rf"row {100 + min(bad) + 1}: .*'bad{min(bad)}'"):
        _convert(pa.array(values), "number")
