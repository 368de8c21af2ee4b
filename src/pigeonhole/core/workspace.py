"""The workspace: where everything that a project makes is kept. Maps names to folders and databases, no more."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

from pigeonhole.core.database import Database
from pigeonhole.core.errors import UsageError
from pigeonhole.core.files import read_json, write_json
from pigeonhole.core.locks import exclusive

FOLDER = ".pigeonhole"
FORMAT_VERSION = 1
_ADVISORY = {"mlflow": 7041777, "optuna": 7041778}
_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_-]{0,62}")


class Workspace:
    """One `.pigeonhole/` folder with its records.

    Args:
        root: the folder itself; made, with its format version, if absent.

    Raises:
        UsageError: it was made by a later release, or is not a workspace.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self._database: Database | None = None
        self._open()

    @classmethod
    def find(cls, path: Workspace | str | Path | None = None) -> Workspace:
        """The workspace at `path`, else `PIGEONHOLE_WORKSPACE`, else the nearest one above, else a new one here."""
        if isinstance(path, Workspace):
            return path
        named = path or os.environ.get("PIGEONHOLE_WORKSPACE")
        if named:
            return cls(Path(named).expanduser())
        here = Path.cwd()
        for folder in (here, *here.parents):
            if (folder / FOLDER / "workspace.json").is_file():
                return cls(folder / FOLDER)
        return cls(here / FOLDER)

    def folder(self, room: str) -> Path:
        """The folder of one kind of artifact (`datasets`, `runs`, …); made if absent."""
        path = self.root / room
        path.mkdir(exist_ok=True)
        return path

    @property
    def database(self) -> Database:
        """The connection to our own records, opened on first use."""
        if self._database is None:
            self._database = Database(self.database_url)
        return self._database

    @property
    def database_url(self) -> str:
        """Where our own records are: a SQLite file, or the server that `PIGEONHOLE_DATABASE_URL` names."""
        return os.environ.get("PIGEONHOLE_DATABASE_URL") or f"sqlite:///{self.root / 'workspace.db'}"

    @property
    def mlflow_uri(self) -> str:
        """MLflow's store: its own SQLite file, or its own schema on the PostgreSQL server."""
        return self._store_uri("mlflow")

    @property
    def optuna_uri(self) -> str:
        """Optuna's store: its own SQLite file, or its own schema on the PostgreSQL server."""
        return self._store_uri("optuna")

    @contextlib.contextmanager
    def opening(self, store: str) -> Iterator[None]:
        """Lets one user of a store in at a time: two first ones at once would both make its tables.

        Args:
            store: `mlflow` or `optuna`.
        """
        with exclusive(self.root / f"{store}.lock", f"the store {store}.db", wait=True):
            if not self.database_url.startswith("postgres"):
                yield
                return
            # Workspaces on other machines may share the server, but not our lock file.
            self.database.execute("SELECT pg_advisory_lock(?)", (_ADVISORY[store],))
            try:
                yield
            finally:
                self.database.execute("SELECT pg_advisory_unlock(?)", (_ADVISORY[store],))

    def _store_uri(self, name: str) -> str:
        server = os.environ.get("PIGEONHOLE_DATABASE_URL")
        if not server:
            return f"sqlite:///{self.root / f'{name}.db'}"
        self.database.create_schema(name)
        scheme, rest = server.split("://", 1)
        joint = "&" if "?" in rest else "?"
        option = quote(f"-csearch_path={name}")
        driver = "postgresql+psycopg" if scheme in {"postgres", "postgresql"} else scheme
        return f"{driver}://{rest}{joint}options={option}"

    def _open(self) -> None:
        marker = self.root / "workspace.json"
        if marker.is_file():
            version = read_json(marker).get("format_version")
            if version != FORMAT_VERSION:
                raise UsageError(
                    f"the workspace {self.root} has format version {version}",
                    f"format version {FORMAT_VERSION}",
                    "use the pigeonhole release that made it, or a later one",
                )
            return
        if self.root.exists() and not self.root.is_dir():
            raise UsageError(
                f"the workspace {self.root} is a file",
                "a folder, or a name that is not taken",
                "choose another --workspace",
            )
        self.root.mkdir(parents=True, exist_ok=True)
        write_json(marker, {"format": "pigeonhole-workspace", "format_version": FORMAT_VERSION})
        # Workspaces hold data and models, never sources: one line keeps them out of every git repository.
        ignore = self.root / ".gitignore"
        if not ignore.exists():
            ignore.write_text("*\n", encoding="utf-8")


def check_name(name: str, what: str) -> str:
    """The name itself if it can be a folder, a registry key and a URL part at once.

    Raises:
        UsageError: it cannot.
    """
    if not _NAME.fullmatch(name):
        raise UsageError(
            f"the {what} name {name!r}",
            "1 to 63 letters, digits, '-' and '_', beginning with a letter",
            "choose another name",
        )
    return name
