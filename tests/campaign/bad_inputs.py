"""Bad inputs, and the words that must be in what the command says of each: the file or the key, and what was received."""

from __future__ import annotations

import gzip
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from tests.campaign.small_log import SPLITS, SmallLog, rows

Change = Callable[[SmallLog], None]


class Case(NamedTuple):
    """One bad input.

    Attributes:
      name: Of the test.
      change: Makes the input bad.
      words: All of them stand in what is printed.
      code: The exit code: 2 where nothing was started, 1 where a stage failed.
      arguments: Of the command; ``run CONFIG`` where there are none, in which CONFIG is the YAML file.
    """

    name: str
    change: Change
    words: tuple[str, ...]
    code: int = 2
    arguments: tuple[str, ...] = ()


def put(key: str, value: Any, **more: Any) -> Change:
    """Sets keys of the YAML file; in ``more`` two underscores stand for a dot."""

    def change(log: SmallLog) -> None:
        log.put(key, value)
        for other, given in more.items():
            log.put(other.replace("__", "."), given)
        log.write()

    return change


def text(content: str | bytes) -> Change:
    """Writes the YAML file as it is given."""
    return lambda log: log.write(content)


def more(lines: str) -> Change:
    """Adds lines to the text of a YAML file that could run."""
    return lambda log: log.write(log.text() + lines)


def replaced(old: str, new: str) -> Change:
    """Replaces text of a YAML file that could run."""

    def change(log: SmallLog) -> None:
        assert old in log.text()
        log.write(log.text().replace(old, new, 1))

    return change


def file(name: str, content: bytes | Callable[[Path], object]) -> Change:
    """Writes a file of the log as bytes, or hands its path to what makes it."""

    def change(log: SmallLog) -> None:
        path = log.folder / name
        path.unlink(missing_ok=True)
        path.write_bytes(content) if isinstance(content, bytes) else content(path)
        log.write()

    return change


def frame(name: str, edit: Callable[[pd.DataFrame], pd.DataFrame]) -> Change:
    """Edits a file of the log as a table; ``*`` names all three."""

    def change(log: SmallLog) -> None:
        for path in log.folder.glob(f"{name}.csv"):
            edit(pd.read_csv(path)).to_csv(path, index=False)
        log.write()

    return change


def cell(column: str, value: object, name: str = "train", row: int = 20) -> Change:
    """Sets one cell, of the 20th row."""

    def edit(table: pd.DataFrame) -> pd.DataFrame:
        table = table.astype({column: object})
        table.loc[row, column] = value  # type: ignore[call-overload]  # Any value is allowed in a column of objects.
        return table

    return frame(name, edit)


def line(content: bytes, name: str = "train.csv", at: int = 20) -> Change:
    """Replaces a line of a file of the log."""

    def change(log: SmallLog) -> None:
        lines = (log.folder / name).read_bytes().split(b"\n")
        lines[at] = content
        (log.folder / name).write_bytes(b"\n".join(lines))
        log.write()

    return change


def both(*changes: Change) -> Change:
    """One change after the other; the last writes the YAML file."""

    def change(log: SmallLog) -> None:
        for one in changes:
            one(log)

    return change


def _zip(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("train.csv", "x,c\n1,2\n")


READ = "log.sources.0.read"
_TIME = {"by": "time", "column": "when", "validation_from": "2024-05-02", "test_from": "2024-05-03"}
_HASH = {"by": "hash", "fractions": {"train": 0.6, "validation": 0.2, "test": 0.2}}
_BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(['*' + old] * 9)}]\n" for old, new in zip("abcdefgh", "bcdefghi", strict=True)
)

