import json

import pandas as pd
import pytest
import tensorflow_data_validation as tfdv
from tensorflow_metadata.proto.v0 import anomalies_pb2
from tfx.components.example_validator import executor as validator
from tfx.types import channel_utils, standard_artifacts

from components.anomaly_gate.component import AnomaliesChecked, AnomalyGate
from components.anomaly_gate.executor import CHECKED_FILE, Executor, describe

GOOD = pd.DataFrame({"age": [20.0, 30.0, 40.0], "sex": ["F", "M", "F"]})


@pytest.fixture(name="schema", scope="module")
def schema_fixture():
    schema = tfdv.infer_schema(tfdv.generate_statistics_from_dataframe(GOOD))
    age = tfdv.get_feature(schema, "age")
    age.float_domain.min, age.float_domain.max = 0, 120
    tfdv.get_feature(schema, "sex").distribution_constraints.min_domain_mass = 1
    return schema


@pytest.fixture(name="validate")
def validate_fixture(tmp_path, schema):
    """Runs TFX's ExampleValidator on data frames per split; returns its anomalies artifact."""

    def validate(**frames):
        statistics, curated = standard_artifacts.ExampleStatistics(), standard_artifacts.Schema()
        anomalies = standard_artifacts.ExampleAnomalies()
        statistics.uri, curated.uri = str(tmp_path / "statistics"), str(tmp_path / "schema")
        anomalies.uri = str(tmp_path / "anomalies")
        statistics.split_names = json.dumps(list(frames))
        for split, frame in frames.items():
            folder = tmp_path / "statistics" / f"Split-{split}"
            folder.mkdir(parents=True)
            found = tfdv.generate_statistics_from_dataframe(frame)
            (folder / "FeatureStats.pb").write_bytes(found.SerializeToString())
        (tmp_path / "schema").mkdir()
        tfdv.write_schema_text(schema, str(tmp_path / "schema" / "schema.pbtxt"))
        inputs = {"statistics": [statistics], "schema": [curated]}
        validator.Executor().Do(inputs, {"anomalies": [anomalies]}, {"exclude_splits": "[]"})
        return anomalies

    return validate


@pytest.fixture(name="gate")
def gate_fixture(tmp_path):
    def gate(anomalies):
        checked = AnomaliesChecked()
        checked.uri = str(tmp_path / "checked")
        Executor().Do({"anomalies": [anomalies]}, {"checked": [checked]}, {"code": ""})
        return json.loads((tmp_path / "checked" / CHECKED_FILE).read_text(encoding="utf-8"))

    return gate


def test_examples_that_fit_the_schema_pass(validate, gate):
    assert gate(validate(train=GOOD, test=GOOD[:2])) == {"splits": ["train", "test"], "anomalies": 0}


def test_anomalies_stop_the_run_with_tfdvs_words(validate, gate, tmp_path):
    bad = pd.DataFrame({"age": [20.0, 300.0, 40.0], "sex": ["F", "X", "F"], "new": [1.0, 2.0, 3.0]})
    anomalies = validate(train=GOOD, validation=bad, test=GOOD[["age"]])
    with pytest.raises(ValueError) as error:
        gate(anomalies)
    _, *lines = str(error.value).split("\n  - ")
    starts = [line.split(": ")[0] for line in lines]
    assert starts == [
        "split `validation`, column `age`",
        "split `validation`, column `new`",
        "split `validation`, column `sex`",
        "split `test`, column `sex`",
    ]
    assert "Out-of-range values" in lines[0] and "300" in lines[0]
    assert "New column" in lines[1] and "not in schema" in lines[1]
    assert "Unexpected string values" in lines[2] and "X (~33%)" in lines[2]
    assert "Column dropped" in lines[3] and "completely missing" in lines[3]
    assert "4 places" in str(error.value)
    assert not (tmp_path / "checked").exists()


def test_each_reason_of_a_column_is_told(validate, gate):
    bad = pd.DataFrame({"age": [None, -5.0, None], "sex": ["F", "F", "F"]})
    with pytest.raises(ValueError, match=r"split `train`, column `age`: .*Out-of-range") as error:
        gate(validate(train=bad))
    assert "Column dropped" in str(error.value) or "missing" in str(error.value)


def test_anomalies_of_the_data_set_as_a_whole(validate, gate, schema):
    schema.dataset_constraints.min_examples_count = 10
    try:
        with pytest.raises(ValueError, match="split `train`, the data set as a whole: Low num examples.*3"):
            gate(validate(train=GOOD))
    finally:
        schema.ClearField("dataset_constraints")


def test_a_warning_is_told_like_an_error():
    info = anomalies_pb2.AnomalyInfo(severity="WARNING", short_description="Odd", description="It is odd.")
    proto = anomalies_pb2.Anomalies(anomaly_info={"b": info, "a": info}, data_missing=True)
    assert describe("test", proto) == [
        "split `test`: there is no data (TFDV was given no statistics of any row)",
        "split `test`, column `a`: Odd: It is odd.",
        "split `test`, column `b`: Odd: It is odd.",
    ]


def test_anomalies_that_are_not_there(validate, gate, tmp_path):
    anomalies = validate(train=GOOD, test=GOOD)
    (tmp_path / "anomalies" / "Split-test" / validator.DEFAULT_FILE_NAME).unlink()
    with pytest.raises(FileNotFoundError, match="split `test`: expected anomalies at .*Split-test.*no such file"):
        gate(anomalies)


def test_no_splits_at_all(gate, tmp_path):
    anomalies = standard_artifacts.ExampleAnomalies()
    anomalies.uri, anomalies.split_names = str(tmp_path), "[]"
    with pytest.raises(ValueError, match="expected anomalies of at least one split"):
        gate(anomalies)


def test_the_component():
    component = AnomalyGate(channel_utils.as_channel([standard_artifacts.ExampleAnomalies()]), code="abc")
    assert component.outputs["checked"].type is AnomaliesChecked
    assert component.exec_properties == {"code": "abc"}
