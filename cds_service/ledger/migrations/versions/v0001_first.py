"""The ledger as the first release made it, without a version of its own."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def _needed(name: str, kind: Any) -> sa.Column[Any]:
    return sa.Column(name, kind, nullable=False)


def upgrade() -> None:
    """From an empty database."""
    op.create_table("probe", sa.Column("id", sa.Integer(), primary_key=True))
    op.create_table(
        "seen_token",
        sa.Column("id", sa.String(64), primary_key=True),
        _needed("expires", sa.DateTime()),
    )
    op.create_index("ix_seen_token_expires", "seen_token", ["expires"])
    op.create_table(
        "call",
        sa.Column("id", sa.String(36), primary_key=True),
        _needed("at", sa.DateTime()),
        _needed("client", sa.String(200)),
        _needed("user", sa.String(200)),
        _needed("hook", sa.String(20)),
        _needed("hook_instance", sa.String(200)),
        _needed("patient", sa.String(64)),
        _needed("protocol", sa.String(200)),
        _needed("protocol_hash", sa.String(64)),
        _needed("outcome", sa.String(20)),
        _needed("milliseconds", sa.Integer()),
        _needed("skipped", sa.Integer()),
        _needed("answers", sa.JSON()),
    )
    op.create_index("ix_call_at", "call", ["at"])
    op.create_index("ix_call_patient", "call", ["patient"])
    op.create_table(
        "card",
        sa.Column("uuid", sa.String(36), primary_key=True),
        sa.Column(
            "call", sa.String(36), sa.ForeignKey("call.id", ondelete="CASCADE"), nullable=False
        ),
        _needed("topic", sa.String(100)),
        _needed("indicator", sa.String(20)),
        _needed("suggestions", sa.JSON()),
        _needed("facts", sa.JSON()),
    )
    op.create_index("ix_card_call", "card", ["call"])
    _create_feedback()


def _create_feedback() -> None:
    op.create_table(
        "feedback",
        sa.Column("id", sa.String(64), primary_key=True),
        _needed("received", sa.DateTime()),
        _needed("client", sa.String(200)),
        _needed("service", sa.String(100)),
        _needed("card", sa.String(200)),
        _needed("outcome", sa.String(20)),
        _needed("outcome_at", sa.String(64)),
        _needed("suggestions", sa.JSON()),
        _needed("reason_code", sa.String(200)),
        _needed("reason_system", sa.String(500)),
        _needed("reason_display", sa.String(500)),
        _needed("comment", sa.Text()),
    )
    op.create_index("ix_feedback_card", "feedback", ["card"])
    op.create_index("feedback_reasons", "feedback", ["reason_code", "received"])


def downgrade() -> None:
    """There is nothing before it: the ledger would be gone."""
    raise NotImplementedError("the first version of the ledger has none before it")