YAML = [
    Case("no_file", lambda log: None, ("run.yaml", "no such file")),
    Case("a_folder", lambda log: log.config.mkdir(), ("run.yaml", "folder")),
    Case("empty", text(""), ("run.yaml", "mapping")),
    Case("comments_alone", text("# nothing\n"), ("run.yaml", "mapping")),
    Case("a_list", text("- dataset\n"), ("run.yaml", "mapping")),
    Case("a_word", text("dataset"), ("run.yaml", "mapping")),
    Case("a_picture", text(b"\x89PNG\r\n\x1a\n\x00\x00"), ("run.yaml", "UTF-8")),
    Case("utf_16", text("dataset: mini\n".encode("utf-16")), ("run.yaml", "UTF-8")),
    Case("latin_1", text("dataset: mini\n# größe\n".encode("latin-1")), ("run.yaml", "line 2", "UTF-8")),
    Case("a_zero_byte", text(b"dataset: mi\x00ni\n"), ("run.yaml", "line 1")),
    Case("an_escape", text(b"dataset: mi\x1b[31mni\n"), ("run.yaml", "line 1")),
    Case("a_tab", more("push:\n\tdirectory: out\n"), ("run.yaml", "line 41", r"\t")),
    Case("an_open_quote", more('model_card: "open\n'), ("run.yaml", "line")),
    Case("an_open_bracket", more("outcomes: [a, b\n"), ("run.yaml", "line")),
    Case("two_documents", more("---\ndataset: other\n"), ("run.yaml", "document")),
    Case("a_key_twice", more("dataset: other\n"), ("dataset", "twice", "line")),
    Case("a_key_twice_below", replaced("name: click", "name: click\n  name: like"), ("name", "twice", "line")),
    Case("a_list_as_key", more("? [a, b]\n: 1\n"), ("run.yaml", "key", "line")),
    Case("a_mapping_as_key", more("? {a: b}\n: 1\n"), ("run.yaml", "key", "line")),
    Case(
        "a_tag_of_python", more("outcomes: !!python/object/apply:os.system ['true']\n"), ("run.yaml", "python", "line")
    ),
    Case("an_unknown_tag", more("outcomes: !fancy [a]\n"), ("run.yaml", "fancy", "line")),
    Case("an_anchor_that_is_none", more("outcomes: *nothing\n"), ("nothing", "line")),
    Case("an_anchor_in_itself", more("outcomes: &a [*a]\n"), ("run.yaml", "line")),
    Case("a_bomb", text(_BOMB), ("run.yaml",)),
    Case("deep_brackets", text("dataset: " + "[" * 3000 + "]" * 3000 + "\n"), ("run.yaml", "within each other")),
    Case("a_long_word", text("d" * 1_000_000 + "\n"), ("run.yaml",)),
    Case("a_number_for_a_name", replaced("name: gender", "name: 18_29"), ("groups[0].name", "18_29", "quote")),
    Case("a_date_for_a_name", replaced("name: gender", "name: 2024-05-01"), ("groups[0].name", "2024-05-01", "quote")),
    Case("octal", replaced("epochs: 2", "epochs: 010"), ("training.epochs", "010")),
    Case("sixties", replaced("batch_size: 256", "batch_size: 4:16"), ("training.batch_size", "4:16")),
    Case("an_unset_variable", put("push.directory", "${NOWHERE_SET}/out"), ("line 41", "NOWHERE_SET")),
    Case("an_open_variable", put("line 40", "${HOME"), ("line 40", "${HOME")),
    Case("an_unknown_key", put("trainning", {"epochs": 2}), ("trainning", "unknown key")),
    Case("an_unknown_key_below", put("training.epoch", 2), ("training.epoch", "unknown key")),
    Case("an_unknown_key_of_a_task", put("tasks.1.colum", "x"), ("tasks[1].colum", "unknown key")),
    Case("no_tasks", put("tasks", []), ("tasks", "at least 1")),
    Case("no_groups", put("groups", []), ("groups", "at least 1")),
    Case("a_null_block", put("log", None), ("log", "mapping")),
    Case("a_list_for_a_block", put("training", [1, 2]), ("training", "mapping")),
    Case("a_word_for_a_block", put("model", "ple"), ("model", "mapping", "ple")),
    Case("no_dataset", replaced("dataset: mini\n", ""), ("dataset", "required")),
    Case("no_gate", replaced("gate:\n  are_max: 3.0\n", ""), ("gate", "required")),
    Case("no_positive", replaced("  positive: == 1\n", ""), ("tasks[0].positive", "required")),
]

