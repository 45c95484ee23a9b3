"""The schema on PostgreSQL: what the packages say, migrated all or nothing; newer and foreign databases are refused."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any

import msgspec
import psycopg
import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from toolyard_memory.tables.passages import FULL_TEXT
from toolyard_runtime.store.errors import SchemaError
from toolyard_runtime.store.opening import open_database
from toolyard_runtime.store.schema import HISTORY, PACKAGES, SCRIPTS, Schema
from toolyard_runtime.store.tables import TENANT

from tests.store.cluster import Cluster
from tests.store.test_postgres import beside
from tests.store.test_schema import LATER, NEXT

COLUMNS = (
    "SELECT table_name, column_name, collation_name FROM information_schema.columns "
    "WHERE table_schema = 'public' AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C'"
)
TABLES = "SELECT table_name FROM information_schema.tables WHERE table_schema = 'public' ORDER BY 1"


@pytest.fixture
def url(cluster: Cluster) -> Iterator[str]:
    with cluster.database() as made:
        yield made


@pytest.fixture
def empty(cluster: Cluster) -> Iterator[str]:
    with cluster.database("template1") as made:
        yield made


@pytest.fixture
def with_next(tmp_path: Path) -> Schema:
    """A later version of Toolyard, one revision ahead."""
    scripts = tmp_path / "later"
    shutil.copytree(SCRIPTS, scripts, ignore=shutil.ignore_patterns("__pycache__"))
    (scripts / "versions" / f"{LATER}_next.py").write_text(dedent(NEXT))
    return Schema(history=(*HISTORY, LATER), scripts=scripts)


def stands_in_metadata(name: str | None, kind: str, parents: Any) -> bool:
    """Tell apart what only this database has: who owns it, and how it finds words."""
    of_passage = {"tokens", "ix_passage_tokens", "ix_passage_newest"}
    return name != "database_owner" and not (parents.get("table_name") == "passage" and name in of_passage)


def differences(url: str) -> list[Any]:
    wanted: Any = list(PACKAGES)  # alembic takes a list where its annotation says one
    engine = sa.create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url))
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"include_name": stands_in_metadata})
        found = compare_metadata(context, wanted)
    engine.dispose()
    return list(found)


async def test_an_empty_database_gets_the_tables_the_packages_say(empty: str) -> None:
    for _ in range(2):
        await (await open_database(empty)).close()
    assert await asyncio.to_thread(differences, empty) == []
    assert beside(empty, "SELECT version_num FROM alembic_version") == [(HISTORY[-1],)]


def test_small_indexes_are_as_small_as_on_sqlite(url: str) -> None:
    partial = {name for (name,) in beside(url, "SELECT indexname FROM pg_indexes WHERE indexdef LIKE '% WHERE %'")}
    indexes = [index for package in PACKAGES for table in package.sorted_tables for index in table.indexes]
    assert partial == {index.name for index in indexes if index.dialect_options["sqlite"]["where"] is not None}


def test_the_full_text_index_is_there(url: str) -> None:
    assert FULL_TEXT["postgresql"]
    (row,) = beside(url, "SELECT indexdef FROM pg_indexes WHERE indexname = 'ix_passage_tokens'")
    assert "USING gin (tokens)" in row[0]


def test_every_text_is_compared_byte_by_byte(url: str) -> None:
    assert [name for table, name, _ in beside(url, COLUMNS) if table != "database_owner"] == []


async def test_an_older_database_is_migrated_with_what_it_holds(url: str, with_next: Schema) -> None:
    beside(url, "INSERT INTO tenant VALUES ('acme', 1, NULL)")
    await (await open_database(url, with_next)).close()
    assert beside(url, "SELECT * FROM tenant") == [("acme", 1, None, "blue")]
    assert ("crayon",) in beside(url, TABLES)
    assert [name for table, name, _ in beside(url, COLUMNS) if table != "database_owner"] == []


async def test_a_migration_that_fails_changes_nothing(url: str, with_next: Schema) -> None:
    await (await open_database(url)).close()
    before = beside(url, TABLES)
    script = with_next.scripts / "versions" / f"{LATER}_next.py"
    script.write_text(script.read_text() + '    op.execute("INSERT INTO nowhere VALUES (1)")\n')
    with pytest.raises(SchemaError, match=r"nothing was changed.*nowhere"):
        await open_database(url, with_next)
    assert beside(url, TABLES) == before
    await (await open_database(url)).close()


async def test_a_newer_database_is_refused_and_left_alone(url: str, with_next: Schema) -> None:
    await (await open_database(url, with_next)).close()
    with pytest.raises(SchemaError, match=f"revision {LATER}, this version of Toolyard knows up to {HISTORY[-1]}"):
        await open_database(url)
    assert ("crayon",) in beside(url, TABLES)


async def test_somebody_elses_database_is_refused_and_left_alone(empty: str) -> None:
    beside(empty, "CREATE TABLE bookmarks (url TEXT)")
    with pytest.raises(SchemaError, match="they are not Toolyard's: name another database, or a schema of its own"):
        await open_database(empty)
    assert beside(empty, TABLES) == [("bookmarks",)]
    beside(empty, "CREATE SCHEMA own")
    await (await open_database(f"{empty}&options=-csearch_path%3Down")).close()


async def test_a_schema_that_is_not_there_is_named(empty: str) -> None:
    with pytest.raises(SchemaError, match="CREATE SCHEMA makes it"):
        await open_database(f"{empty}&options=-csearch_path%3Dnowhere")


async def test_after_a_refusal_the_database_is_free_for_the_right_version(url: str, with_next: Schema) -> None:
    wrong = msgspec.structs.replace(with_next, history=("0000",))
    with pytest.raises(SchemaError):
        await open_database(url, wrong)
    await (await open_database(url)).close()


async def test_tables_of_a_plugin_are_made_once_all_or_none(url: str) -> None:
    database = await open_database(url)
    good, bad = sa.MetaData(), sa.MetaData()
    sa.Table("note", good, sa.Column("id", sa.Text, primary_key=True), sa.Column("of", sa.Text, index=True))
    for _ in range(2):
        await database.add_tables(good)
    sa.Table("fine", bad, sa.Column("id", sa.Text, primary_key=True))
    sa.Table("unfit", bad, sa.Column("id", sa.Text, sa.Computed("nonsense(")))
    with pytest.raises(psycopg.Error, match="syntax error"):
        await database.add_tables(bad)
    tables = [name for (name,) in beside(url, TABLES)]
    assert "note" in tables
    assert not {"fine", "unfit"} & set(tables)
    assert not [name for table, name, _ in beside(url, COLUMNS) if table == "note"]
    await database.commit(database.begin())
    assert await database.read(sa.select(TENANT)) == []
    await database.close()
