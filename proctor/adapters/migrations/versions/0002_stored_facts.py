"""seats count the facts of their session, instead of decided checks alone"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    with op.batch_alter_table("seats", schema=None) as batch_op:
        batch_op.add_column(sa.Column("stored_facts", sa.Integer(), nullable=False, server_default="0"))
        batch_op.drop_column("decided_number")