NAMES = [
    Case("empty_dataset", put("dataset", ""), ("dataset", "''")),
    Case("a_dataset_with_a_slash", put("dataset", "a/b"), ("dataset", "'a/b'")),
    Case("a_dataset_above", put("dataset", ".."), ("dataset", "'..'")),
    Case("a_dataset_of_markup", put("dataset", "[/x]"), ("dataset", "'[/x]'")),
    Case("a_long_dataset", put("dataset", "d" * 300), ("dataset", "200 characters")),
    Case("a_task_twice", put("tasks.1.name", "click"), ("task `click` stands twice",)),
    Case("a_task_with_a_slash", put("tasks.0.name", "a/b"), ("a/b",)),
    Case("a_task_without_a_name", put("tasks.0.name", ""), ("tasks[0].name",)),
    Case("a_task_that_clears_the_screen", put("tasks.0.name", "\x1b[2Jx/"), (r"\x1b[2Jx",)),
    Case("a_task_that_turns_its_line", put("tasks.0.name", "a\u202eb/"), (r"a\u202eb",)),
    Case("a_task_of_a_new_line", put("tasks.0.name", "a\npassed the gate/"), (r"a\npassed",)),
    Case("a_long_task", put("tasks.0.name", "t" * 3000), ("tasks[0].name",)),
    Case("a_group_twice", put("groups", [{"name": "g", "column": "sex"}] * 2), ("group `g` stands twice",)),
    Case("a_group_with_an_at", put("groups.0.name", "a@b"), ("a@b",)),
    Case("unknown_as_a_name", put("groups.0.values", {"f": "unknown", "m": "m"}), ("`unknown`", "gender")),
    Case("a_group_of_nothing", put("groups.0", {"name": "g"}), ("groups[0]", "`column` or `cross`")),
    Case("a_cross_of_one", put("groups.0", {"name": "g", "cross": ["h"]}), ("groups[0]", "two group names")),
    Case("a_cross_of_unknown", put("groups.0", {"name": "g", "cross": ["h", "i"]}), ("`g` crosses `h`",)),
    Case("labels_without_cuts", put("groups.0.labels", ["a"]), ("groups[0]", "`labels` goes with `buckets`")),
    Case(
        "too_few_labels", put("groups.0.buckets", [1, 2], groups__0__labels=["a"]), ("groups[0]", "3 names for 2 cuts")
    ),
    Case("cuts_that_fall", put("groups.0.buckets", [30, 18]), ("groups[0]", "ascending", "[30, 18]")),
    Case("other_without_values", put("groups.0.other", "rest"), ("groups[0]", "`other` goes with `values`")),
    Case("a_name_twice_in_values", put("groups.0.values", {"1": "a", "1.0": "b"}), ("groups[0].values", "'1.0'")),
    Case("a_feature_twice", put("features.inputs.1.name", "x"), ("feature `x` stands twice",)),
    Case(
        "a_label_as_a_feature",
        put("features.inputs.0.name", "clicked"),
        ("features.inputs[0]", "`clicked` is the label"),
    ),
    Case("an_outcome_as_a_feature", put("outcomes", ["x"]), ("features.inputs[0]", "`x` is listed under `outcomes`")),
    Case("an_unknown_type", put("features.inputs.0.type", "text"), ("features.inputs[0]", "'text'", "categorical")),
    Case("a_cross_of_no_feature", put("features.crosses", [["x", "y"]]), ("features", "`y` is not a feature")),
    Case("no_features", put("features.inputs", []), ("features.inputs", "at least 1")),
    Case(
        "hash_and_vocabulary",
        put("features.inputs.1.hash_buckets", 9, features__inputs__1__vocabulary=9),
        ("`vocabulary`",),
    ),
    Case("an_unknown_scale", put("features.inputs.0.scale", "log"), ("features.inputs[0]", "scale", "'log'")),
]

