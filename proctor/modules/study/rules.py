"""Pure rules of the study record: policy packs, ledger rows as the core's rows."""

from __future__ import annotations

import json

import msgspec

from proctor.core.policy import DEFAULT, Policy


def policy_of(*packs: str) -> Policy:
    """The default pack with the values of each JSON object laid over it, the later ones winning.

    Raises ValueError for an unknown name, a wrong type or values that do not fit together.
    """
    values = msgspec.structs.asdict(DEFAULT)
    for pack in packs:
        changes = json.loads(pack or "{}")
        unknown = set(changes) - set(values)
        if unknown:
            raise ValueError(f"unknown policy values: {', '.join(sorted(unknown))}")
        values |= changes
    try:
        return msgspec.convert(values, Policy)
    except (msgspec.ValidationError, AssertionError) as error:
        raise ValueError(f"policy values do not fit: {error}") from None
