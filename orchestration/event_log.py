"""Dagster's SQLite event log, for a refresh that runs in the process that asked for it.

Dagster opens, commits, syncs and closes a database for every event, some thousand times a refresh, which takes longer
than the models do. Here connections stay open, and the disk is waited for at checkpoints only: a machine that loses its
power may lose the last events of a run, never the database. A publication is synced by itself and doesn't depend on it.
The Dagster UI's own runs use Dagster's storage as it is, since the UI follows them by watching the files.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import dagster as dg
import sqlalchemy as sa
from dagster._core.instance.ref import InstanceRef
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.sqlite_storage import DagsterSqliteStorage

_BUSY_TIMEOUT_S = 30


class OpenEventLog(SqliteEventLogStorage):
    """The same databases and rows, through connections that stay open until the instance is disposed of."""

    def __init__(self, base_dir: str) -> None:
        self._engines: dict[str, sa.Engine] = {}
        super().__init__(base_dir)

    @contextmanager
    def _connect(self, shard: str) -> Iterator[sa.Connection]:
        with self._db_lock:
            engine = self._engine(shard)
            if shard not in self._initialized_dbs:
                self._initdb(engine)
                self._initialized_dbs.add(shard)
            with engine.connect() as connection, connection.begin():
                yield connection

    def _engine(self, shard: str) -> sa.Engine:
        if shard not in self._engines:
            engine = sa.create_engine(
                self.conn_string_for_shard(shard),
                poolclass=sa.QueuePool,
                pool_size=1,
                connect_args={"timeout": _BUSY_TIMEOUT_S, "check_same_thread": False},
            )
            sa.event.listen(engine, "connect", _sync_at_checkpoints)
            self._engines[shard] = engine
        return self._engines[shard]

    def dispose(self) -> None:
        """Close every connection, which writes what is left of the logs into the databases."""
        for engine in self._engines.values():
            engine.dispose()
        self._engines.clear()
        super().dispose()


class OpenStorage(DagsterSqliteStorage):
    """Dagster's local storage with the event log above."""

    def __init__(self, base_dir: str, inst_data: Any = None) -> None:
        super().__init__(base_dir, inst_data)
        self._event_log_storage = OpenEventLog(self._event_log_storage._base_dir)

    @classmethod
    def from_config_value(cls, inst_data: Any, config_value: Mapping[str, Any]) -> OpenStorage:
        return cls(config_value["base_dir"], inst_data)


def open_instance(folder: Path) -> dg.DagsterInstance:
    """The Dagster instance of `folder` for runs in this process; to be used as a context."""
    storage = {"module": __name__, "class": OpenStorage.__name__, "config": {"base_dir": str(folder)}}
    return dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(folder), overrides={"storage": {"custom": storage}}))


def _sync_at_checkpoints(connection: Any, _record: Any) -> None:
    connection.execute("pragma synchronous = normal")
