"""Block-quantised ONNX files made plain: constants that are worked out at every run are worked out once.

The published small files keep weights as int8 blocks and turn them into float32 inside the graph. OpenVINO does not
read such blocks and OpenCV works them out anew. Here they become ordinary float32 constants. An ONNX file is a
protobuf; of it this needs six messages, so it reads the wire format itself instead of bringing three packages.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from proctor.errors import Unavailable

# Field numbers of the messages in onnx.proto3.
MODEL_GRAPH = 7
GRAPH_NODE, GRAPH_INITIALIZER, GRAPH_INPUT, GRAPH_VALUE_INFO = 1, 5, 11, 13
NODE_INPUT, NODE_OUTPUT, NODE_OP, NODE_ATTRIBUTE = 1, 2, 4, 5
ATTRIBUTE_NAME, ATTRIBUTE_INT = 1, 3
TENSOR_DIMS, TENSOR_TYPE, TENSOR_FLOATS, TENSOR_INT32S, TENSOR_INT64S, TENSOR_NAME, TENSOR_RAW = 1, 2, 4, 5, 7, 8, 9
VALUE_NAME = 1
FLOAT, UINT8, INT8, INT64 = 1, 2, 3, 7
TYPES = {FLOAT: "<f4", UINT8: "u1", INT8: "i1", INT64: "<i8"}
VARINT, EIGHT, LENGTH, FOUR = 0, 1, 2, 5

Field = tuple[int, int, int | bytes]


def folded(data: bytes) -> bytes:
    """The same model with every DequantizeLinear of constants worked out. Raises Unavailable("models")."""
    try:
        return _message([_folded_graph(one) if one[0] == MODEL_GRAPH else one for one in _fields(data)])
    except (IndexError, KeyError, ValueError) as broken:
        raise Unavailable("models", f"an ONNX file cannot be read ({type(broken).__name__})") from None


def _folded_graph(field: Field) -> Field:
    fields = list(_fields(_bytes(field[2])))
    constants: dict[str, np.ndarray] = {}
    for number, _wire, value in fields:
        if number == GRAPH_INITIALIZER:
            name, array = _tensor(_bytes(value))
            if array is not None:
                constants[name] = array
    kept: list[bytes] = []
    read: set[str] = set()
    for number, _wire, value in fields:
        if number != GRAPH_NODE:
            continue
        node = _bytes(value)
        operation, inputs, outputs, integers = _node(node)
        if inputs and operation in WORKED_OUT and all(name in constants for name in inputs):
            constants[outputs[0]] = WORKED_OUT[operation]([constants[name] for name in inputs], integers)
        else:
            kept.append(node)
            read.update(inputs)
    made: list[Field] = [(GRAPH_NODE, LENGTH, node) for node in kept]
    made += [(GRAPH_INITIALIZER, LENGTH, _packed(name, constants[name])) for name in sorted(read & constants.keys())]
    for one in fields:
        if one[0] == GRAPH_INPUT and not _is_input(_bytes(one[2]), read - constants.keys()):
            continue  # the publisher's tool left the weights' old names among the inputs
        if one[0] == GRAPH_INITIALIZER and _tensor(_bytes(one[2]))[1] is not None:
            continue
        if one[0] not in (GRAPH_NODE, GRAPH_VALUE_INFO):
            made.append(one)
    return MODEL_GRAPH, LENGTH, _message(made)


def _is_input(value: bytes, names: set[str]) -> bool:
    return any(number == VALUE_NAME and _text(found) in names for number, _wire, found in _fields(value))


def _dequantized(inputs: list[np.ndarray], integers: dict[str, int]) -> np.ndarray:
    """(quantised - zero point) x scale, both given per block along one axis."""
    values, scales, *rest = inputs
    zeros = rest[0] if rest else np.zeros_like(scales)
    block, axis = integers.get("block_size", 0), integers.get("axis", 1)
    if block:
        length = values.shape[axis]
        scales = np.repeat(scales, block, axis=axis).take(range(length), axis=axis)
        zeros = np.repeat(zeros, block, axis=axis).take(range(length), axis=axis)
    elif scales.size > 1:
        shape = [1] * values.ndim
        shape[axis] = scales.size
        scales, zeros = scales.reshape(shape), zeros.reshape(shape)
    return ((values.astype(np.float32) - zeros.astype(np.float32)) * scales).astype(np.float32)


def _reshaped(inputs: list[np.ndarray], _integers: dict[str, int]) -> np.ndarray:
    values, shape = inputs
    return values.reshape([int(size) for size in shape])


WORKED_OUT = {"DequantizeLinear": _dequantized, "Reshape": _reshaped}


def _node(data: bytes) -> tuple[str, list[str], list[str], dict[str, int]]:
    """Operation, inputs, outputs, and the attributes that are whole numbers."""
    operation, inputs, outputs = "", [], []
    integers: dict[str, int] = {}
    for number, _wire, value in _fields(data):
        if number == NODE_OP:
            operation = _text(value)
        elif number == NODE_INPUT:
            inputs.append(_text(value))
        elif number == NODE_OUTPUT:
            outputs.append(_text(value))
        elif number == NODE_ATTRIBUTE:
            parts = {part: found for part, _w, found in _fields(_bytes(value))}
            given = parts.get(ATTRIBUTE_INT)
            if isinstance(given, int):
                integers[_text(parts[ATTRIBUTE_NAME])] = given
    return operation, inputs, outputs, integers


def _tensor(data: bytes) -> tuple[str, np.ndarray | None]:
    """Name and values; None for a type of numbers that has no part in this: it stays as it is."""
    name, kind, raw, dims = "", 0, None, []
    listed: list[float] = []
    for number, _wire, value in _fields(data):
        if number == TENSOR_DIMS:
            dims += list(_varints(value)) if isinstance(value, bytes) else [value]
        elif number == TENSOR_TYPE:
            kind = int(value)
        elif number == TENSOR_NAME:
            name = _text(value)
        elif number == TENSOR_RAW:
            raw = _bytes(value)
        elif number == TENSOR_FLOATS:
            listed += np.frombuffer(_bytes(value), "<f4").tolist()
        elif number in (TENSOR_INT32S, TENSOR_INT64S):
            found = _varints(value) if isinstance(value, bytes) else [value]
            listed += [one - 2**64 if one >= 2**63 else one for one in found]
    if kind not in TYPES:
        return name, None
    kind_of = np.dtype(TYPES[kind])
    values = np.frombuffer(raw, kind_of) if raw is not None else np.array(listed, kind_of)
    return name, values.reshape(dims)


def _packed(name: str, values: np.ndarray) -> bytes:
    """A tensor as an initializer."""
    kind = {np.dtype(text): number for number, text in TYPES.items()}[values.dtype]
    fields: list[Field] = [(TENSOR_DIMS, VARINT, size) for size in values.shape]
    fields += [(TENSOR_TYPE, VARINT, kind), (TENSOR_NAME, LENGTH, name.encode())]
    return _message([*fields, (TENSOR_RAW, LENGTH, np.ascontiguousarray(values).tobytes())])


# The wire format: a key (field number and kind of value), then a varint, 4 or 8 bytes, or a length and bytes.


def _fields(data: bytes) -> Iterator[Field]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == VARINT:
            value, at = _varint(data, at)
            yield number, wire, value
            continue
        if wire == LENGTH:
            length, at = _varint(data, at)
        else:
            length = {FOUR: 4, EIGHT: 8}[wire]
        if at + length > len(data):
            raise ValueError("cut short")
        yield number, wire, data[at : at + length]
        at += length


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("a number without an end")


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _written(value: int) -> bytes:
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _message(fields: list[Field]) -> bytes:
    out = []
    for number, wire, value in fields:
        out.append(_written(number << 3 | wire))
        if isinstance(value, int):
            out.append(_written(value))
        else:
            out += [_written(len(value)), value] if wire == LENGTH else [value]
    return b"".join(out)


def _bytes(value: int | bytes) -> bytes:
    if not isinstance(value, bytes):
        raise ValueError("a number where bytes belong")
    return value


def _text(value: int | bytes) -> str:
    return _bytes(value).decode("utf-8")
