"""The master key's versions: which one seals, which open, and both ciphers told apart by what they sealed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from proctor.adapters.keyring import Keys, MasterKey, Ring, aead, derive, sm4_offered, version_of
from proctor.adapters.vault import RingVault

ONE, TWO = MasterKey("aes", b"1" * 32), MasterKey("sm4", b"2" * 32)


def test_sm4_is_the_cipher_of_the_standard() -> None:
    """GB/T 32907, appendix A: the example block under itself as the key."""
    assert sm4_offered(), "the wheels of `cryptography` carry an OpenSSL that has it"
    block = bytes.fromhex("0123456789abcdeffedcba9876543210")
    made = Cipher(algorithms.SM4(block), modes.ECB()).encryptor()
    assert made.update(block) + made.finalize() == bytes.fromhex("681edf34d206965e86b3e94f536e4246")


def test_sm4_in_gcm_is_the_one_of_rfc_8998() -> None:
    """Its example of appendix A.1, through the very class that seals here."""
    from proctor.adapters.keyring import _Sm4Gcm

    key, nonce = bytes.fromhex("0123456789ABCDEFFEDCBA9876543210"), bytes.fromhex("00001234567800000000ABCD")
    context = bytes.fromhex("FEEDFACEDEADBEEFFEEDFACEDEADBEEFABADDAD2")
    plain = bytes.fromhex("".join(two * 8 for two in ("AA", "BB", "CC", "DD", "EE", "FF", "EE", "AA")))
    sealed = bytes.fromhex(
        "17F399F08C67D5EE19D0DC9969C4BB7D5FD46FD3756489069157B282BB200735"
        "D82710CA5C22F0CCFA7CBF93D496AC15A56834CBCF98C397B4024A2691233B8D"
        "83DE3541E4C2B58177E065A9BF7B62EC"
    )
    assert _Sm4Gcm(key).encrypt(nonce, plain, context) == sealed
    assert _Sm4Gcm(key).decrypt(nonce, sealed, context) == plain


@pytest.mark.parametrize("cipher", ["aes", "sm4"])
def test_what_was_altered_or_cut_off_does_not_open(cipher: str) -> None:
    vault = RingVault.of(b"k" * 32, cipher)
    sealed = vault.seal_bytes(b"a face", field="template")
    assert vault.open_bytes(sealed, field="template") == b"a face" and b"a face" not in sealed
    broken = [sealed[:at] + bytes([sealed[at] ^ 1]) + sealed[at + 1 :] for at in range(len(sealed))]
    for wrong in (*broken, *(sealed[:length] for length in range(len(sealed)))):
        with pytest.raises(AssertionError):
            vault.open_bytes(wrong, field="template")
    with pytest.raises(AssertionError):
        vault.open_bytes(sealed, field="another")


def test_the_newest_version_in_use_seals_and_all_of_them_open() -> None:
    state = {"keys": Keys({1: ONE}, 1)}
    ring = Ring(lambda: state["keys"])
    old = ring.seal(b"before", b"f")
    state["keys"] = Keys({1: ONE, 2: TWO}, 1)
    ring.refresh()
    assert version_of(ring.seal(b"x", b"f")) == 1, "what is made is not in use yet"
    state["keys"] = Keys({1: ONE, 2: TWO}, 2)
    ring.refresh()
    new = ring.seal(b"after", b"f")
    assert version_of(new) == 2 and ring.cipher == "sm4"
    assert ring.open(old, b"f") == b"before" and ring.open(new, b"f") == b"after"
    state["keys"] = Keys({2: TWO}, 2)
    ring.refresh()
    with pytest.raises(AssertionError, match="unknown key version"):
        ring.open(old, b"f")


def test_a_version_that_another_process_uses_already_is_learnt_when_it_is_met() -> None:
    state = {"keys": Keys({1: ONE}, 1)}
    behind = Ring(lambda: state["keys"])
    state["keys"] = Keys({1: ONE, 2: TWO}, 2)
    assert behind.open(Ring(lambda: state["keys"]).seal(b"new", b"f"), b"f") == b"new"


def test_a_key_is_never_used_for_two_things() -> None:
    seals = {derive(b"k" * 32, purpose) for purpose in (b"seal", b"face", b"index")}
    assert len(seals) == 3 and b"k" * 32 not in seals
    nonce = bytes(12)
    assert aead("aes", b"k" * 32, b"seal").encrypt(nonce, b"x", b"") != aead("aes", b"k" * 32, b"face").encrypt(
        nonce, b"x", b""
    )


def test_keys_are_not_printed() -> None:
    assert "1111" not in repr(ONE) + repr(Keys({1: ONE}, 1))
