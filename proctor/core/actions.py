"""What an active check asks for: ordered actions, drawn on the server from 32 random bits.

Words of the wire: `left` and `right` (the learner's own), `closer`, and `light:` with one digit a step, such as
`light:0120` (0 dark, 1 bright, 2 coloured screen; one frame a step). Turning needs no extra model, so every draw
contains turns. Blinking is not asked for (docs/decisions/0012-no-blink.md).
"""

from __future__ import annotations

TURNS = ("left", "right")
CLOSER = "closer"
LIGHT = "light:"
DARK = "0"
LIGHT_STEPS = 4
PLACES = 4  # coming closer: never, first, after the first turn, after the second


def draw(roll: int, turns: int = 2, *, light: bool = False) -> tuple[str, ...]:
    """So many turns in random order, the same side twice included, with or without coming closer somewhere.

    `roll`: 32 random bits, of which the lowest are used: the same roll gives the same actions. `light` adds a
    sequence of the screen's brightness at the end.
    """
    assert 0 <= roll < 2**32 and turns >= 1
    actions = [TURNS[roll >> place & 1] for place in range(turns)]
    place = roll >> turns & PLACES - 1
    if place:
        actions.insert(place - 1, CLOSER)
    if light:
        actions.append(LIGHT + _steps(roll >> turns + 2))
    return tuple(actions)


def guess_rate(turns: int = 2) -> float:
    """How often a film made beforehand fits at most, by chance. A light sequence is not counted: a bright room hides
    it."""
    places = PLACES if turns > 1 else 2  # two of the places are one and the same then
    return 1 / (places * 2**turns)


def side(action: str) -> int:
    """1 for a turn to the learner's left, -1 to the right, 0 for anything else."""
    return {"left": 1, "right": -1}.get(action, 0)


def _steps(bits: int) -> str:
    """Dark, bright and coloured in random order; the first two differ, so that there is something to follow."""
    digits = [str((bits >> 2 * place) % 4 % 3) for place in range(LIGHT_STEPS)]
    digits[0] = DARK if bits >> 2 * LIGHT_STEPS & 1 else "1"
    digits[1] = "1" if digits[0] == DARK else DARK
    return "".join(digits)
