"""Write the rows written to PostgreSQL's tables so far, as JSON, by a driver that the app has.

WHICHWORKER_DATABASES has the databases, WHICHWORKER_COUNTERS names the file. Without a driver or a
connection there is no file.
"""

import asyncio
import importlib
import json
import os
from typing import Any

QUERY = """
SELECT schemaname || '.' || relname, n_tup_ins + n_tup_upd + n_tup_del
FROM pg_stat_user_tables
"""
SECONDS = 5


def words_of(one: Any, database: str) -> Any:
    """The arguments of a connection; libpq's variables stand for the rest."""
    found = {
        "host": one["host"],
        "port": int(one["port"] or 0) or None,
        "user": one["user"],
        "password": one["password"],
        database: one["name"],
    }
    return {name: value for name, value in found.items() if value}


def by_psycopg(one: Any) -> Any:
    psycopg = importlib.import_module("psycopg")
    with psycopg.connect(connect_timeout=SECONDS, **words_of(one, "dbname")) as connection:
        return connection.execute(QUERY).fetchall()


def by_psycopg2(one: Any) -> Any:
    psycopg2 = importlib.import_module("psycopg2")
    connection = psycopg2.connect(connect_timeout=SECONDS, **words_of(one, "dbname"))
    try:
        with connection.cursor() as cursor:
            cursor.execute(QUERY)
            return cursor.fetchall()
    finally:
        connection.close()


def by_asyncpg(one: Any) -> Any:
    asyncpg = importlib.import_module("asyncpg")

    async def ask() -> Any:
        connection = await asyncpg.connect(timeout=SECONDS, **words_of(one, "database"))
        try:
            return [tuple(row) for row in await connection.fetch(QUERY)]
        finally:
            await connection.close()

    return asyncio.run(ask())


def by_pg8000(one: Any) -> Any:
    connection = importlib.import_module("pg8000.dbapi").connect(
        timeout=SECONDS, **words_of(one, "database")
    )
    try:
        cursor = connection.cursor()
        cursor.execute(QUERY)
        return cursor.fetchall()
    finally:
        connection.close()


def rows_of(one: Any) -> Any:
    for ask in (by_psycopg, by_psycopg2, by_asyncpg, by_pg8000):
        try:
            return ask(one)
        except ImportError:
            continue
    raise SystemExit("no driver")


def main() -> None:
    told: Any = {}
    for one in json.loads(os.environ["WHICHWORKER_DATABASES"]):
        for name, count in rows_of(one):
            told[name] = told.get(name, 0) + int(count)
    with open(os.environ["WHICHWORKER_COUNTERS"], "w", encoding="utf-8") as file:
        json.dump(told, file)


if __name__ == "__main__":
    main()
