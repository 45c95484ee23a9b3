"""The schema: fresh and migrated are one, older is migrated after a copy, newer and foreign are refused."""

import asyncio
import io
import re
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.operations import Operations
from alembic.script import ScriptDirectory
from toolyard_runtime.store.errors import SchemaError
from toolyard_runtime.store.opening import open_sqlite
from toolyard_runtime.store.schema import HISTORY, PACKAGES, SCRIPTS, Schema
from toolyard_runtime.store.sqlite_schema import create, migrate, statements_of

LATER = f"{int(HISTORY[-1]) + 1:04}"
"""The revision after the newest there is."""

NEXT = f"""
    from alembic import op
    import sqlalchemy as sa

    revision = "{LATER}"
    down_revision = "{HISTORY[-1]}"
    branch_labels = None
    depends_on = None

    def upgrade() -> None:
        op.add_column("tenant", sa.Column("colour", sa.Text, nullable=False, server_default="blue"))
        op.create_table("crayon", sa.Column("id", sa.Text, primary_key=True))
"""


def described(path: Path) -> dict[str, str]:
    """Return the SQL of every table and index, white space apart."""
    connection = sqlite3.connect(path)
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    connection.close()
    return {name: re.sub(r"\s*([(),])\s*", r"\1", " ".join(sql.split())) for name, sql in rows}


def migrated(path: Path, schema: Schema = Schema()) -> Path:  # noqa: B008 - a frozen record
    sqlite3.connect(path).close()
    migrate(path, schema, path)
    return path


def migrate_offline(script: io.StringIO) -> None:
    """Write the SQL that all migrations would run on Postgres."""
    context = MigrationContext.configure(dialect_name="postgresql", opts={"as_sql": True, "output_buffer": script})
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    revisions = [*ScriptDirectory.from_config(config).walk_revisions()][::-1]
    context._ensure_version_table()
    with Operations.context(context):
        for revision in revisions:
            revision.module.upgrade()


def stands_in_metadata(name: str | None, kind: str, _parents: Any) -> bool:
    """Tell apart what SQLAlchemy has no words for: the full-text index, which `described` compares."""
    return kind != "table" or not (name or "").startswith("passage_text")


def fresh(path: Path) -> Path:
    connection = sqlite3.connect(path, isolation_level=None)
    create(connection, Schema())
    connection.close()
    return path


@pytest.fixture
def with_next(tmp_path: Path) -> Schema:
    """A later version of Toolyard, one revision ahead."""
    scripts = tmp_path / "later"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / f"{LATER}_next.py").write_text(dedent(NEXT))
    return Schema(history=(*HISTORY, LATER), scripts=scripts)


def test_a_fresh_database_is_the_same_as_a_migrated_one(tmp_path: Path) -> None:
    assert described(fresh(tmp_path / "fresh.db")) == described(migrated(tmp_path / "migrated.db"))


def test_the_migrated_schema_is_what_the_packages_tables_say(tmp_path: Path) -> None:
    wanted: Any = list(PACKAGES)  # alembic takes a list where its annotation says one
    engine = sa.create_engine(f"sqlite:///{migrated(tmp_path / 'migrated.db')}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": stands_in_metadata})
        differences = compare_metadata(context, wanted)
    engine.dispose()
    assert differences == []


def test_the_history_known_by_heart_is_the_one_in_the_scripts() -> None:
    config = Config()
    config.set_main_option("script_location", str(SCRIPTS))
    revisions = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]
    assert tuple(reversed(revisions)) == HISTORY


def test_every_table_keeps_integers_text_and_bytes_only() -> None:
    kinds = {type(column.type) for package in PACKAGES for table in package.tables.values() for column in table.columns}
    assert kinds <= {sa.Text, sa.BigInteger, sa.LargeBinary}


def test_no_two_packages_have_a_table_of_the_same_name() -> None:
    names = [table for package in PACKAGES for table in package.tables]
    assert len(names) == len(set(names))


