"""Bytes of a snapshot: the same for Redis and for the seat's state, so that either can start a session."""

from __future__ import annotations

import msgspec

from proctor.core.inputs import Snapshot

_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(Snapshot)


def encode_snapshot(snapshot: Snapshot) -> bytes:
    """Compact bytes; sessions keep their lists so short that this stays below `snapshot_bytes_max`."""
    return _encoder.encode(snapshot)


def encode_fields(values: tuple) -> bytes:
    """The same bytes from the values of all fields, in their order."""
    return _encoder.encode(values)


def decode_snapshot(data: bytes) -> Snapshot:
    """The snapshot. Bytes that were never one are corruption: an AssertionError, not a learner's fault."""
    try:
        return _decoder.decode(data)
    except msgspec.MsgspecError as error:
        raise AssertionError(f"a stored snapshot cannot be read: {error}") from None


def newer(left: Snapshot | None, right: Snapshot | None) -> Snapshot | None:
    """The one that knows more: by fence, beat and stretch, then by what happened between two beats."""
    if left is None or right is None:
        return left or right
    return left if _age(left) >= _age(right) else right


def _age(one: Snapshot) -> tuple[int, ...]:
    return one.fence, one.seq, one.stretch, one.check_number, one.decided_number, one.instruction_version
