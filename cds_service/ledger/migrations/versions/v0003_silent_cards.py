"""A row for each card that was due, whether it was shown, silent by the protocol, or had no room.

Every row of before is of a card that was shown. Going down deletes the others: an older release
takes each row for one that a clinician saw.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

_card = sa.table("card", sa.column("place", sa.String()))


def upgrade() -> None:
    """One column."""
    place = sa.Column("place", sa.String(10), nullable=False, server_default="shown")
    op.add_column("card", place)


def downgrade() -> None:
    """Without the rows that were never shown, and without the column."""
    op.execute(sa.delete(_card).where(_card.c.place != "shown"))
    op.drop_column("card", "place")
