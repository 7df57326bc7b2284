#!/usr/bin/env python3
"""Writes the seed corpus of shard_fuzz: conversations in its input form (see shard_fuzz.cc, Patched)."""
import pathlib
import sys


def piece(plan, payload=b""):
    body = bytes(plan) + payload
    return (0x8000 | len(body)).to_bytes(2, "little") + body


def data(slot, direction, role, turn, payload, first=True, kind=7, argument=0):
    return piece([0, slot, 3, direction + 2 * role, 1 if first else 0, turn, kind, argument], payload)


GET = b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n"
AMBIGUOUS = b"POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxy"
UPGRADE = b"GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"
SWITCH = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
UPGRADE_H2C = b"GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n\r\n"
SWITCH_H2C = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"
SETTINGS = bytes.fromhex("000000040000000000")
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SETTINGS
GET_3 = bytes.fromhex("000003010500000003828684")
OK_1, OK_3 = (bytes.fromhex(f"00000101050000000{stream}88") for stream in (1, 3))

SEEDS = {
    "server": data(0, 0, 1, 1, GET) + data(0, 1, 1, 2, OK),
    "client": data(1, 1, 2, 1, GET) + data(1, 0, 2, 2, OK),
    "early": data(1, 0, 2, 2, OK) + data(1, 1, 2, 1, GET),
    "pipelined": data(0, 0, 1, 1, GET * 3) + data(0, 1, 1, 2, OK * 3),
    "gap": data(0, 0, 1, 1, GET) + data(0, 1, 1, 2, OK, kind=1, argument=9) + data(0, 0, 1, 3, GET) + data(0, 1, 1, 4, OK),
    "reordered": data(0, 0, 1, 1, GET) + data(0, 1, 1, 2, CHUNKED[:20], kind=2, argument=40) + data(0, 1, 1, 2, CHUNKED[20:], first=False),
    "ambiguous": data(0, 0, 1, 1, AMBIGUOUS) + data(0, 1, 1, 2, OK) + data(0, 0, 1, 3, GET),
    "upgrade": data(0, 0, 1, 1, UPGRADE) + data(0, 1, 1, 2, SWITCH) + data(0, 0, 1, 3, b"\x01\x02"),
    "h2c": data(0, 0, 1, 1, UPGRADE_H2C) + data(0, 1, 1, 2, SWITCH_H2C) + data(0, 0, 1, 3, PREFACE + GET_3) + data(0, 1, 1, 4, SETTINGS + OK_1 + OK_3),
    "h2c_client": data(1, 1, 2, 1, UPGRADE_H2C) + data(1, 0, 2, 2, SWITCH_H2C + SETTINGS + OK_1) + data(1, 1, 2, 3, PREFACE + GET_3) +
                  data(1, 0, 2, 4, OK_3),
    "bytes": b"".join(data(0, 0, 1, 1, bytes([b]), first=i == 0) for i, b in enumerate(GET)),
}

folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent / "corpus" / "shard")
folder.mkdir(parents=True, exist_ok=True)
for name, text in SEEDS.items():
    (folder / name).write_bytes(text)
