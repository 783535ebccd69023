"""The ledger's file, opened: durable, of our schema, of this chain, or refused in one line."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event, insert, inspect, select, text
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from bot.errors import ChainError, InvariantBroken, StorageError
from bot.ledger.lock import private_dir
from bot.ledger.schema import SCHEMA_VERSION, meta, metadata

BUSY_TIMEOUT_MS = 5_000
_PLAIN = "outside_transactions"
INTACT = "nothing was lost: everything recorded before is intact"


@dataclass(frozen=True, slots=True)
class ChainIdentity:
    """Which chain, and which vault on it, a ledger is about. Hashes and addresses compare without regard to case."""

    chain_id: int
    anchor: str  # hash of the block at which the vault was in place
    vault: str
    fork_block: int | None = None  # where a fork left its upstream

    def rows(self) -> dict[str, str]:
        """As it is kept in the ledger."""
        return {key: str(value).lower() for key, value in asdict(self).items()}


@contextmanager
def storage_errors(path: Path, doing: str) -> Iterator[None]:
    """Turns what SQLite says into StorageError naming the file, a broken rule of the schema into InvariantBroken."""
    try:
        yield
    except IntegrityError as error:
        raise InvariantBroken(f"{path}: {doing}: {error.orig}") from error
    except DBAPIError as error:
        raise StorageError(f"{path}: {doing}: {error.orig}; {INTACT}") from None
    except (SQLAlchemyError, OSError) as error:
        raise StorageError(f"{path}: {doing}: {str(error).splitlines()[0]}; {INTACT}") from None


@asynccontextmanager
async def engine_of(path: Path, read_only: bool) -> AsyncIterator[AsyncEngine]:
    """An engine of one connection: within a process every access to the ledger waits for the one before it.

    Writers fsync each commit (WAL, synchronous FULL) and take the write lock when they begin, so none finds out at its
    commit that it has to start again.
    """
    url = URL.create(
        "sqlite+aiosqlite",
        database=f"file:{_quoted(path)}",
        query={"uri": "true", "mode": "ro" if read_only else "rw"},
    )
    engine = create_async_engine(
        url,
        pool_size=1,
        max_overflow=0,
        pool_timeout=30,
        connect_args={"isolation_level": None, "timeout": BUSY_TIMEOUT_MS / 1_000},
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _pragmas(connection: Any, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        if not read_only:
            cursor.execute("PRAGMA synchronous=FULL")
        cursor.close()

    @event.listens_for(engine.sync_engine, "begin")
    def _begin(connection: Any) -> None:
        if not connection.get_execution_options().get(_PLAIN):
            connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    try:
        yield engine
    finally:
        await engine.dispose()


def make_file(path: Path) -> None:
    """An empty file for its owner alone, if there is none. A symbolic link that leads nowhere is refused."""
    private_dir(path.parent)
    if path.exists():
        return
    try:
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600))
    except OSError as error:
        raise StorageError(f"{path}: {error.strerror}") from None


async def prepare(engine: AsyncEngine, path: Path, identity: ChainIdentity | None, read_only: bool) -> None:
    """Checks the file, makes the tables of a new one, and compares the chain it is about.

    Raises StorageError (not a database, damaged, of another version), ChainError (of another chain).
    """
    with storage_errors(path, "cannot open the ledger"):
        async with engine.begin() as connection:
            await _sound(connection, path, read_only)
            tables = await connection.run_sync(lambda sync: set(inspect(sync).get_table_names()))
            if not tables and not read_only:
                await connection.run_sync(metadata.create_all)
                await connection.execute(insert(meta).values(key="schema", value=str(SCHEMA_VERSION)))
            elif "meta" not in tables:
                raise StorageError(f"{path}: is a database, but not a ledger of Patron")
            found = {str(row.key): str(row.value) for row in await connection.execute(select(meta))}
            _version(path, found)
            if identity is not None:
                await _identity(connection, path, identity, found, read_only)
        if not read_only:  # only now is it certain that the file is ours to change
            await _write_ahead(engine, path)


async def _write_ahead(engine: AsyncEngine, path: Path) -> None:
    """Readers then never wait for the writer, nor it for them. Outside of a transaction, as SQLite demands."""
    async with engine.connect() as connection:
        plain = await connection.execution_options(**{_PLAIN: True})
        mode = await plain.scalar(text("PRAGMA journal_mode=WAL"))
    if mode != "wal":
        raise StorageError(f"{path}: this file system allows no write-ahead log (journal mode is {mode!r})")


async def _sound(connection: AsyncConnection, path: Path, read_only: bool) -> None:
    if read_only:  # a look at a running daemon's books must not read every page of them
        return
    verdict = str(await connection.scalar(text("PRAGMA quick_check(1)")))
    if verdict != "ok":
        raise StorageError(f"{path}: the ledger is damaged: {' '.join(verdict.split())[:120]}")


def _version(path: Path, found: Mapping[str, str]) -> None:
    version = found.get("schema", "")
    if version != str(SCHEMA_VERSION):
        newer = version.isdigit() and int(version) > SCHEMA_VERSION
        advice = "a newer Patron wrote it: upgrade" if newer else "no upgrade from it is known"
        raise StorageError(
            f"{path}: its schema is {version or 'missing'}, this program's is {SCHEMA_VERSION}: {advice}"
        )


async def _identity(
    connection: AsyncConnection, path: Path, identity: ChainIdentity, found: Mapping[str, str], read_only: bool
) -> None:
    for key, present in identity.rows().items():
        recorded = found.get(f"chain.{key}")
        if recorded is None and not read_only:
            await connection.execute(insert(meta).values(key=f"chain.{key}", value=present))
        elif recorded != present:
            name = key.replace("_", " ")
            raise ChainError(f"{path}: is about another chain: {name} expected {recorded}, found {present}")


def _quoted(path: Path) -> str:
    """The path as SQLite's URI wants it: its own three special characters escaped."""
    return str(path.absolute()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
