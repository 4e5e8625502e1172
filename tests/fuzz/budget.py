"""How long the fuzz runs, and bytes that are nearly right.

`ZHENXUE_FUZZ_S` seconds for each target; 5 by default, so the four targets take 20 s of the suite. Ten minutes each:

    ZHENXUE_FUZZ_S=600 python -m pytest tests/fuzz -s --timeout 0

`ZHENXUE_FUZZ_SEED` is the first batch's seed (0): a run with the same seed tries the same examples in the same order.
"""

from __future__ import annotations

import os
import sys
import time
from collections import Counter
from collections.abc import Callable

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

SECONDS = float(os.environ.get("ZHENXUE_FUZZ_S", "5"))
SEED = int(os.environ.get("ZHENXUE_FUZZ_SEED", "0"))
BATCH = 200


def fuzz(name: str, strategy: st.SearchStrategy, check: Callable) -> Counter:
    """Batches of examples until the time is over. `check(value)` returns a word for what happened; all are counted.

    A failure is shrunk and shown by Hypothesis with its value.
    """
    seen: Counter = Counter()
    deadline = time.monotonic() + SECONDS
    number = SEED
    while time.monotonic() < deadline:

        @seed(number)
        @settings(
            max_examples=BATCH, database=None, deadline=None, suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )  # fmt: skip
        @given(strategy)
        def batch(value) -> None:
            seen[check(value)] += 1

        batch()
        number += 1
    told = f"{seen.total()} examples, {number - SEED} batches from seed {SEED}: {dict(seen.most_common())}"
    sys.stdout.write(f"\nfuzz {name}: {told}\n")
    return seen


@st.composite
def damaged(draw, valid: st.SearchStrategy[bytes]) -> bytes:
    """A valid value after up to four small accidents: a byte changed, a piece cut, doubled, moved or put in."""
    data = bytearray(draw(valid))
    for _accident in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(data)))
        length = draw(st.integers(0, 12))
        kind = draw(st.sampled_from(["change", "cut", "double", "put", "swap"]))
        piece = bytes(data[at : at + length])
        if kind == "change" and at < len(data):
            data[at] = draw(st.integers(0, 255))
        elif kind == "cut":
            del data[at : at + length]
        elif kind == "double":
            data[at:at] = piece * draw(st.integers(1, 40))
        elif kind == "put":
            data[at:at] = draw(st.sampled_from(NASTY) | st.binary(max_size=8))
        elif kind == "swap" and piece:
            del data[at : at + length]
            to = draw(st.integers(0, len(data)))
            data[to:to] = piece
    return bytes(data)


NASTY = (
    b"\x00", b"\xff", b"\xed\xa0\x80", b"\\ud800", b"\\u0000", b"null", b"1e400", b"-0", b"99999999999999999999",
    b"{}", b"[" * 60, b'"', b"\r\n", b"\r\n\r\n", b"--", b"NaN", b"\xef\xbb\xbf", b";", b"=", b"%00", b"..",
    b"\xf0\x9f\x98\x80",
)  # fmt: skip

numbers = st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**63, 2**64, 604_800_000, 604_800_001]) | st.integers()
json_values = st.recursive(
    st.none() | st.booleans() | numbers | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=40),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=10), inner, max_size=4),
    max_leaves=10,
)
