"""whose face: phones, the way by code, the story of an enrolment, accounts that look alike"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

KEY = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
MS = sa.BigInteger


def upgrade() -> None:
    _phones()
    _code_way()
    _enrolment_history()
    _duplicate_flags()
    _bursts()
    _consents()
    _minors()
    _erasing()
    _duties()


def _phones() -> None:
    with op.batch_alter_table("accounts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("phone_sealed", sa.LargeBinary(), nullable=True))
        batch_op.add_column(sa.Column("phone_index", sa.LargeBinary(length=32), nullable=True))


def _code_way() -> None:
    op.create_table(
        "check_codes",
        sa.Column("check_id", sa.String(length=32), nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=False),
        sa.Column("sends", sa.Integer(), nullable=False),
        sa.Column("wrong", sa.Integer(), nullable=False),
        sa.Column("sent_ms", MS(), nullable=False),
        sa.Column("expires_ms", MS(), nullable=False),
        sa.Column("used_ms", MS(), nullable=True),
        sa.PrimaryKeyConstraint("check_id", name=op.f("pk_check_codes")),
    )
    op.create_table(
        "texts",
        sa.Column("id", KEY, nullable=False),
        sa.Column("institution_id", KEY, nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("check_id", sa.String(length=32), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("at_ms", MS(), nullable=False),
        _foreign("texts", "institution_id", "institutions"),
        _foreign("texts", "learner_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_texts")),
    )
    op.create_index(op.f("ix_texts_institution_id_texts_at_ms"), "texts", ["institution_id", "at_ms"])
    op.create_index(op.f("ix_texts_learner_id_texts_at_ms"), "texts", ["learner_id", "at_ms"])
    op.create_table(
        "lesson_questions",
        sa.Column("id", KEY, nullable=False),
        sa.Column("lesson_id", KEY, nullable=False),
        sa.Column("question", sa.String(length=200), nullable=False),
        sa.Column("choices", sa.Text(), nullable=False),
        sa.Column("answer", sa.Integer(), nullable=False),
        sa.Column("created_ms", MS(), nullable=False),
        _foreign("lesson_questions", "lesson_id", "lessons"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_lesson_questions")),
    )
    op.create_index(op.f("ix_lesson_questions_lesson_id"), "lesson_questions", ["lesson_id"])


def _enrolment_history() -> None:
    op.create_table(
        "enrolment_history",
        sa.Column("id", KEY, nullable=False),
        sa.Column("institution_id", KEY, nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("evidence_id", sa.String(length=64), nullable=False),
        sa.Column("template_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("quality", sa.String(length=1000), nullable=False),
        sa.Column("problem", sa.String(length=32), nullable=False),
        sa.Column("authority", sa.String(length=12), nullable=False),
        sa.Column("authority_name", sa.String(length=64), nullable=False),
        sa.Column("submitted_by", KEY, nullable=False),
        sa.Column("submitted_ms", MS(), nullable=False),
        sa.Column("taken_ms", MS(), nullable=False),
        sa.Column("decided_by", KEY, nullable=False),
        sa.Column("decided_ms", MS(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("ended_ms", MS(), nullable=True),
        _foreign("enrolment_history", "institution_id", "institutions"),
        _foreign("enrolment_history", "learner_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_enrolment_history")),
    )
    for name, columns in (
        ("queue", ["institution_id", "state", "submitted_ms"]), ("learner", ["learner_id", "id"]),
        ("desk", ["state", "taken_ms"]),
    ):  # fmt: skip
        op.create_index(op.f(f"ix_enrolment_history_{name}"), "enrolment_history", columns)


def _duplicate_flags() -> None:
    op.create_table(
        "duplicate_flags",
        sa.Column("id", KEY, nullable=False),
        sa.Column("institution_id", KEY, nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("other_id", KEY, nullable=False),
        sa.Column("score", sa.Float(), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("opened_ms", MS(), nullable=False),
        sa.Column("decided_by", KEY, nullable=False),
        sa.Column("decided_ms", MS(), nullable=True),
        sa.Column("reason", sa.String(length=500), nullable=False),
        _foreign("duplicate_flags", "institution_id", "institutions"),
        _foreign("duplicate_flags", "learner_id", "accounts"),
        _foreign("duplicate_flags", "other_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duplicate_flags")),
        sa.UniqueConstraint("learner_id", "other_id", name=op.f("uq_duplicate_flags_learner_id_other_id")),
    )
    op.create_index(op.f("ix_duplicate_flags_queue"), "duplicate_flags", ["institution_id", "state"])


def _bursts() -> None:
    with op.batch_alter_table("checks", schema=None) as batch_op:
        batch_op.add_column(sa.Column("way", sa.String(length=8), nullable=False, server_default="routine"))
    with op.batch_alter_table("bursts", schema=None) as batch_op:
        batch_op.add_column(sa.Column("way", sa.String(length=8), nullable=False, server_default="routine"))
        batch_op.add_column(sa.Column("cues", sa.String(length=200), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("precision", sa.String(length=8), nullable=False, server_default=""))
        batch_op.add_column(sa.Column("active_next", sa.Boolean(), nullable=False, server_default=sa.false()))
        batch_op.add_column(sa.Column("version", sa.String(length=48), nullable=False, server_default=""))
    op.create_index(op.f("ix_evidence_check_id"), "evidence", ["check_id"])
    op.create_table(
        "face_traces",
        sa.Column("id", KEY, nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("check_id", sa.String(length=32), nullable=False),
        sa.Column("try_number", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=64), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.Column("at_ms", MS(), nullable=False),
        _foreign("face_traces", "learner_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_traces")),
        sa.UniqueConstraint("check_id", "try_number", name=op.f("uq_face_traces_check_id_try_number")),
    )
    op.create_index(op.f("ix_face_traces_learner_id_face_traces_id"), "face_traces", ["learner_id", "id"])
    op.create_index(op.f("ix_face_traces_at_ms"), "face_traces", ["at_ms"])


def _consents() -> None:
    with op.batch_alter_table("consents", schema=None) as batch_op:
        batch_op.add_column(sa.Column("guardian_id", KEY, nullable=True))
    op.create_table(
        "notices",
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("version", sa.String(length=32), nullable=False),
        sa.Column("lang", sa.String(length=8), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("first_ms", MS(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", name=op.f("pk_notices")),
    )


def _minors() -> None:
    op.create_table(
        "guardians",
        sa.Column("id", KEY, nullable=False),
        sa.Column("institution_id", KEY, nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("name_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("phone_sealed", sa.LargeBinary(), nullable=False),
        sa.Column("phone_index", sa.LargeBinary(length=32), nullable=False),
        sa.Column("relation", sa.String(length=16), nullable=False),
        sa.Column("notice_version", sa.String(length=32), nullable=False),
        sa.Column("notice_sha256", sa.String(length=64), nullable=False),
        sa.Column("province_sha256", sa.String(length=64), nullable=False),
        sa.Column("province", sa.Boolean(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("asked_ms", MS(), nullable=False),
        sa.Column("code_hash", sa.LargeBinary(length=32), nullable=True),
        sa.Column("code_expires_ms", MS(), nullable=False),
        sa.Column("code_sends", sa.Integer(), nullable=False),
        sa.Column("code_wrong", sa.Integer(), nullable=False),
        sa.Column("decided_ms", MS(), nullable=True),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_note", sa.String(length=500), nullable=False),
        _foreign("guardians", "institution_id", "institutions"),
        _foreign("guardians", "learner_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_guardians")),
    )
    op.create_index(
        op.f("ix_guardians_institution_id_guardians_state_guardians_asked_ms"), "guardians",
        ["institution_id", "state", "asked_ms"],
    )  # fmt: skip
    op.create_index(op.f("ix_guardians_learner_id_guardians_id"), "guardians", ["learner_id", "id"])
    op.create_index(
        op.f("ix_guardians_phone_index_guardians_asked_ms"), "guardians", ["phone_index", "asked_ms"]
    )
    op.create_table(
        "face_access",
        sa.Column("id", KEY, nullable=False),
        sa.Column("institution_id", KEY, nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("asked_by", KEY, nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("asked_ms", MS(), nullable=False),
        sa.Column("state", sa.String(length=12), nullable=False),
        sa.Column("decided_by", KEY, nullable=True),
        sa.Column("decided_ms", MS(), nullable=True),
        sa.Column("until_ms", MS(), nullable=False),
        _foreign("face_access", "institution_id", "institutions"),
        _foreign("face_access", "learner_id", "accounts"),
        _foreign("face_access", "asked_by", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_access")),
    )
    op.create_index("ix_face_access_institution", "face_access", ["institution_id", "state", "asked_ms"])
    op.create_index("ix_face_access_learner", "face_access", ["learner_id", "asked_by", "state"])


def _erasing() -> None:
    """Every learner's pictures get a key of their own. What was sealed before, under one key for all, is forgotten:
    the timer deletes the files, and the next check enrols anew."""
    op.execute("DELETE FROM enrolments")
    op.execute("UPDATE evidence SET delete_after_ms = 0, held = false WHERE deleted_ms IS NULL")
    with op.batch_alter_table("evidence", schema=None) as batch_op:
        batch_op.add_column(sa.Column("deleted_why", sa.String(length=16), nullable=False, server_default=""))
        batch_op.create_index(
            batch_op.f("ix_evidence_learner_id_evidence_deleted_ms"), ["learner_id", "deleted_ms"]
        )
    op.create_table(
        "face_keys",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("kind", sa.String(length=16), nullable=False),
        sa.Column("key_sealed", sa.LargeBinary(), nullable=True),
        sa.Column("created_ms", MS(), nullable=False),
        sa.Column("erased_ms", MS(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_face_keys")),
    )
    op.create_index(op.f("ix_face_keys_learner_id_face_keys_kind"), "face_keys", ["learner_id", "kind"])
    op.create_table(
        "erasures",
        sa.Column("id", KEY, nullable=False),
        sa.Column("institution_id", KEY, nullable=False),
        sa.Column("learner_id", KEY, nullable=False),
        sa.Column("why", sa.String(length=16), nullable=False),
        sa.Column("asked_by", KEY, nullable=False),
        sa.Column("asked_ms", MS(), nullable=False),
        sa.Column("done_ms", MS(), nullable=True),
        sa.Column("certificate", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=True),
        _foreign("erasures", "institution_id", "institutions"),
        _foreign("erasures", "learner_id", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_erasures")),
    )
    for first, second in (("done_ms", "asked_ms"), ("learner_id", "id"), ("institution_id", "id")):
        op.create_index(op.f(f"ix_erasures_{first}_erasures_{second}"), "erasures", [first, second])


def _duties() -> None:
    op.create_table(
        "duties",
        sa.Column("id", KEY, nullable=False),
        sa.Column("institution_id", KEY, nullable=False),
        sa.Column("class_id", KEY, nullable=True),
        sa.Column("basis", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.String(length=500), nullable=False),
        sa.Column("from_ms", MS(), nullable=False),
        sa.Column("until_ms", MS(), nullable=False),
        sa.Column("created_by", KEY, nullable=False),
        sa.Column("ended_ms", MS(), nullable=True),
        sa.Column("ended_by", KEY, nullable=True),
        _foreign("duties", "institution_id", "institutions"),
        _foreign("duties", "class_id", "classes"),
        _foreign("duties", "created_by", "accounts"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_duties")),
    )
    op.create_index(op.f("ix_duties_institution_id_duties_until_ms"), "duties", ["institution_id", "until_ms"])
    op.create_table(
        "filings",
        sa.Column("id", KEY, nullable=False),
        sa.Column("level", sa.Integer(), nullable=False),
        sa.Column("persons", sa.Integer(), nullable=False),
        sa.Column("reached_ms", MS(), nullable=False),
        sa.Column("due_day", sa.String(length=10), nullable=False),
        sa.Column("cleared_ms", MS(), nullable=True),
        sa.Column("filed_ms", MS(), nullable=True),
        sa.Column("filed_by", KEY, nullable=True),
        sa.Column("reference", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_filings")),
    )
    op.create_index(op.f("ix_filings_level_filings_cleared_ms"), "filings", ["level", "cleared_ms"])


def _foreign(table: str, column: str, to: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{to}.id"], name=op.f(f"fk_{table}_{column}_{to}"))
