"""Does a bit of everything with a Redis server by redis-py, and writes down every command that it sent and every error it got.

redis_client.py PORT LOG: one JSON line per thing: {"command","database"} as packed for the wire, {"error"}, {"message"} of pub/sub.
"""
import json
import sys

import redis
from redis.connection import Connection

port, log_path = int(sys.argv[1]), sys.argv[2]
log = open(log_path, "w", encoding="utf-8")


def note(**facts):
    log.write(json.dumps(facts) + "\n")


def noting(pack):
    def pack_command(self, *args):
        words = " ".join(str(arg) for arg in args).split(" ")
        note(command=words[0], database=self.db)
        return pack(self, *args)
    return pack_command


Connection.pack_command = noting(Connection.pack_command)


def plain(client):
    client.set("greeting", "SECRET-WORD")
    assert client.get("greeting") == b"SECRET-WORD"
    client.hset("user:1", mapping={"name": "SECRET-WORD", "age": 36})
    client.mset({"a": "SECRET-WORD", "b": "SECRET-WORD"})
    client.rpush("list", *[f"SECRET-WORD-{i}" for i in range(2000)])
    assert len(client.lrange("list", 0, -1)) == 2000
    client.set("big", "SECRET-WORD" * 20000)
    assert len(client.get("big")) == 220000
    client.eval("return ARGV[1]", 1, "a", "SECRET-WORD")
    for fails in (lambda: client.lpush("greeting", "x"), lambda: client.execute_command("FROBNICATE", "SECRET-WORD")):
        try:
            fails()
        except redis.ResponseError as error:
            note(error="WRONGTYPE" if "WRONGTYPE" in str(error) else "ERR")


def batches(client):
    with client.pipeline(transaction=False) as pipe:
        for i in range(50):
            pipe.incr(f"count:{i % 5}")
        assert len(pipe.execute()) == 50
    with client.pipeline(transaction=True) as pipe:
        for _ in range(3):
            pipe.incr("total")
        pipe.execute()
    with client.pipeline(transaction=True) as pipe:
        pipe.set("x", "SECRET-WORD")
        pipe.get("x")
        pipe.execute()


def publish_and_subscribe(client):
    with client.pubsub() as subscriber:
        subscriber.subscribe("news", "jobs")
        for _ in range(2):
            assert subscriber.get_message(timeout=10)["type"] == "subscribe"
        for i in range(5):
            client.publish("news", f"SECRET-WORD-{i}")
        for i in range(5):
            message = subscriber.get_message(timeout=10)
            assert message["data"] == f"SECRET-WORD-{i}".encode(), message
            note(message=i)
        subscriber.unsubscribe()
        for _ in range(2):
            assert subscriber.get_message(timeout=10)["type"] == "unsubscribe"


with redis.Redis(port=port) as first:
    plain(first)
    batches(first)
    publish_and_subscribe(first)
with redis.Redis(port=port, db=3) as other:
    other.set("a", "SECRET-WORD")
    other.delete("a")
log.close()
