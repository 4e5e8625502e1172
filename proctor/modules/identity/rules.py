"""States of an enrolment and what may follow, measures of a photo, the search for a second account. Pure."""

from __future__ import annotations

from enum import StrEnum

import msgspec

REASON_CHARS_MIN = 4
REASON_CHARS_MAX = 200


class State(StrEnum):
    RECEIVED = "received"  # nobody looked yet
    UNUSABLE = "unusable"  # no face to compare with
    PENDING = "pending"  # waits for a person
    APPROVED = "approved"
    REJECTED = "rejected"
    REPLACED = "replaced"  # a newer one was approved, or handed in before anybody decided
    WITHDRAWN = "withdrawn"  # consent is gone
    EXPIRED = "expired"  # the learner's classes are over for long enough


OPEN = (State.RECEIVED, State.PENDING)
# What a person may still decide about, or what is in use.
LIVING = (*OPEN, State.UNUSABLE, State.APPROVED)

# (state, step) -> state. A missing pair is not possible.
STEPS: dict[tuple[State, str], State] = {
    (State.RECEIVED, "look"): State.PENDING,
    (State.RECEIVED, "unusable"): State.UNUSABLE,
    (State.PENDING, "approve"): State.APPROVED,
    (State.PENDING, "reject"): State.REJECTED,
    (State.RECEIVED, "reject"): State.REJECTED,
    (State.UNUSABLE, "reject"): State.REJECTED,
    (State.APPROVED, "reject"): State.REJECTED,  # found out later
    (State.RECEIVED, "replace"): State.REPLACED,
    (State.UNUSABLE, "replace"): State.REPLACED,
    (State.PENDING, "replace"): State.REPLACED,
    (State.APPROVED, "replace"): State.REPLACED,
    (State.RECEIVED, "withdraw"): State.WITHDRAWN,
    (State.UNUSABLE, "withdraw"): State.WITHDRAWN,
    (State.PENDING, "withdraw"): State.WITHDRAWN,
    (State.APPROVED, "withdraw"): State.WITHDRAWN,
    (State.RECEIVED, "expire"): State.EXPIRED,
    (State.UNUSABLE, "expire"): State.EXPIRED,
    (State.PENDING, "expire"): State.EXPIRED,
    (State.APPROVED, "expire"): State.EXPIRED,
}


def step(state: str, what: str) -> State | None:
    return STEPS.get((State(state), what))


def gives_way(state: str, *, of_staff: bool, source: str, by_staff: bool) -> bool:
    """Whether a photo that waits (`of_staff`: they handed it in) ends when one from `source` comes. What a check took
    by itself ends nothing, and a learner ends nothing that staff handed in and people can still decide about: whoever
    sits there first could throw out the real photo."""
    if source == "first_capture":
        return False
    return by_staff or not of_staff or state == State.UNUSABLE


class Quality(msgspec.Struct, frozen=True, kw_only=True):
    """What the worker measured of a photo. Pixels, eye distances, grey levels; -1: not measured."""

    width: int = 0
    height: int = 0
    face_px: int = -1  # width of the face
    yaw: float = -1.0
    score: float = -1.0  # of the detector
    luma: float = -1.0
    sharpness: float = -1.0


# Everything later is compared with it, so an enrolled photo must be better than a capture.
FACE_PX_MIN = 60
YAW_MAX = 0.15
SCORE_MIN = 0.8


def wanting(quality: Quality) -> str:
    """Why a face that could be found is no photo to enrol with; "" when it is one."""
    if quality.face_px < FACE_PX_MIN:
        return "small"
    if abs(quality.yaw) > YAW_MAX:
        return "turned"
    return "blurred" if quality.score < SCORE_MIN else ""


def pair(one: int, other: int) -> tuple[int, int]:
    """Two accounts in the order in which a flag stores them."""
    assert one != other
    return min(one, other), max(one, other)
