"""A patient belongs to a client; each call names the codes and the time zone it was read by.

The hash of a patient becomes a hash of client and hash: a patient id that two hospitals use no
longer meets, and the key is not needed for it. Going down keeps the new hashes, since a hash has no
way back: the older release knows none of them and shows the overridden cards of a day in full.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op

from cds_service.ledger.schema import of_client

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_BATCH = 5_000

_call = sa.table(
    "call",
    sa.column("id", sa.String()),
    sa.column("client", sa.String()),
    sa.column("patient", sa.String()),
)
_REHASH = (
    sa.update(_call)
    .where(_call.c.id == sa.bindparam("of_call"))
    .values(patient=sa.bindparam("of_patient"))
)


def upgrade() -> None:
    """Three columns, which say nothing of the rows before; every patient's hash anew."""
    op.add_column("probe", sa.Column("filler", sa.Text(), nullable=False, server_default=""))
    for name, longest in (("concepts_hash", 64), ("time_zone", 100)):
        op.add_column(
            "call", sa.Column(name, sa.String(longest), nullable=False, server_default="")
        )
    connection = op.get_bind()
    last = ""
    while rows := connection.execute(_after(last)).all():
        connection.execute(
            _REHASH,
            [
                {"of_call": id_, "of_patient": of_client(client, patient)}
                for id_, client, patient in rows
            ],
        )
        last = rows[-1][0]


def downgrade() -> None:
    """Without the columns; the hashes stay."""
    op.drop_column("probe", "filler")
    op.drop_column("call", "time_zone")
    op.drop_column("call", "concepts_hash")


def _after(last: str) -> sa.Select[Any]:
    found = sa.select(_call.c.id, _call.c.client, _call.c.patient)
    return found.where(_call.c.id > last).order_by(_call.c.id).limit(_BATCH)