RULES = [
    Case(f"rule_{name}", put("tasks.0.positive", rule), ("task `click`", *words))
    for name, rule, words in [
        ("without_a_literal", ">", (">",)),
        ("without_an_operator", "1", ("1",)),
        ("of_nothing", "", ("`positive`",)),
        ("like", "like 'a'", ("like 'a'",)),
        ("of_an_empty_list", "in []", ("in []",)),
        ("of_nan", "> nan", ("nan",)),
        ("above_a_text", "> 'a'", ("> 'a'",)),
        ("with_one_equals", "= 1", ("= 1",)),
        ("of_code", "== __import__('os')", ("__import__",)),
        ("with_more_behind", "== 1 or 1", ("== 1 or 1",)),
        ("with_an_open_quote", "== 'a", ("== 'a",)),
        ("of_3000_signs", "== '" + "a" * 3000, ("positive",)),
    ]
] + [
    Case("a_negative_of_no_form", put("tasks.0.negative", "?"), ("task `click`", "negative", "?")),
    Case("an_empty_missing", put("tasks.0.missing", "NA"), ("tasks[0].missing", "NA")),
]

VALUES = [
    Case(name, put(key, value), (*key.replace(".0.", "[0].").split("."), *words))
    for name, key, value, words in [
        ("weight_nan", "tasks.0.weight", float("nan"), ("finite",)),
        ("weight_zero", "tasks.0.weight", 0, ("0",)),
        ("weight_true", "tasks.0.weight", True, ("true",)),
        ("threshold_text", "tasks.0.threshold", "half", ("'half'",)),
        ("threshold_inf", "tasks.0.threshold", float("inf"), ("finite",)),
        ("network_unknown", "model.network", "transformer", ("'transformer'", "mmoe")),
        ("units_zero", "model.shared_units", [0], ("from 1", "0")),
        ("units_negative", "model.tower_units", [8, -1], ("from 1", "-1")),
        ("units_number", "model.shared_units", 64, ("64",)),
        ("units_huge", "model.tower_units", [10**12], ("1000000000000",)),
        ("embedding_zero", "model.embedding_units", 0, ("1",)),
        ("experts_zero", "model.experts", 0, ("1",)),
        ("experts_many", "model.experts", 10**6, ("1000",)),
        ("levels_one", "model.levels", 1, ("2",)),
        ("dropout_one", "model.dropout", 1.0, ("1",)),
        ("dropout_nan", "model.dropout", float("nan"), ("finite",)),
        ("temperature_zero", "model.gate_temperature", 0, ("0",)),
        ("stitch_one", "model.stitch", 1, ("1",)),
        ("gate_unknown", "model.gate", "relu", ("'relu'", "softmax")),
        ("mode_unknown", "fairness.mode", "fair", ("'fair'", "vanilla")),
        ("loss_unknown", "fairness.loss", "dp", ("'dp'", "correlation")),
        ("strength_nan", "fairness.strength", float("nan"), ("finite",)),
        ("strength_negative", "fairness.strength", -1, ("at least 0", "-1")),
        ("strength_text", "fairness.strength", "strong", ("'strong'",)),
        ("strength_of_no_task", "fairness.strength", {"buyy": 1.0}, ("buyy", "click")),
        ("bandwidth_zero", "fairness.bandwidth", 0, ("0",)),
        ("sharpness_negative", "fairness.sharpness", -2, ("0", "-2")),
        ("group_unknown", "fairness.group", "age", ("age", "gender")),
        ("min_specific_zero", "negatives.min_specific", 0, ("1",)),
        ("balanced_small", "fairness.balanced_batch_size", 1, ("4",)),
        ("target_zero", "fairness.target_gap", 0, ("above 0",)),
        ("target_one", "fairness.target_gap", 1.5, ("below 1", "1.5")),
        ("margin_one", "fairness.target_margin", 1, ("1",)),
        ("epochs_zero", "training.epochs", 0, ("1", "0")),
        ("epochs_half", "training.epochs", 2.5, ("2.5",)),
        ("epochs_true", "training.epochs", True, ("true",)),
        ("epochs_text", "training.epochs", "ten", ("'ten'",)),
        ("batch_one", "training.batch_size", 1, ("2",)),
        ("batch_huge", "training.batch_size", 2**40, ("1099511627776",)),
        ("rate_zero", "training.learning_rate", 0, ("0",)),
        ("rate_nan", "training.learning_rate", float("nan"), ("finite",)),
        ("rate_inf", "training.learning_rate", float("inf"), ("finite",)),
        ("seed_negative", "training.seed", -1, ("-1", "0")),
        ("seed_huge", "training.seed", 2**70, ("from 0",)),
        ("seed_half", "training.seed", 0.5, ("0.5",)),
        ("optimizer_unknown", "training.optimizer", "adamw", ("'adamw'", "lazy_adam")),
        ("precision_unknown", "training.precision", "float8", ("'float8'",)),
        ("patience_zero", "training.early_stopping.patience", 0, ("1",)),
        ("noise_two", "training.label_noise", {"click": 2}, ("[0, 1]", "2")),
        ("noise_of_no_task", "training.label_noise", {"clik": 0.1}, ("clik",)),
        ("select_unknown", "training.select_by", "auc", ("'auc'", "worst_group_error")),
        ("weighting_unknown", "training.weighting", {"method": "magic"}, ("'magic'", "mgda")),
        ("weighting_word", "training.weighting", "mgda", ("mgda", "mapping")),
        ("weighting_step", "training.weighting", {"method": "group_dro", "step": 0}, ("step", "0")),
        ("robustness_unknown", "training.robustness", {"method": "dro"}, ("'dro'", "jtt")),
        (
            "robustness_nothing",
            "training.robustness",
            {"method": "regularised", "reconstruction": 0, "l1": 0},
            ("both 0",),
        ),
        ("thresholds_none", "evaluation.fairness_thresholds", [], ("at least 1",)),
        ("thresholds_one", "evaluation.fairness_thresholds", [1.0], ("(0, 1)", "1.0")),
        ("min_count_zero", "evaluation.min_count", 0, ("1",)),
        ("confidence_one", "evaluation.confidence", 1, ("1",)),
        ("cluster_number", "evaluation.cluster", 3, ("3",)),
        ("slices_empty", "evaluation.slices", [[]], ("a column or more",)),
        ("slice_of_nothing", "evaluation.slices", [["nothing"]], ("nothing",)),
        ("gate_empty", "gate", {}, ("bound",)),
        ("gate_nan", "gate.are_max", float("nan"), ("finite",)),
        ("gate_text", "gate.arfg_max", "low", ("'low'",)),
        ("gate_of_no_task", "gate.fpr_gap_max", {"clik": 0.1}, ("clik", "click")),
        ("rows_zero", "log.max_rows", {"train": 0}, ("1", "0")),
        ("rows_of_no_split", "log.max_rows", {"dev": 5}, ("dev",)),
        ("push_number", "push.directory", 5, ("5",)),
        ("frontier_text", "frontier", "wide", ("mapping", "wide")),
        ("tune_text", "tune", "yes please", ("mapping",)),
        ("beam_unknown", "beam.runner", "hadoop", ("'hadoop'",)),
        ("allow_word", "allow_outcome_inputs", "x", ("x",)),
    ]
]

