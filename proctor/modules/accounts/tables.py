"""Institutions, people and their login sessions."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from proctor.modules.schema import Key, Ms, metadata

institutions = Table(
    "institutions",
    metadata,
    Column("id", Key, primary_key=True),
    Column("name", String(200), nullable=False),
    Column("zone", String(64), nullable=False, default="Asia/Shanghai"),
    Column("policy", String(4000), nullable=False, default="{}"),  # JSON: values that replace the defaults
    Column("host_key_hash", LargeBinary(32)),  # SHA-256 of the key of this institution's WebView host
    Column("created_ms", Ms, nullable=False),
)

# `role`: learner, reviewer, administrator. Personal fields are sealed by the vault (field names in comments).
accounts = Table(
    "accounts",
    metadata,
    Column("id", Key, primary_key=True),
    Column("institution_id", Key, ForeignKey("institutions.id"), nullable=False),
    Column("login", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("name_sealed", LargeBinary, nullable=False),  # account.name
    Column("id_number_sealed", LargeBinary),  # account.id_number
    Column("id_number_index", LargeBinary(32)),
    Column("phone_sealed", LargeBinary),  # account.phone
    Column("phone_index", LargeBinary(32)),
    Column("password_hash", String(200), nullable=False),
    Column("version", Integer, nullable=False, default=1),  # grows when password, role or status change
    Column("status", String(16), nullable=False, default="active"),  # active, blocked
    Column("failed_tries", Integer, nullable=False, default=0),
    Column("locked_until_ms", Ms, nullable=False, default=0),
    Column("created_ms", Ms, nullable=False),
    Index(None, "institution_id", "role"),
    Index(None, "id_number_index"),
)

login_sessions = Table(
    "login_sessions",
    metadata,
    Column("id", String(64), primary_key=True),  # SHA-256 hex of the cookie's value
    Column("account_id", Key, ForeignKey("accounts.id"), nullable=False),
    Column("account_version", Integer, nullable=False),
    Column("device_id", String(32), nullable=False),
    Column("device_kind", String(16), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_ms", Ms, nullable=False),
    Column("seen_ms", Ms, nullable=False),
    Column("expires_ms", Ms, nullable=False),
    Column("ended_ms", Ms),
    Index(None, "account_id"),
)
