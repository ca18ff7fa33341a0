"""Serializes Arrow columns as tf.Examples, the same values always as the same bytes.

tfx_bsl's encoder, like all of protobuf's maps in C++, writes a row's features in an order that differs from call to call.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

# Protobuf's tags of length-delimited fields: number << 3 | 2.
_FIELD_1, _FIELD_2 = b"\x0a", b"\x12"


def encode(columns: Mapping[str, pa.Array]) -> pa.Array:
    """Serialized tf.Examples, features sorted by name; a null is an absent feature.

    Args:
      columns: name → n float32 (float_list of one), strings (bytes_list of one) or lists of strings (bytes_list).

    Returns:
      n binary values, each equal to ``tf.train.Example.SerializeToString(deterministic=True)``.
    """
    features = [_feature(name, columns[name]).fill_null(b"") for name in sorted(columns)]
    return _delimited(pc.binary_join_element_wise(*features, b""), _FIELD_1)


def _feature(name: str, array: pa.Array) -> pa.Array:
    """One entry of the map from name to Feature for each row; null where the row has no value."""
    key = name.encode()
    # The entry's key is its field 1, the Feature its field 2.
    entry = _FIELD_1 + _varint(len(key)) + key + _FIELD_2
    if pa.types.is_floating(array.type):
        # FloatList.value = 1 (packed), Feature.float_list = 2.
        return _delimited(_float_bytes(array), _FIELD_1, _FIELD_2, entry, _FIELD_1)
    # BytesList.value = 1, Feature.bytes_list = 1.
    if pa.types.is_list(array.type):
        return _delimited(_joined(array), _FIELD_1, entry, _FIELD_1)
    return _delimited(array.cast(pa.binary()), _FIELD_1, _FIELD_1, entry, _FIELD_1)


def _joined(array: pa.Array) -> pa.Array:
    """The BytesList of each list of texts."""
    values = _delimited(array.flatten().cast(pa.binary()), _FIELD_1)
    lengths = pc.list_value_length(array).fill_null(0).to_numpy(zero_copy_only=False)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, values), b"")
    return pc.if_else(array.is_valid(), joined, pa.scalar(None, pa.binary()))


def _float_bytes(array: pa.Array) -> pa.Array:
    """The four bytes of each float32, little-endian."""
    values = array.fill_null(0.0).to_numpy(zero_copy_only=False).astype("<f4")
    offsets = np.arange(len(values) + 1, dtype=np.int32) * 4
    raw = pa.Array.from_buffers(pa.binary(), len(values), [None, pa.py_buffer(offsets), pa.py_buffer(values)])
    return pc.if_else(array.is_valid(), raw, pa.scalar(None, pa.binary()))


def _delimited(values: pa.Array, *tags: bytes) -> pa.Array:
    """Each value inside fields that are nested in one another, the innermost tag first; null stays null.

    The lengths of all of them follow from the value's, and a batch has few distinct lengths.
    """
    lengths = pc.binary_length(values).dictionary_encode()
    headers = []
    for length in lengths.dictionary.to_pylist():
        header = b""
        for tag in tags:
            header = tag + _varint(length + len(header)) + header
        headers.append(header)
    return pc.binary_join_element_wise(pa.array(headers, pa.binary()).take(lengths.indices), values, b"")


def _varint(number: int) -> bytes:
    """Protobuf's base-128 number, low groups first."""
    groups = bytearray()
    while number > 0x7F:
        groups.append(number & 0x7F | 0x80)
        number >>= 7
    groups.append(number)
    return bytes(groups)