SOURCES = [
    Case("no_sources", put("log.sources", []), ("log.sources", "at least 1")),
    Case("no_files", put("log.sources.0.files", []), ("log.sources[0].files", "at least 1")),
    Case("a_word_for_files", put("log.sources.0.files", "train.csv"), ("log.sources[0].files", "train.csv")),
    Case("a_missing_file", put("log.sources.0.files", ["nowhere.csv"]), ("log.sources[0]", "nowhere.csv")),
    Case("a_pattern_of_nothing", put("log.sources.0.files", ["*.tsv"]), ("log.sources[0]", "*.tsv")),
    Case("a_folder_for_a_file", put("log.sources.0.files", ["."]), ("log.sources[0]",)),
    Case("a_missing_root", put("log.root", "nowhere"), ("nowhere",)),
    Case("an_unknown_split", put("log.sources.0.split", "dev"), ("log.sources[0].split", "'dev'", "validation")),
    Case("a_file_in_two_splits", put("log.sources.0.files", ["test.csv"]), ("test.csv", "names too")),
    Case("no_test_split", lambda log: both(put("log.sources", log.content["log"]["sources"][:2]))(log), ("`test`",)),
    Case(
        "fractions_of_more", put("log.sources.0.split", {**_HASH, "fractions": {"train": 2}}), ("fractions", "sum to 1")
    ),
    Case("no_fractions", put("log.sources.0.split", {"by": "hash"}), ("fractions", "required")),
    Case("split_by_luck", put("log.sources.0.split", {"by": "luck"}), ("log.sources[0].split", "'luck'")),
    Case(
        "bounds_that_fall",
        put("log.sources.0.split", {**_TIME, "test_from": "2024-04-01"}),
        ("`validation_from`", "below"),
    ),
    Case(
        "bounds_of_two_kinds",
        put("log.sources.0.split", {**_TIME, "test_from": 5}),
        ("`validation_from` and `test_from`",),
    ),
    Case(
        "a_bound_of_words", put("log.sources.0.split", {**_TIME, "test_from": "tomorrow"}), ("`test_from`", "tomorrow")
    ),
    Case("a_zone_of_nowhere", put("log.sources.0.split", {**_TIME, "zone": "Mars/Base"}), ("Mars/Base",)),
    Case("a_time_of_no_column", put("log.sources.0.split", {**_TIME, "column": "at"}), ("`at`", "when")),
    Case("an_unknown_format", put(READ, {"format": "xlsx"}), ("log.sources[0].read", "xlsx")),
    Case("an_unknown_encoding", put(READ, {"encoding": "utf-9"}), ("encoding", "utf-9")),
    Case("an_encoding_of_bytes", put(READ, {"encoding": "base64"}), ("encoding", "base64")),
    Case("an_empty_separator", put(READ, {"separator": ""}), ("separator",)),
    Case("a_separator_of_a_line", put(READ, {"separator": "\n"}), ("`separator`", "line end")),
    Case("another_separator", put(READ, {"separator": ";"}), ("train.csv", "separated by ';'", 'separator: ","')),
    Case(
        "a_side_table_of_nothing", put("log.side_tables", [{"name": "u", "files": ["u.csv"], "key": "id"}]), ("u.csv",)
    ),
]

