import os
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from sqlalchemy import text

from cds_service.errors import NotStored
from cds_service.ledger.database import Ledger


def test_a_new_database_is_created_and_ready(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    ledger.create()
    ledger.create()
    assert ledger.ready()
    ledger.close()


def test_sqlite_is_set_up_for_many_readers(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.engine.connect() as connection:
        assert connection.execute(text("PRAGMA journal_mode")).scalar() == "wal"
        assert connection.execute(text("PRAGMA busy_timeout")).scalar() == 1000
    ledger.close()


def test_sqlite_waits_for_the_disk_where_a_record_has_been_promised(tmp_path: Path) -> None:
    """A commit that is not promised is safe once the database lies in the file system's hands."""
    normal, full = 1, 2
    ledger = Ledger(f"sqlite:///{tmp_path}/ledger.sqlite")
    with ledger.durably() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == full
    with suppress(ZeroDivisionError), ledger.durably():
        raise ZeroDivisionError
    with ledger.engine.connect() as connection:
        assert connection.execute(text("PRAGMA synchronous")).scalar() == normal
    ledger.close()


def test_a_database_that_cannot_be_reached_is_not_ready(tmp_path: Path) -> None:
    ledger = Ledger(f"sqlite:///{tmp_path}/no/such/folder/ledger.sqlite")
    assert not ledger.ready()
    with pytest.raises(NotStored):
        ledger.create()
    ledger.close()


@pytest.mark.slow
def test_several_processes_may_create_it_at_once(tmp_path: Path) -> None:
    code = (
        "import sys; from cds_service.ledger.database import Ledger; Ledger(sys.argv[1]).create()"
    )
    url = f"sqlite:///{tmp_path}/ledger.sqlite"
    workers = [
        subprocess.Popen([sys.executable, "-c", code, url], env=os.environ) for _ in range(4)
    ]
    assert [worker.wait(30) for worker in workers] == [0] * 4
