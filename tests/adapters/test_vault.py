"""Sealed fields open only as what they were sealed as; indexes find equals and tell nothing else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.adapters.vault import RingVault

VAULT = RingVault.of(b"k" * 32)


@given(st.text(max_size=60))
def test_what_is_sealed_opens_again_and_is_not_readable(plain: str) -> None:
    sealed = VAULT.seal(plain, field="account.name")
    assert VAULT.open(sealed, field="account.name") == plain
    assert len(plain) < 4 or plain.encode() not in sealed
    assert VAULT.seal(plain, field="account.name") != sealed, "equal names must not look equal"


@given(st.integers(0, 40), st.integers(1, 255))
def test_an_altered_byte_is_noticed(index: int, flip: int) -> None:
    sealed = bytearray(VAULT.seal("王小明 and more letters", field="account.name"))
    sealed[index] ^= flip
    with pytest.raises(AssertionError):
        VAULT.open(bytes(sealed), field="account.name")


@pytest.mark.parametrize("sealed", [b"", b"\x01", b"\x01" + b"x" * 12, b"\x02" + b"x" * 40])
def test_what_was_never_sealed_does_not_open(sealed: bytes) -> None:
    with pytest.raises(AssertionError):
        VAULT.open(sealed, field="account.name")


def test_a_field_cannot_be_moved_into_another_and_another_key_opens_nothing() -> None:
    sealed = VAULT.seal("110101", field="account.id_number")
    with pytest.raises(AssertionError, match=r"account\.name does not open"):
        VAULT.open(sealed, field="account.name")
    with pytest.raises(AssertionError):
        RingVault.of(b"x" * 32).open(sealed, field="account.id_number")


def test_an_index_is_equal_for_equals_of_one_field_and_one_key() -> None:
    index = VAULT.index("110101", field="account.id_number")
    assert index == VAULT.index("110101", field="account.id_number") and len(index) == 32
    others = (
        VAULT.index("110102", field="account.id_number"),
        VAULT.index("110101", field="account.phone"),
        RingVault.of(b"x" * 32).index("110101", field="account.id_number"),
    )
    assert index not in others
