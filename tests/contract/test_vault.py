"""The vault: sealed fields open only as what they were, and an index says nothing but equality."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proctor.adapters.vault import RingVault

VAULT, OTHER = RingVault.of(b"k" * 32), RingVault.of(b"x" * 32)
text = st.text(st.characters(exclude_categories=["Cs"]))


@given(text, st.binary())
def test_what_was_sealed_opens_as_it_was(plain: str, data: bytes) -> None:
    assert VAULT.open(VAULT.seal(plain, field="name"), field="name") == plain
    assert VAULT.open_bytes(VAULT.seal_bytes(data, field="photo"), field="photo") == data


@given(text)
def test_the_same_text_never_looks_the_same_and_carries_a_key_version(plain: str) -> None:
    first, second = VAULT.seal(plain, field="name"), VAULT.seal(plain, field="name")
    assert first != second and first[:1] == second[:1] == b"\x01"
    assert len(plain.encode()) < 4 or plain.encode() not in first


def test_another_field_another_key_or_a_changed_byte_does_not_open() -> None:
    sealed = VAULT.seal("张三", field="name")
    for wrong in (
        lambda: VAULT.open(sealed, field="id_number"),
        lambda: OTHER.open(sealed, field="name"),
        lambda: VAULT.open(b"\x02" + sealed[1:], field="name"),
        lambda: VAULT.open(b"", field="name"),
        *(
            lambda at=at: VAULT.open(sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :], field="name")
            for at in range(len(sealed))
        ),
    ):
        with pytest.raises(AssertionError):
            wrong()


@given(text, text)
def test_an_index_is_equal_for_equal_text_of_one_field_and_for_nothing_else(one: str, other: str) -> None:
    index = VAULT.index(one, field="id_number")
    assert len(index) == 32 and index == VAULT.index(one, field="id_number")
    assert (index == VAULT.index(other, field="id_number")) is (one == other)
    assert index != VAULT.index(one, field="phone") and index != OTHER.index(one, field="id_number")
