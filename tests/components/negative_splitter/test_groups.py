import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from components.negative_splitter.columns import single_values
from components.negative_splitter.groups import CROSS_SEPARATOR, band_labels, group_values
from components.negative_splitter.settings import GroupSettings
from models.formats.features import UNKNOWN_GROUP

SEX = GroupSettings(name="sex", column="sex", values={"F": "female", "f": "female", "M": "male"})
AGE = GroupSettings(name="age", column="age", buckets=(18, 25), labels=("under 18", "18-24", "25 and over"))


def texts(name, values):
    array = pa.array([None if v is None else [v.encode()] for v in values], pa.large_list(pa.large_binary()))
    return single_values(pa.RecordBatch.from_arrays([array], [name]), name, "string", "train")


def numbers(name, values):
    array = pa.array([None if v is None else [v] for v in values], pa.large_list(pa.float32()))
    return single_values(pa.RecordBatch.from_arrays([array], [name]), name, "number", "train")


def decoded(groups, columns):
    found = group_values(groups, columns, "train")
    assert list(found) == [group.name for group in groups]
    for values in found.values():
        assert list(values.names) == sorted(set(values.names))
    return {key: [values.names[code] for code in values.codes] for key, values in found.items()}


def test_values_are_mapped_and_missing_ones_are_unknown():
    found = decoded([SEX], {"sex": texts("sex", ["F", "M", None, "f", ""])})
    assert found == {"sex": ["female", "male", UNKNOWN_GROUP, "female", UNKNOWN_GROUP]}


def test_a_value_that_is_not_listed_is_an_error():
    with pytest.raises(ValueError) as error:
        group_values([SEX], {"sex": texts("sex", ["F", "X", "Y"])}, "test")
    for part in ("group `sex`", "column `sex`", "split `test`", "'X'", "('F', 'M', 'f')", "other"):
        assert part in str(error.value)


@pytest.mark.parametrize("other", ["diverse", UNKNOWN_GROUP])
def test_other_takes_what_is_not_listed(other):
    group = GroupSettings(name="sex", column="sex", values={"F": "female"}, other=other)
    assert decoded([group], {"sex": texts("sex", ["F", "X"])}) == {"sex": ["female", other]}


def test_a_plain_column_gives_its_texts():
    group = GroupSettings(name="race", column="race")
    columns = {"race": texts("race", ["Zoë", "0", None, UNKNOWN_GROUP])}
    assert decoded([group], columns) == {"race": ["Zoë", "0", UNKNOWN_GROUP, UNKNOWN_GROUP]}


def test_texts_that_are_not_utf8():
    array = pa.array([[b"\xff\xfe"]], pa.large_list(pa.large_binary()))
    column = single_values(pa.RecordBatch.from_arrays([array], ["race"]), "race", "string", "train")
    with pytest.raises(
        ValueError, match=r"group `race`, column `race`, split `train`: expected UTF-8 text. Received: b'"
    ):
        group_values([GroupSettings(name="race", column="race")], {"race": column}, "train")


def test_bands_take_a_cut_into_the_upper_band():
    found = decoded([AGE], {"age": numbers("age", [17.5, 18, 24, 25, None, -3])})
    assert found["age"] == ["under 18", "18-24", "18-24", "25 and over", UNKNOWN_GROUP, "under 18"]


@pytest.mark.parametrize(
    "buckets, labels",
    [
        ((18,), ("<18", ">=18")),
        ((18, 30), ("<18", "18-30", ">=30")),
        ((0.5, 1e6), ("<0.5", "0.5-1000000", ">=1000000")),
        ((16777216.0, 16777217), ("<16777216", "16777216-16777217", ">=16777217")),
        (
            (-5, 2**53 + 1, 1e20),
            ("<-5", "-5-9007199254740993", "9007199254740993-100000000000000000000", ">=1" + "0" * 20),
        ),
    ],
)
def test_names_of_bands(buckets, labels):
    assert band_labels(buckets) == labels


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=6, unique_by=np.float32).map(sorted),
    st.lists(st.none() | st.floats(-1e6, 1e6, width=32), min_size=1, max_size=30),
)
def test_bands_agree_with_comparisons(cuts, values):
    values = [*values, *(float(np.float32(cut)) for cut in cuts)]
    labels = tuple(f"band {i:02d}" for i in range(len(cuts) + 1))
    group = GroupSettings(name="g", column="c", buckets=tuple(cuts), labels=labels)
    expected = [
        UNKNOWN_GROUP if v is None else labels[sum(np.float32(v) >= np.float32(cut) for cut in cuts)] for v in values
    ]
    assert decoded([group], {"c": numbers("c", values)}) == {"g": expected}


