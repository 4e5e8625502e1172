"""One table of settings: name, default, unit in the name, help. `proctor settings` prints it.

A setting is read from the environment as `ZHENXUE_<NAME>` or given by a flag of `proctor up`. Rules about
learners are not here but in `core.policy`.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from proctor.core.policy import Policy

UNIX_PATH_BYTES_MAX = 100  # of 108, less the terminator and a temporary suffix
PORT_MAX = 65_535
REDIS_SCHEMES = ("redis", "rediss", "unix", "redis-cluster", "rediss-cluster")
# What learners agree to by the notice (web/templates/_parts/notice_face_check.*); a longer time would make it untrue.
KEEP_MS_MAX = 3_600_000
TRACES_DAYS_MAX = 180
CASE_DAYS_MAX = 730  # as no duty keeps pictures longer
SQL_SCHEMES = ("postgresql", "postgres", "postgresql+asyncpg")


def _s(default: object, help: str):
    return field(default=default, metadata={"help": help})


@dataclass(frozen=True, kw_only=True)
class Settings:
    """All settings of all processes; immutable; relations are asserted when it is made."""

    data: str = _s("data", "Folder for database, secrets, evidence, media and logs.")
    host: str = _s("0.0.0.0", "Address that web and gateways listen on.")
    port: int = _s(8080, "Port of the web server.")
    gateway_port: int = _s(0, "Port of the gateways; 0 means port + 1.")
    public_url: str = _s("", "Origin that browsers use, such as https://xue.example.cn; empty: as requested.")
    public_ws_url: str = _s("", "WebSocket address that players use; empty: same host, gateway port.")
    origins: str = _s("", "Further allowed Origins of the gateway, comma separated.")
    trusted_proxies: str = _s(
        "", "Addresses or networks of proxies whose X-Forwarded-For the web believes, comma separated; empty: none."
    )
    redis_url: str = _s(
        "", "Redis or Valkey, or redis-cluster://host:port,host:port; empty: the embedded Valkey in the data folder."
    )
    database_url: str = _s("", "postgresql://user@host/name; empty: SQLite in the data folder.")
    tls_cert: str = _s("", "Certificate chain (PEM); empty: plain HTTP.")
    tls_key: str = _s("", "Private key of tls_cert (PEM).")
    gateways: int = _s(2, "Gateway processes on the one gateway port.")
    workers: int = _s(1, "Face worker processes.")
    demo: bool = _s(True, "Fill the demonstration institution once.")
    policy: str = _s("", "JSON object of core.policy values that replace the defaults (tests, demos).")
    log_level: str = _s("info", "debug, info, warning or error.")
    log_bytes_max: int = _s(20_000_000, "A child's log is put aside at this size; one older file is kept.")

    # Leases and snapshots.
    lease_buckets: int = _s(64, "Redis hash tags over which learners are spread; fixed at install.")
    snapshot_every_ms: int = _s(1_000, "How often changed sessions are made durable.")
    snapshot_bytes_max: int = _s(600, "Largest encoded snapshot.")
    snapshot_keep_ms: int = _s(86_400_000, "How long a snapshot lives in Redis.")
    handover_ms: int = _s(300, "How long the old device may take for its last beat.")

    # Journal.
    journal_every_ms: int = _s(1_000, "Longest wait before a journal transaction.")
    journal_facts: int = _s(500, "Facts that start a journal transaction at once.")
    journal_facts_max: int = _s(20_000, "Facts waiting before sessions are held.")

    # Gateway.
    frame_bytes_max: int = _s(2_048, "Largest frame from a player.")
    send_buffer_bytes_max: int = _s(65_536, "Bytes a slow reader may leave unsent before it is closed.")
    hello_ms: int = _s(3_000, "How long a new socket may wait with its first frame.")
    sockets_max: int = _s(18_000, "Sockets of one gateway process.")
    accepts_per_second: int = _s(4_000, "New sockets of one gateway process per second.")
    openings_max: int = _s(400, "Seats that one gateway opens at once, fewer while they are slow; others dial again.")
    sockets_per_address_max: int = _s(20_000, "Sockets of one gateway from one address (carriers share them).")
    idle_ms: int = _s(35_000, "A socket without any frame for so long is closed.")
    tick_ms: int = _s(200, "How often deadlines are scanned.")
    drain_ms: int = _s(3_000, "How long a gateway drains after SIGTERM.")

    # Tickets and sessions.
    start_ticket_ms: int = _s(60_000, "Life of a start ticket.")
    resume_token_ms: int = _s(43_200_000, "Life of a resume token.")
    login_hours: int = _s(12, "Life of a login session.")
    login_tries: int = _s(5, "Wrong passwords before an account is locked.")
    login_lock_ms: int = _s(600_000, "How long it is locked.")

    # Keys.
    cipher: str = _s("aes", "Of master keys that are made from now on: aes (AES-256-GCM) or sm4 (SM4-GCM).")
    kms_command: str = _s(
        "", "Wraps and unwraps keys (argument wrap or unwrap, stdin to stdout); empty: key files."
    )

    # Texts to phones.
    messages_url: str = _s(
        "", "Who delivers texts: https://… (signed webhook), smtp://host?from=a@b&to={phone}@gateway; empty: a file."
    )
    messages_key_file: str = _s("", "File with the shared key of the webhook, or the password of the mail server.")
    privacy_contact: str = _s("", "Whom to ask about personal data (phone, address); shown with the consent.")
    operator_institution: int = _s(1, "Id of the institution that files for all: who may enter a filing of faces.")
    texts_per_hour: int = _s(60, "Texts to one learner.")
    texts_per_minute: int = _s(3_000, "Texts of one institution.")

    # Enrolment.
    authority_url: str = _s("", "https://… of an identity authority (signed HTTP); empty: people approve photos.")
    authority_key_file: str = _s("", "File with the shared key of the authority.")

    # Checks and evidence.
    upload_bytes_max: int = _s(2_000_000, "Largest upload of one burst, all frames together.")
    upload_frames_max: int = _s(8, "Frames in one burst.")
    verdict_ms: int = _s(10_000, "A burst not judged within this is our fault.")
    jobs_max: int = _s(20_000, "Face jobs waiting, of one institution half as many; beyond it a burst is our fault.")
    workers_nice: int = _s(10, "By how much face workers stand back behind beats and pages (0 to 19).")
    traces_max: int = _s(60, "Earlier bursts of a learner by whose traces a repeated capture is found.")
    traces_days: int = _s(
        TRACES_DAYS_MAX, "Traces of captures are deleted after so many days at the latest (180 at most: the notice)."
    )
    evidence_keep_ms: int = _s(
        KEEP_MS_MAX, "Frames without a case are deleted after this at the latest (one hour at most: the notice)."
    )
    evidence_case_days: int = _s(
        CASE_DAYS_MAX, "Frames of a case are deleted after so many days at the latest (730 at most)."
    )
    face_backend: str = _s("sface", "sface, own (see face_recipe), or dlib (an extra; not for East-Asian people).")
    face_engine: str = _s("auto", "What runs the networks: openvino, opencv, or auto (openvino where it exists).")
    face_precision: str = _s("auto", "f32, bf16, or auto (bf16 where the processor multiplies it in hardware).")
    face_recipe: str = _s("", "JSON file of an ONNX embedder of your own (docs/identity.md).")
    face_passive: str = _s("", "JSON file of a passive liveness net of your own, which may only raise a doubt.")
    match_accept: float = _s(0.45, "Mean cosine at or above which a burst passes.")
    match_grey: float = _s(0.36, "Mean cosine below which it is a mismatch; between: unclear.")

    def __post_init__(self) -> None:
        # Two snapshots and a beat must fit between the durable pause of a player and the lease's end.
        assert self.snapshot_every_ms <= 2_500, "snapshots slower than 2.5 s would pause honest players"
        assert self.frame_bytes_max <= 2_048, "a picows read buffer grows to the largest frame and stays"
        assert 0 < self.match_grey <= self.match_accept < 1
        assert self.journal_facts <= self.journal_facts_max
        assert self.face_backend in ("sface", "own", "dlib"), "face_backend is sface, own or dlib"
        assert self.face_engine in ("auto", "openvino", "opencv"), "face_engine is auto, openvino or opencv"
        assert self.face_precision in ("auto", "bf16", "f32"), "face_precision is auto, bf16 or f32"
        assert (self.face_backend == "own") == bool(self.face_recipe), "face_backend own needs face_recipe, no other"
        assert self.cipher in ("aes", "sm4"), "cipher is aes or sm4"
        assert bool(self.tls_cert) == bool(self.tls_key), "a certificate needs its key"
        assert 1 <= self.port <= PORT_MAX, f"port: {self.port} is none of 1 to {PORT_MAX}"
        assert 0 <= self.gateway_port <= PORT_MAX, f"gateway_port: {self.gateway_port} is none of 1 to {PORT_MAX}"
        assert self.ws_port <= PORT_MAX, f"port {self.port} leaves none for the gateways: give --gateway-port"
        assert self.ws_port != self.port, "web and gateways need two ports: give another --gateway-port"
        assert self.log_bytes_max >= 10_000, "log_bytes_max: below 10,000 a log holds no story"
        assert 0 <= self.workers_nice <= 19, "workers_nice: a process can only stand back, by 19 at the most"
        assert self.openings_max >= 1, "openings_max: without an opening nobody studies"
        assert self.gateways >= 1, "gateways: at least one is needed"
        less = [item.name for item in fields(self) if _is_number(item.default) and getattr(self, item.name) < 0]
        assert not less, f"{', '.join(less)}: a number below zero means nothing here"
        _check_kept(self)
        _check_address("redis_url", self.redis_url, REDIS_SCHEMES)
        _check_address("database_url", self.database_url, SQL_SCHEMES)
        _check_texts(self.messages_url, self.messages_key_file)
        _check_signed("authority_url", self.authority_url, self.authority_key_file)
        _check_networks(self.trusted_proxies)
        _check_policy(self.policy)

    @property
    def data_dir(self) -> Path:
        return Path(self.data).absolute()

    @property
    def ws_port(self) -> int:
        return self.gateway_port or self.port + 1

    @property
    def sqlalchemy_url(self) -> str:
        """Operators write postgresql:// as everybody does; which driver speaks it is our business."""
        if not self.database_url:
            return f"sqlite+aiosqlite:///{self.data_dir / 'zhenxue.sqlite3'}"
        return "postgresql+asyncpg:" + self.database_url.partition(":")[2]

    @property
    def redis(self) -> str:
        """The embedded Valkey listens on a Unix socket in the data folder."""
        return self.redis_url or f"unix://{self.valkey_socket}"

    @property
    def valkey_socket(self) -> Path:
        """A Unix socket's path must be short; a deep data folder gets its socket in the temporary folder."""
        here = self.data_dir / "valkey.sock"
        if len(os.fsencode(here)) <= UNIX_PATH_BYTES_MAX:
            return here
        name = hashlib.sha256(os.fsencode(self.data_dir)).hexdigest()[:16]
        return Path(tempfile.gettempdir()) / f"zhenxue-{os.getuid()}-{name}" / "valkey.sock"


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _check_address(name: str, url: str, schemes: Iterable[str]) -> None:
    """An address of a store that no client of ours understands is found at load, not deep in a library."""
    if not url:
        return
    try:
        parts = urlsplit(url)
        # A cluster is named by some of its servers; elsewhere a comma in the place of a port is none.
        places = parts.netloc.rpartition("@")[2].split(",") if parts.scheme.endswith("-cluster") else [parts.netloc]
        fine = parts.scheme in schemes and all((urlsplit(f"//{place}").port or 0) >= 0 for place in places)
    except ValueError:
        fine = False
    # The address itself is not repeated: it may carry a password.
    assert fine, f"{name} is no address that begins with {' or '.join(f'{one}://' for one in schemes)}"


def networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """The networks of `trusted_proxies`; an address alone is a network of one. Raises ValueError."""
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _check_kept(settings: Settings) -> None:
    said = "that is what learners agreed to; shorter is always allowed"
    assert settings.evidence_keep_ms <= KEEP_MS_MAX, f"evidence_keep_ms: one hour ({KEEP_MS_MAX:,}) at most, {said}"
    assert settings.traces_days <= TRACES_DAYS_MAX, f"traces_days: {TRACES_DAYS_MAX} at most, {said}"
    assert settings.evidence_case_days <= CASE_DAYS_MAX, f"evidence_case_days: {CASE_DAYS_MAX} at most"


def _check_networks(text: str) -> None:
    try:
        networks(text)
    except ValueError as error:
        raise AssertionError(f"trusted_proxies: {error}") from None


def _check_texts(url: str, key_file: str) -> None:
    """Codes travel in them: nobody on the way reads along, and a provider knows who asks."""
    if not url:
        return
    _check_address("messages_url", url, ("https", "http", "smtp", "smtps"))
    if url.startswith("http"):
        _check_signed("messages_url", url, key_file)


def _check_signed(name: str, url: str, key_file: str) -> None:
    """Another system that we call with a signature."""
    if not url:
        return
    _check_address(name, url, ("https", "http"))
    near = urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")
    assert near or url.startswith("https:"), f"{name}: outside this machine it needs https"
    assert key_file, f"{name} needs a key file, which both sides sign with"