FILES = [
    Case("an_empty_file", file("train.csv", b""), ("train.csv", "Received: nothing")),
    Case(
        "a_header_alone",
        file("train.csv", b"id,when,x,c,clicked,spent,sex\n"),
        ("log.sources[0].files", "split `train`"),
    ),
    Case("no_such_column", frame("train", lambda table: table.drop(columns="sex")), ("`sex`", "train.csv")),
    Case(
        "a_column_in_other_case", frame("train", lambda table: table.rename(columns={"sex": "Sex"})), ("`sex`", "`Sex`")
    ),
    Case("a_column_twice", frame("train", lambda table: table.rename(columns={"id": "x"})), ("twice: x", "train.csv")),
    Case("a_column_that_one_file_lacks", frame("test", lambda table: table.drop(columns="x")), ("`x`", "test.csv")),
    Case("a_zip", file("train.csv", _zip), ("train.csv", "ZIP")),
    Case("a_gzip_of_other_columns", file("train.csv", gzip.compress(b"x,c\n1,2\n")), ("`clicked`", "train.csv")),
    Case(
        "half_a_gzip",
        both(
            put("log.sources.0.files", ["train.csv.gz"]),
            file("train.csv.gz", gzip.compress(bytes(range(256)) * 99)[:300]),
        ),
        ("train.csv.gz",),
    ),
    Case("a_picture", file("train.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256))), ("train.csv",)),
    Case(
        "parquet_by_the_name_of_csv",
        file("train.csv", lambda path: pd.DataFrame({"x": [1.0]}).to_parquet(path)),
        ("train.csv", "Parquet"),
    ),
    Case(
        "csv_by_the_name_of_parquet",
        both(put("log.sources.0.files", ["train.parquet"]), file("train.parquet", b"x,c\n1,2\n")),
        ("train.parquet",),
    ),
    Case(
        "utf_16_that_is_not_said",
        file("train.csv", "id,x,c,clicked,spent,sex\n1,2,a,0,1,f\n".encode("utf-16")),
        ("train.csv", "utf-16"),
    ),
    Case(
        "latin_1_that_is_not_said",
        line(b"19,2024-05-01 00:19:00,0.5,gr\xfcn,0,0,f"),
        ("train.csv", "byte 8", "encoding"),
    ),
    Case("zero_bytes", line(b"19,2024-05-01 00:19:00,0.5,gr\x00n,0,0,f"), ("train.csv", "NUL")),
    Case("a_row_too_short", line(b"19,2024-05-01 00:19:00,0.5"), ("train.csv", "row 20", "3")),
    Case("a_row_too_long", line(b"19,2024-05-01 00:19:00,0.5,red,0,0,f,extra,more"), ("train.csv", "row 20", "9")),
    Case("a_stray_quote", line(b'19,2024-05-01 00:19:00,0.5,"re"d,0,0,f'), ("train.csv", "row 20")),
    Case("an_open_quote_in_a_row", line(b'19,2024-05-01 00:19:00,0.5,"red,0,0,f'), ("train.csv", "row")),
    Case("a_number_of_words", cell("x", "much"), ("train.csv", "row 21", "`x`", "'much'")),
    Case("a_number_with_a_comma", cell("x", "1.000,5"), ("train.csv", "row 21", "`x`", "1.000,5")),
    Case("a_number_that_is_infinite", cell("x", "inf"), ("`x`", "inf", "row 21")),
    Case("a_number_of_300_digits", cell("x", "9" * 300), ("`x`", "row 21")),
    Case("a_value_that_clears_the_screen", cell("x", "\x1b[2J\x07"), (r"\x1b[2J", "row 21")),
    Case("a_value_that_turns_its_line", cell("x", "\u202e1"), (r"\u202e", "row 21")),
    Case("a_value_of_3000_signs", cell("x", "a" * 3000), ("`x`", "row 21")),
    Case("a_link_to_itself", file("train.csv", lambda path: path.symlink_to(path)), ("train.csv",)),
    Case("a_broken_schema", file("schema.pbtxt", b"feature { name: "), ("schema.pbtxt",)),
    Case("a_schema_of_bytes", file("schema.pbtxt", b"\xff\xfe\x00"), ("schema.pbtxt",)),
    Case(
        "a_schema_of_other_columns",
        file("schema.pbtxt", b'feature { name: "age" type: FLOAT }\n'),
        ("schema.pbtxt", "lacks `c`"),
    ),
    Case(
        "no_schema",
        lambda log: (log.write(), (log.folder / "schema.pbtxt").unlink())[0],
        ("schema.pbtxt", "make schema"),
    ),
]

TOGETHER = [
    Case(
        "mtaf_of_one_task",
        lambda log: (log.content.update(tasks=log.content["tasks"][:1]), put("fairness.mode", "mtaf")(log))[1],
        ("mtaf", "vanilla"),
    ),
    Case("stitch_of_positives", put("fairness.batches", "unbalanced"), ("fairness.batches",)),
    Case(
        "mgda_of_single_task",
        put("model.network", "single_task", training__weighting={"method": "mgda"}),
        ("single_task",),
    ),
    Case(
        "jtt_of_dsmtl",
        put("model.network", "dsmtl", training__robustness={"method": "jtt"}),
        ("`model.sharing: il`", "jtt"),
    ),
    Case(
        "regularised_of_single_task",
        put("model.network", "single_task", training__robustness={"method": "regularised"}),
        ("single_task",),
    ),
    Case("dro_of_no_group", put("training.robustness", {"method": "group_dro", "group": "age"}), ("age", "gender")),
    Case("target_without_a_loss", put("fairness.target_gap", 0.1, fairness__mode="none"), ("target_gap", "none")),
    Case("push_into_a_file", put("push.directory", "train.csv"), ("push.directory", "train.csv")),
    Case("push_below_a_file", put("push.directory", "train.csv/out"), ("push.directory",)),
    Case("a_report_of_no_frontier", put("report.frontier", "nowhere.csv"), ("report.frontier", "nowhere.csv")),
    Case("a_spark_of_no_address", put("beam", {"runner": "spark"}), ("beam",)),
]

COMMANDS = [
    Case("runs_of_nothing", lambda log: None, ("no run yet",), arguments=("runs",)),
    Case("review_of_nothing", lambda log: None, ("no run yet",), arguments=("review",)),
    Case("compare_of_nothing", lambda log: None, ("no run yet",), arguments=("compare", "mini/1", "mini/2")),
    Case("runs_of_a_broken_file", text("- a\n"), ("run.yaml", "mapping"), arguments=("runs", "--config", "CONFIG")),
    Case("schema_of_a_broken_file", text("- a\n"), ("run.yaml", "mapping"), arguments=("schema", "CONFIG")),
    Case(
        "schema_of_a_missing_column",
        frame("*", lambda table: table.drop(columns="c")),
        ("`c`",),
        arguments=("schema", "CONFIG"),
    ),
    Case(
        "schema_over_a_broken_one",
        file("schema.pbtxt", b"feature { na"),
        ("schema.pbtxt",),
        arguments=("schema", "CONFIG"),
    ),
    Case(
        "schema_far_away",
        put("data_schema", "gs://nowhere/schema.pbtxt"),
        ("data_schema", "gs://"),
        arguments=("schema", "CONFIG"),
    ),
    Case("frontier_of_a_broken_file", text("- a\n"), ("run.yaml", "mapping"), arguments=("frontier", "CONFIG")),
    Case(
        "frontier_of_a_missing_column",
        frame("*", lambda table: table.drop(columns="c")),
        ("`c`",),
        arguments=("frontier", "CONFIG"),
    ),
    Case("a_command_that_is_none", lambda log: None, ("No such command", "trian"), arguments=("trian",)),
    Case("an_option_that_is_none", lambda log: None, ("No such option",), arguments=("run", "--fast")),
    Case("a_port_of_none", lambda log: None, ("99999",), arguments=("review", "--port", "99999")),
]

# Found by the stages, since only they see every row: the run fails, before anything is trained.
LATE = [
    Case(
        "a_rule_that_matches_nothing", put("tasks.0.positive", "== 7"), ("task `click`", "== 7", "matches none"), code=1
    ),
    Case("a_rule_that_matches_everything", put("tasks.0.positive", ">= 0"), ("task `click`", "matches all"), code=1),
    Case(
        "a_group_of_one_value",
        frame("*", lambda table: table.assign(sex="f")),
        ("group `gender`", "two values"),
        code=1,
    ),
    Case("a_value_that_no_group_has", put("groups.0.values", {"f": "female"}), ("group `gender`", "'m'"), code=1),
    Case(
        "a_validation_without_positives",
        frame("validation", lambda table: table.assign(spent=0)),
        ("task `buy`", "`validation`", "0 positives"),
        code=1,
    ),
    Case(
        "a_test_without_negatives",
        frame("test", lambda table: table.assign(clicked=1)),
        ("task `click`", "`test`"),
        code=1,
    ),
    Case(
        "a_split_of_time_without_rows",
        put("log.sources", [{"files": [f"{split}.csv" for split in SPLITS], "split": _TIME}]),
        ("validation",),
        code=1,
    ),
]


def _late_row_in_a_worker(log: SmallLog) -> None:
    """A row behind those that are looked at before a run, read by a worker process of Beam."""
    table = rows(0, 12_500).astype({"x": object})
    table.loc[12_000, "x"] = "much"  # type: ignore[call-overload]  # Any value is allowed in a column of objects.
    table.to_csv(log.folder / "train.csv", index=False)
    log.put("beam.workers", 2)
    log.write()


def _late_shortage_of_words(log: SmallLog) -> None:
    """A value that reads like what the system says where it has no memory left."""
    table = rows(0, 12_500).astype({"x": object})
    table.loc[12_000, "x"] = "Cannot allocate memory"  # type: ignore[call-overload]  # As above.
    table.to_csv(log.folder / "train.csv", index=False)
    log.write()


LATE += [
    Case("a_value_like_a_shortage", _late_shortage_of_words, ("row 12001", "'Cannot allocate memory'"), code=1),
    Case("a_row_in_a_worker", _late_row_in_a_worker, ("train.csv", "row 12001", "column `x`", "'much'"), code=1),
]

KINDS = {
    "yaml": YAML, "names": NAMES, "rules": RULES, "values": VALUES, "sources": SOURCES, "files": FILES,
    "together": TOGETHER, "commands": COMMANDS,
}  # fmt: skip