def test_bands_with_one_name_are_one_group():
    group = GroupSettings(name="g", column="c", buckets=(1, 2), labels=("outer", "inner", "outer"))
    found = group_values([group], {"c": numbers("c", [0, 1, 2])}, "train")["g"]
    assert found.names == ("inner", "outer", UNKNOWN_GROUP)
    assert found.codes.tolist() == [1, 0, 1]


def test_crossings_and_crossings_of_crossings():
    groups = [SEX, AGE, GroupSettings(name="both", cross=("sex", "age")), GroupSettings(name="land", column="land")]
    groups.append(GroupSettings(name="all", cross=("both", "land")))
    columns = {
        "sex": texts("sex", ["F", "M", None, "F"]),
        "age": numbers("age", [20, 30, 20, None]),
        "land": texts("land", ["nl", None, "nl", "nl"]),
    }
    found = decoded(groups, columns)
    assert CROSS_SEPARATOR == " x "
    assert found["both"] == ["female x 18-24", "male x 25 and over", UNKNOWN_GROUP, UNKNOWN_GROUP]
    assert found["all"] == ["female x 18-24 x nl", UNKNOWN_GROUP, UNKNOWN_GROUP, UNKNOWN_GROUP]


@given(
    st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70), min_size=1, unique=True)
)
def test_different_cuts_have_different_labels(cuts):
    labels = band_labels(sorted(cuts))
    assert len(set(labels)) == len(cuts) + 1


@pytest.mark.parametrize("cuts", [(1, 1), (2, 1), (), (float("nan"),), (1, float("inf")), (10**400,)])
def test_cuts_that_are_no_bands(cuts):
    with pytest.raises(ValueError, match="`buckets` should be finite and ascending|should be a finite number"):
        GroupSettings(name="g", column="c", buckets=cuts)


def crossed(*rows):
    """The crossing of the columns of ``rows``."""
    names = [str(i) for i in range(len(rows[0]))]
    groups = [GroupSettings(name=name, column=name) for name in names]
    groups.append(GroupSettings(name="all", cross=tuple(names)))
    columns = {name: texts(name, [row[i] for row in rows]) for i, name in enumerate(names)}
    return decoded(groups, columns)["all"]


def test_a_separator_in_a_value_is_no_separator():
    assert crossed(("a x b", "c"), ("a", "b x c")) == [r"a \x b x c", r"a x b \x c"]
    assert crossed(("a x", "b"), ("a", "x b"), ("xx", "x-y")) == [r"a \x x b", r"a x \x b", "xx x x-y"]
    assert crossed((UNKNOWN_GROUP, "a"), (None, "b")) == [UNKNOWN_GROUP] * 2


PARTS = st.text("ax \\", min_size=1, max_size=6)


@given(st.lists(st.tuples(PARTS, PARTS, PARTS), min_size=1, max_size=20, unique=True))
def test_different_values_cross_into_different_texts(rows):
    assert len(set(crossed(*rows))) == len(rows)
    # A crossing of a crossing is made of the same parts.
    groups = [GroupSettings(name=name, column=name) for name in "012"]
    groups += [GroupSettings(name="two", cross=("0", "1")), GroupSettings(name="all", cross=("two", "2"))]
    columns = {str(i): texts(str(i), [row[i] for row in rows]) for i in range(3)}
    assert decoded(groups, columns)["all"] == crossed(*rows)


@given(st.lists(st.tuples(*[st.none() | st.sampled_from("abc")] * 3), min_size=1, max_size=20))
def test_crossings_agree_with_row_by_row(rows):
    groups = [GroupSettings(name=str(i), column=str(i)) for i in range(3)]
    groups.append(GroupSettings(name="x", cross=("2", "0", "1")))
    columns = {str(i): texts(str(i), [row[i] for row in rows]) for i in range(3)}
    expected = [UNKNOWN_GROUP if None in row else f"{row[2]} x {row[0]} x {row[1]}" for row in rows]
    assert decoded(groups, columns)["x"] == expected
