"""doit's record of what was done, kept so that a kill at any moment loses nothing that was finished.

doit 0.37 writes its records only at the end of a run (runner.py, ``finish``): SIGTERM and SIGKILL would lose
every finished task. Here each task's record is committed as soon as it is complete.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from doit.dependency import SqliteDB

# The last key that doit writes for a successful task (dependency.py, ``save_success``).
_LAST_KEY = "deps:"


class CrashSafeDB(SqliteDB):  # type: ignore[misc]  # doit has no type hints
    """doit's SQLite backend, committed after each task and readable by a second process meanwhile."""

    _dirty: set[str]

    desc = "SQLite, committed after each task"

    def _sqlite3(self, name: str) -> Any:
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        connection = super()._sqlite3(name)
        # Write-ahead logging: a commit needs no fsync, and survives the death of the process.
        connection.execute("pragma journal_mode=wal")
        connection.execute("pragma synchronous=normal")
        return connection

    def set(self, task_id: str, dependency: str, value: Any) -> None:
        """Store a value; with the last one of a task, commit them all."""
        super().set(task_id, dependency, value)
        if dependency == _LAST_KEY:
            self.flush()

    def remove(self, task_id: str) -> None:
        """Forget a task, at once."""
        super().remove(task_id)
        self._conn.commit()

    def flush(self) -> None:
        """Write what was set."""
        for task_id in self._dirty:
            row = (task_id, self.codec.encode(self._cache[task_id]))
            self._conn.execute("insert or replace into doit values (?,?)", row)
        self._conn.commit()
        self._dirty = set()
