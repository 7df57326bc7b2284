"""Does a bit of everything with a PostgreSQL server by asyncpg, which speaks the protocol itself; usage and log as of
postgresql_client.py."""
import asyncio
import json
import sys

import asyncpg

port, log_path = int(sys.argv[1]), sys.argv[2]
log = open(log_path, "w", encoding="utf-8")


def note(summary, error=None):
    log.write(json.dumps({"summary": summary, "error": error}) + "\n")


async def plain(connection):
    """Without parameters the simple protocol, with them a statement that is prepared once."""
    await connection.execute("CREATE TABLE songs (id int PRIMARY KEY, title text)")
    note("CREATE TABLE songs")
    for i in range(20):
        await connection.execute("INSERT INTO songs VALUES ($1, $2)", i, "SECRET-WORD")
        if i == 0:
            note("PREPARE INSERT songs")
        note("INSERT songs")
    assert len(await connection.fetch("SELECT title FROM songs WHERE title = $1", "SECRET-WORD")) == 20
    note("PREPARE SELECT songs")
    note("SELECT songs")
    await connection.executemany("INSERT INTO songs VALUES ($1, $2)", [(i, "SECRET-WORD") for i in range(100, 130)])
    for _ in range(30):
        note("INSERT songs")


async def failing(connection):
    for sql, summary, code in (("SELEC 'SECRET-WORD'", "", "42601"), ("INSERT INTO songs VALUES (1, 'SECRET-WORD')", "INSERT songs", "23505"),
                               ("SELECT * FROM nowhere", "SELECT nowhere", "42P01")):
        try:
            await connection.execute(sql)
        except asyncpg.PostgresError as error:
            assert error.sqlstate == code, error
            note(summary, code)


async def in_transaction(connection):
    async with connection.transaction():
        note("BEGIN")
        rows = 0
        async for _ in connection.cursor("SELECT id FROM songs WHERE id >= $1", 0, prefetch=20):
            rows += 1
        assert rows == 50
        note("PREPARE SELECT songs")
        for _ in range(3):  # twenty rows at a time, and the end
            note("SELECT songs")
    note("COMMIT")


async def cancelled(connection):
    try:
        await connection.execute("SELECT pg_sleep(60)", timeout=0.2)
    except asyncio.TimeoutError:
        note("SELECT", "57014")


async def main():
    connection = await asyncpg.connect(host="127.0.0.1", port=port, user="bob", database="postgres", ssl=False)
    for act in (plain, failing, in_transaction, cancelled):
        await act(connection)
    await connection.close()


asyncio.run(main())
log.close()
