"""Is this beat part of a live dialogue? Sequence, the nonce of a recent ack, and not too many a minute."""

from __future__ import annotations

from hashlib import blake2b

from proctor.core.policy import Policy

ACKS_BACK_MAX = 8  # beats that may be under way while their acks are
MINUTE_MS = 60_000
NONCE_BYTES = 4
TOGETHER = 8  # nonces that one hash gives


def nonce_of(seed: int, seq: int) -> str:
    """What the ack of beat `seq` carries; only who received it can repeat it."""
    return _cut(_nonces(seed, seq // TOGETHER), seq)


def _nonces(seed: int, block: int) -> bytes:
    """The nonces of so many beats in a row: a hash for each of them would cost as much as the rules."""
    return blake2b(block.to_bytes(8, "big"), key=seed.to_bytes(8, "big"), digest_size=TOGETHER * NONCE_BYTES).digest()


def _cut(nonces: bytes, seq: int) -> str:
    at = seq % TOGETHER * NONCE_BYTES
    return nonces[at : at + NONCE_BYTES].hex()


class Dialogue:
    """Beats of one connection, counted."""

    __slots__ = ("seed", "seq", "acked", "minute_ms", "in_minute", "limit", "_said", "_said_seq", "_nonces", "_block")

    def __init__(self, seed: int, policy: Policy, now_ms: int) -> None:
        self.seed = seed
        self.seq = 0
        self.acked = 0  # newest ack that the player has proven to know
        self.minute_ms = now_ms
        self.in_minute = 0
        self.limit = policy.beats_per_minute_max
        self._said, self._said_seq = "", -1  # the newest nonce that was told
        self._nonces, self._block = b"", -1  # of the beats around the newest one

    def nonce(self) -> str:
        """What the ack of the newest beat carries. The next beat usually repeats it: it is kept until then."""
        if self._said_seq != self.seq:
            block = self.seq // TOGETHER
            if block != self._block:
                self._nonces, self._block = _nonces(self.seed, block), block
            self._said, self._said_seq = _cut(self._nonces, self.seq), self.seq
        return self._said

    def count(self, now_ms: int) -> None:
        if now_ms - self.minute_ms >= MINUTE_MS:
            self.minute_ms, self.in_minute = now_ms, 0
        self.in_minute += 1

    def allows(self, now_ms: int) -> bool:
        """May one more beat come now and earn?"""
        return self.in_minute < self.limit or (now_ms - self.minute_ms >= MINUTE_MS and self.limit > 0)

    def told(self, nonce: str) -> bool:
        """Is it the word that the newest ack carried?"""
        return self._said_seq == self.seq and nonce == self._said

    @property
    def too_often(self) -> bool:
        return self.in_minute > self.limit

    @property
    def overrun(self) -> bool:
        """So far above the limit that the gateway closes the socket."""
        return self.in_minute > 2 * self.limit

    def follows(self, seq: int) -> bool:
        return seq == self.seq + 1

    def answers(self, ack: int, nonce: str) -> bool:
        """Does the beat repeat a recent word of ours? Acknowledgements never go back."""
        if not (self.acked <= ack <= self.seq and self.seq - ack < ACKS_BACK_MAX):
            return False
        if nonce != (self._said if ack == self._said_seq else nonce_of(self.seed, ack)):
            return False
        self.acked = ack
        return True
