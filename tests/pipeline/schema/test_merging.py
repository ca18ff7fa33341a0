"""A hand-edited schema and a new draft: what stays, what comes, what goes."""

from __future__ import annotations

import pytest
from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.schema.columns import Renamed
from pipeline.schema.file import SchemaError, parse
from pipeline.schema.merging import merge

BY_HAND = """# written by hand
feature { # the user's age
  name: "age" type: FLOAT  # years
  float_domain { min: 0 max: 120 }
  presence { min_count: 1 }
}
# about b }
feature <name: 'b' type: BYTES presence { min_count: 1 }> feature { name: "c" type: BYTES
  presence {min_fraction: 1.0}
} # behind c
default_environment: "TRAIN" "ING"
feature {
  name: "group/g"
  type: BYTES
  string_domain {
    value: "female"
    value: "male"
    value: "unknown"
  }
}
string_domain { name: "x" value: "{" }
feature { name: "optional" type: INT }"""


def feature(name: str, kind: int) -> schema_pb2.Feature:
    return schema_pb2.Feature(name=name, type=kind, presence=schema_pb2.FeaturePresence(min_count=1))  # type: ignore[arg-type]


def draft(**kinds: int) -> schema_pb2.Schema:
    return schema_pb2.Schema(feature=[feature(name.replace("__", "/"), kind) for name, kind in kinds.items()])


BYTES, INT, FLOAT = schema_pb2.BYTES, schema_pb2.INT, schema_pb2.FLOAT
SAME = {"age": FLOAT, "b": BYTES, "c": BYTES, "group__g": BYTES}


def test_a_schema_that_fits_stays_byte_for_byte() -> None:
    merged = merge(parse(BY_HAND, "f"), draft(**SAME), {})
    assert merged == (BY_HAND, [])


def test_columns_are_added_and_dropped_and_all_else_stays() -> None:
    new = draft(a=INT, age=FLOAT, c=BYTES, d=BYTES, group__g=BYTES, z=FLOAT)
    merged = merge(parse(BY_HAND, "f"), new, {})
    assert merged.changes == ["added `a`, `d`, `z`", "dropped `b`, which the run no longer has"]
    parsed = parse(merged.text, "merged")
    assert list(parsed.blocks) == ["a", "age", "c", "d", "group/g", "z", "optional"]
    assert parsed.feature("age").float_domain.max == 120 and list(parsed.schema.default_environment) == ["TRAINING"]
    for comment in ("# written by hand", "# the user's age", "# years", "# about b }", "} # behind c"):
        assert comment in merged.text
    assert merge(parsed, new, {}) == (merged.text, [])


def test_a_type_that_no_data_would_fit_is_replaced_and_said() -> None:
    merged = merge(parse(BY_HAND, "f"), draft(**SAME | {"age": BYTES}), {})
    assert merged.changes == [
        "replaced `age`, which was FLOAT and is read as BYTES: what was edited in it has to be edited again"
    ]
    assert parse(merged.text, "merged").feature("age") == feature("age", BYTES)


def test_groups_that_the_settings_name_otherwise() -> None:
    merged = merge(parse(BY_HAND, "f"), draft(**SAME), {"group/g": Renamed(['wo"man', "ä"], ["female"])})
    assert list(parse(merged.text, "merged").feature("group/g").string_domain.value) == [
        'wo"man',
        "ä",
        "male",
        "unknown",
    ]
    assert merged.changes == ['changed the groups of `group/g`: `wo"man`, `ä` in place of `female`']


def test_groups_in_a_domain_of_one_line() -> None:
    text = 'feature { name: "group/g" type: BYTES string_domain { value: ["f", "m"], value: "unknown" } }'
    merged = merge(parse(text, "f"), draft(group__g=BYTES), {"group/g": Renamed(["w"], ["f"])})
    assert set(parse(merged.text, "m").feature("group/g").string_domain.value) == {"w", "m", "unknown"}


def test_an_empty_file_takes_all() -> None:
    merged = merge(parse("# nothing yet", "f"), draft(**SAME), {})
    assert list(parse(merged.text, "m").blocks) == ["age", "b", "c", "group/g"]
    assert merged.text.startswith("# nothing yet\n")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("feature {\n tpye: INT }", 'f, line 2: expected a TFDV schema. Received: .*no field named "tpye"'),
        ('feature {\n name: "a"', 'f, line 2: expected a TFDV schema. Received: Expected "}"'),
        ('feature { name: "a" }\nfeature { name: "a" }', "line 2: the feature `a` stands twice, first in line 1"),
        ('feature: [{name: "a"}]', "line 1: expected each feature in a block of its own"),
        ("not a schema " * 100, "line 1: expected a TFDV schema"),
        ("feature {" * 2000, "expected a TFDV schema"),
    ],
)
def test_what_is_no_schema_is_named_with_its_line(text: str, message: str) -> None:
    with pytest.raises(SchemaError, match=message) as error:
        parse(text, "f")
    assert len(str(error.value)) < 400
