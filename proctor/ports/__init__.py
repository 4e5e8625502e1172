"""What the running half needs from outside. Each comment is an obligation that the contract tests check.

Every adapter exists twice: for real (Valkey/Redis, SQL, files) and in memory (`adapters.memory`, faithful).
Methods raise `errors.Unavailable` when the outside does not answer; nothing is then half-done from the
caller's point of view: calling again is safe. Times named `redis_ms` are Redis TIME in milliseconds.
"""

from __future__ import annotations

from proctor.ports.checks import (
    Accepted,
    Backlog,
    Checks,
    CheckTicket,
    DeadJob,
    FaceJob,
    Jobs,
    NotAccepted,
    Shot,
)  # fmt: skip
from proctor.ports.identity import Claimed, IdentityAuthority, Word
from proctor.ports.inbox import (
    HandoverAsked,
    Inbox,
    InstructionReady,
    LeaseTaken,
    Message,
    UploadAccepted,
    VerdictReady,
)  # fmt: skip
from proctor.ports.messages import Messages
from proctor.ports.seats import (
    Acquire,
    Acquired,
    Holder,
    Leases,
    LeaseSync,
    NotAcquired,
    OpenSeat,
    Records,
    SeatOpened,
    SeatRefused,
    SeatWrite,
    SeatWritten,
)  # fmt: skip
from proctor.ports.stores import (
    Database,
    Evidence,
    FaceKey,
    FaceKeys,
    Nodes,
    Signer,
    Vault,
)  # fmt: skip
from proctor.ports.time import Clock

__all__ = [
    "Accepted",
    "Acquire",
    "Acquired",
    "Backlog",
    "CheckTicket",
    "Checks",
    "Claimed",
    "Clock",
    "Database",
    "DeadJob",
    "Evidence",
    "FaceJob",
    "FaceKey",
    "FaceKeys",
    "HandoverAsked",
    "Holder",
    "IdentityAuthority",
    "Inbox",
    "InstructionReady",
    "Jobs",
    "LeaseSync",
    "LeaseTaken",
    "Leases",
    "Message",
    "Messages",
    "Nodes",
    "NotAccepted",
    "NotAcquired",
    "OpenSeat",
    "Records",
    "SeatOpened",
    "SeatRefused",
    "SeatWrite",
    "SeatWritten",
    "Shot",
    "Signer",
    "UploadAccepted",
    "Vault",
    "VerdictReady",
    "Word",
]
