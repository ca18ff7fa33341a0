"""Examples written by hand, through TensorFlow's protos only."""

import pytest
import tensorflow as tf


def _feature(value):
    values = value if isinstance(value, list) else [] if value is None else [value]
    if values and isinstance(values[0], str):
        return tf.train.Feature(bytes_list=tf.train.BytesList(value=[v.encode() for v in values]))
    return tf.train.Feature(float_list=tf.train.FloatList(value=values))


def encode(row):
    """A row {column: number | text | list | None} as a serialized example; None leaves the column out."""
    features = {name: _feature(value) for name, value in row.items() if value is not None}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def decode(record):
    """A serialized example as {column: value}, one value a column."""
    row = {}
    for name, feature in tf.train.Example.FromString(record).features.feature.items():
        values = getattr(feature, feature.WhichOneof("kind")).value
        row[name] = values[0].decode() if isinstance(values[0], bytes) else values[0]
    return row


def write(path, records):
    """Writes serialized examples to a gzipped TFRecord file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
        for record in records:
            writer.write(record)


def read(folder):
    """Serialized examples of all files in a folder, in the order of the files' names."""
    files = sorted(str(path) for path in folder.iterdir())
    return list(tf.data.TFRecordDataset(files, "GZIP").as_numpy_iterator())


@pytest.fixture(scope="session", name="encode")
def encode_fixture():
    return encode


@pytest.fixture(scope="session", name="decode")
def decode_fixture():
    return decode


@pytest.fixture(scope="session", name="write")
def write_fixture():
    return write


@pytest.fixture(scope="session", name="read")
def read_fixture():
    return read