def test_postgres_can_have_the_same_tables_and_partial_indexes() -> None:
    script = io.StringIO()
    migrate_offline(script)
    sql = script.getvalue()
    assert "WITHOUT" not in sql
    assert sql.count("CREATE TABLE") == sum(len(package.tables) for package in PACKAGES) + 1
    for package in PACKAGES:
        for table in package.sorted_tables:
            for index in table.indexes:
                (line,) = re.findall(rf"CREATE (?:UNIQUE )?INDEX {index.name} .*;", sql)
                assert (" WHERE " in line) == (index.dialect_options["sqlite"]["where"] is not None)


def test_importing_the_tables_does_not_import_a_dialect_that_is_not_used() -> None:
    program = "import sys, toolyard_runtime.store.opening; assert 'sqlalchemy.dialects.postgresql' not in sys.modules"
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_opening_a_fresh_or_current_database_does_not_import_alembic(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from toolyard_runtime.store.opening import open_database\n"
        "async def main():\n"
        "    for _ in range(2):\n"
        "        await (await open_database(sys.argv[1])).close()\n"
        "asyncio.run(main())\n"
        "assert 'alembic' not in sys.modules and 'mako' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", program, f"sqlite:///{tmp_path}/data.db"], check=True, timeout=60)


async def test_an_older_database_is_copied_aside_and_migrated_with_what_it_holds(file: Path, with_next: Schema) -> None:
    database = await open_sqlite(file)
    database.connection.execute("INSERT INTO tenant VALUES ('acme', 1, NULL)")
    await database.close()
    old = described(file)

    database = await open_sqlite(file, with_next)
    rows = database.connection.execute("SELECT * FROM tenant").fetchall()
    await database.close()

    assert rows == [("acme", 1, None, "blue")]
    assert "crayon" in described(file)
    copy = file.with_name(f"data.db.before-{LATER}.bak")
    assert described(copy) == old
    assert copy.stat().st_mode & 0o777 == 0o600
    kept = sqlite3.connect(copy)
    assert kept.execute("SELECT id FROM tenant").fetchall() == [("acme",)]
    kept.close()


async def test_a_migration_that_fails_changes_nothing_and_names_the_copy(file: Path, with_next: Schema) -> None:
    await (await open_sqlite(file)).close()
    old = described(file)
    script = with_next.scripts / "versions" / f"{LATER}_next.py"
    script.write_text(script.read_text() + '    op.execute("INSERT INTO nowhere VALUES (1)")\n')
    for name in (f"data.db.before-{LATER}.bak", f"data.db.before-{LATER}-2.bak"):
        with pytest.raises(SchemaError, match=f"nothing was changed.*{name}"):
            await open_sqlite(file, with_next)
        assert described(file) == old
    await (await open_sqlite(file)).close()


async def test_a_newer_database_is_refused_and_left_alone(file: Path, with_next: Schema) -> None:
    await (await open_sqlite(file)).close()
    await (await open_sqlite(file, with_next)).close()
    newer = described(file)
    with pytest.raises(SchemaError, match=f"revision {LATER}, this version of Toolyard knows up to {HISTORY[-1]}"):
        await open_sqlite(file)
    assert described(file) == newer


async def test_somebody_elses_database_is_refused_and_left_alone(file: Path) -> None:
    foreign = sqlite3.connect(file)
    foreign.execute("CREATE TABLE bookmarks (url TEXT)")
    foreign.commit()
    foreign.close()
    before = await asyncio.to_thread(file.read_bytes)
    with pytest.raises(SchemaError, match="not one of Toolyard's"):
        await open_sqlite(file)
    assert await asyncio.to_thread(file.read_bytes) == before


async def test_after_a_refusal_the_database_is_free_for_the_right_version(file: Path, with_next: Schema) -> None:
    await (await open_sqlite(file)).close()
    wrong = msgspec.structs.replace(with_next, history=("0000",))
    with pytest.raises(SchemaError):
        await open_sqlite(file, wrong)
    await (await open_sqlite(file)).close()


def test_all_tables_are_created_once_each() -> None:
    created = [line for line in statements_of(PACKAGES) if "CREATE TABLE" in line]
    assert len(created) == sum(len(package.tables) for package in PACKAGES)
