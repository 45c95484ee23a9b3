"""A PostgreSQL of the tests' own: a cluster in a temporary folder, reached by a socket in it, gone at the end."""

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from toolyard_runtime.store.opening import SCHEMA
from toolyard_runtime.store.postgres_connect import Address
from toolyard_runtime.store.postgres_schema import make_current

TEMPLATE = "toolyard_template"
USER = "toolyard"
LOCKED = "locked"
"""A role that needs a password, which is `right`."""

SETTINGS = {"listen_addresses": "", "fsync": "off", "full_page_writes": "off", "max_connections": "60"}
TRUST = f"local all {LOCKED} scram-sha-256\nlocal all all trust\n"

EMPTY = """
    DO $$ DECLARE name text; BEGIN
        FOR name IN SELECT format('%I', tablename) FROM pg_tables WHERE schemaname = 'public'
            AND tablename NOT IN ('alembic_version', 'database_owner') LOOP
            EXECUTE 'DELETE FROM ' || name;
        END LOOP;
        FOR name IN SELECT format('%I', sequencename) FROM pg_sequences WHERE schemaname = 'public' LOOP
            EXECUTE 'ALTER SEQUENCE ' || name || ' RESTART';
        END LOOP;
    END $$
"""


class Cluster:
    """One server and its databases: new ones from a template of the current schema, and clean ones lent in turn."""

    def __init__(self, folder: Path, bin_folder: Path) -> None:
        self.folder = folder
        self._bin = bin_folder
        # PostgreSQL refuses to run as root: then it runs as the user its package has made.
        self._user = "postgres" if os.getuid() == 0 else None
        self._process: subprocess.Popen[bytes] | None = None
        self._made = 0
        self._clean: list[str] = []
        if self._user:
            shutil.chown(folder, self._user, self._user)
        self._run("initdb", "-D", "data", "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        (folder / "data/pg_hba.conf").write_text(TRUST)
        self.start()
        self.do(f"CREATE ROLE {USER} LOGIN", f"CREATE ROLE {LOCKED} LOGIN PASSWORD 'right'")
        # Of a language that sorts otherwise than bytes do: what is kept must not mind.
        self.do(
            f"CREATE DATABASE {TEMPLATE} OWNER {USER} TEMPLATE template0 ENCODING UTF8 "
            "LOCALE_PROVIDER icu ICU_LOCALE 'en' LOCALE 'C'"
        )
        make_current(Address(self.url(TEMPLATE)), SCHEMA)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._bin / program), *arguments],
            cwd=self.folder,
            check=True,
            timeout=60,
            capture_output=True,
            user=self._user,
            group=self._user,
        )

    def start(self) -> None:
        """Start the server and wait until it answers."""
        settings = [text for name, value in SETTINGS.items() for text in ("-c", f"{name}={value}")]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [str(self._bin / "postgres"), "-D", "data", "-k", str(self.folder), *settings],
                cwd=self.folder,
                stdout=log,
                stderr=log,
                user=self._user,
                group=self._user,
            )
        until = time.monotonic() + 30
        while True:
            try:
                return self.do("SELECT 1")
            except psycopg.OperationalError:
                if time.monotonic() > until or self._process.poll() is not None:
                    pytest.fail(f"PostgreSQL does not start: {(self.folder / 'log').read_text()[-2000:]}")
                time.sleep(0.02)

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT cuts its clients off, SIGQUIT is a crash."""
        if self._process is None:
            return
        self._process.send_signal(how)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(10)
        self._process = None

    def url(self, database: str, user: str = USER) -> str:
        """Return how a database is named in toolyard.toml."""
        return f"postgresql://{user}@/{database}?host={quote(str(self.folder), safe='')}"

    def connect(self, database: str = "postgres") -> psycopg.Connection[tuple[object, ...]]:
        """Connect as the superuser, beside whatever is tested."""
        return psycopg.connect(self.url(database, "postgres"), autocommit=True)

    def do(self, *statements: str, database: str = "postgres") -> None:
        """Execute statements as the superuser."""
        with self.connect(database) as connection:
            for statement in statements:
                connection.execute(statement.encode())

    @contextmanager
    def database(self, template: str = TEMPLATE) -> Iterator[str]:
        """Make a database and give its URL; it is gone afterwards, whoever is still connected to it."""
        name = self._make(template)
        try:
            yield self.url(name)
        finally:
            self.do(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def lent(self) -> Iterator[str]:
        """Lend a database of the current schema without a row; who borrows it changes rows only: that is fast."""
        url = self._clean.pop() if self._clean else self.url(self._make(TEMPLATE))
        yield url
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(EMPTY)
        self._clean.append(url)

    def _make(self, template: str) -> str:
        self._made += 1
        name = f"test_{self._made}"
        with self.connect() as connection:
            names = map(sql.Identifier, (name, USER, template))
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {} TEMPLATE {}").format(*names))
        return name


def rows_of(url: str) -> Iterator[tuple[str, str]]:
    """Yield every row of every table as text, bytes in hexadecimal digits, with the table's name."""
    with psycopg.connect(url, autocommit=True) as connection:
        tables = connection.execute(
            "SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema()"
        ).fetchall()
        for (table,) in tables:
            query = sql.SQL("SELECT one::text FROM {} AS one").format(sql.Identifier(table))
            yield from ((table, row) for (row,) in connection.execute(query))
