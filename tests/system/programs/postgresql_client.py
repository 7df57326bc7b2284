"""Does a bit of everything with a PostgreSQL server by psycopg, and writes down what it did.

postgresql_client.py PORT LOG: one JSON line per statement: {"summary","error"} as a span of it must say.
"""
import json
import sys
import threading

import psycopg

port, log_path = int(sys.argv[1]), sys.argv[2]
log = open(log_path, "w", encoding="utf-8")


def note(summary, error=None):
    log.write(json.dumps({"summary": summary, "error": error}) + "\n")


def plain(connection):
    """Without parameters the simple protocol, with them the extended one."""
    connection.execute("CREATE TABLE songs (id int PRIMARY KEY, title text)")
    note("CREATE TABLE songs")
    for i in range(20):
        connection.execute("INSERT INTO songs VALUES (%s, %s)", (i, "SECRET-WORD"), prepare=False)
        note("INSERT songs")
    assert len(connection.execute("SELECT * FROM songs WHERE title = 'SECRET-WORD'").fetchall()) == 20
    note("SELECT songs")
    assert len(connection.execute("SELECT repeat('SECRET-WORD', 10) FROM generate_series(1, 5000)").fetchall()) == 5000
    note("SELECT generate_series")
    connection.execute("SELECT length(%s)", ("SECRET-WORD" * 10000,))
    note("SELECT")


def failing(connection):
    for sql, summary, code in (("SELEC 'SECRET-WORD'", "", "42601"), ("INSERT INTO songs VALUES (1, 'SECRET-WORD')", "INSERT songs", "23505"),
                               ("SELECT * FROM nowhere", "SELECT nowhere", "42P01")):
        try:
            connection.execute(sql)
        except psycopg.Error as error:
            assert error.sqlstate == code, error
            note(summary, code)


def prepared(connection):
    for i in range(5):
        connection.execute("SELECT title FROM songs WHERE id = %s", (i,), prepare=True)
        if i == 0:
            note("PREPARE SELECT songs")
        note("SELECT songs")


def pipelined(connection):
    with connection.pipeline():
        for i in range(100, 130):
            connection.execute("INSERT INTO songs VALUES (%s, %s)", (i, "SECRET-WORD"), prepare=False)
            note("INSERT songs")


def copied(connection):
    with connection.cursor() as cursor:
        with cursor.copy("COPY songs FROM STDIN") as copy:
            for i in range(1000, 4000):
                copy.write_row((i, "SECRET-WORD"))
        note("COPY songs")
        with cursor.copy("COPY songs TO STDOUT") as copy:
            assert sum(1 for _ in copy.rows()) == 3050
        note("COPY songs")


def cancelled(connection):
    timer = threading.Timer(0.2, connection.cancel)
    timer.start()
    try:
        connection.execute("SELECT pg_sleep(60)")
    except psycopg.errors.QueryCanceled:
        note("SELECT", "57014")
    timer.join()


def in_transaction(connection):
    with connection.transaction():
        note("BEGIN")
        connection.execute("UPDATE songs SET title = 'SECRET-WORD' WHERE id < 10")
        note("UPDATE songs")
    note("COMMIT")



with psycopg.connect(host="127.0.0.1", port=port, user="bob", dbname="postgres", autocommit=True) as client:
    for act in (plain, failing, prepared, pipelined, copied, cancelled, in_transaction):
        act(client)
log.close()