def _check_policy(text: str) -> None:
    try:
        values = msgspec.json.decode(text or "{}", type=dict[str, object])
        unknown = sorted(set(values) - set(Policy.__struct_fields__))
        assert not unknown, f"{', '.join(unknown)} is no rule"
        msgspec.convert(values, Policy)
    except (msgspec.MsgspecError, AssertionError) as error:
        raise AssertionError(f"policy: {str(error) or 'its values contradict each other'}") from None


def load(environ: dict[str, str] | None = None, **given: object) -> Settings:
    """Settings from defaults, then the environment, then `given` (None values are ignored).

    Raises ValueError with a sentence for people when a value does not fit its type or a relation fails.
    """
    env = os.environ if environ is None else environ
    values: dict[str, object] = {}
    for item in fields(Settings):
        raw = env.get(f"ZHENXUE_{item.name.upper()}")
        if raw is not None:
            values[item.name] = _coerce(item.name, type(item.default), raw)
    values.update({name: value for name, value in given.items() if value is not None})
    try:
        return Settings(**values)  # type: ignore[arg-type]
    except AssertionError as error:
        raise ValueError(f"settings do not fit together: {error}") from None


def _coerce(name: str, kind: type, raw: str) -> object:
    try:
        if kind is bool:
            return {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}[raw.lower()]
        return kind(raw)
    except (ValueError, KeyError):
        raise ValueError(f"setting {name}: {raw!r} is not a valid {kind.__name__}") from None


def environ(settings: Settings) -> dict[str, str]:
    """The settings as environment variables for a child process."""
    return {f"ZHENXUE_{item.name.upper()}": str(getattr(settings, item.name)) for item in fields(Settings)}
