#!/usr/bin/env python3
"""Tests of what the live parts of the benchmark count with. No process is started, nothing is timed."""
import gzip
import os
import struct
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import calls  # noqa: E402
from live import processes, spans, traced  # noqa: E402

WRK = """Running 1s test @ http://127.0.0.1:1/
  1 threads and 8 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   155.50us  301.10us   5.50ms   99.50%
    Req/Sec     9.12k   120.33     9.50k    50.00%
  Latency Distribution
     50%   88.00us
     75%    0.91ms
     90%    1.10ms
     99%    4.51ms
  9027 requests in 1.00s, 11.05MB read
Requests/sec:   9023.63
Transfer/sec:     11.05MB
"""


def field(number, value):
    """Of protobuf: bytes with their length, or a fixed 64-bit number."""
    if isinstance(value, int):
        return bytes([number << 3 | 1]) + struct.pack("<Q", value)
    size = len(value)
    length = bytes([size]) if size < 128 else bytes([size & 127 | 128, size >> 7])
    return bytes([number << 3 | 2]) + length + value


def body(identities):
    """A resource with a name beyond 127 bytes, and a span for each identity."""
    made = b"".join(field(2, field(1, b"t" * 16) + field(2, identity) + field(7, 5)) for identity in identities)
    return field(1, field(1, b"r" * 200) + field(2, field(1, b"scope") + made))


class Spans(unittest.TestCase):
    def write(self, *kept):
        file = tempfile.NamedTemporaryFile()
        self.addCleanup(file.close)
        for is_gzip, data in kept:
            file.write(struct.pack("<BI", is_gzip, len(data)) + data)
        file.flush()
        return file.name

    def test_counts_each_span_once_over_all_bodies(self):
        path = self.write((0, body([b"11111111", b"22222222"])), (1, gzip.compress(body([b"33333333"]))))
        self.assertEqual(spans.distinct(path), (3, 0))

    def test_tells_what_came_again(self):
        path = self.write((0, body([b"11111111", b"22222222"])), (0, body([b"22222222"])))
        self.assertEqual(spans.distinct(path), (2, 1))

    def test_nothing_is_nothing(self):
        self.assertEqual(spans.distinct(self.write()), (0, 0))


class Account(unittest.TestCase):
    def account(self, sent, received, dropped=None, again=0, off=0):
        return traced.account(sent, {"received": received, "received_again": again, "dropped": dropped or {}, "incomplete_spans": 0,
                                     "kernel": {"off_calls": off}})

    def test_balances(self):
        account = self.account(10, 10)
        self.assertEqual((account["without_span"], account["unaccounted"], account["surplus"]), (0, 0, 0))

    def test_a_counted_loss_stands_for_a_missing_span(self):
        account = self.account(10, 7, {"ring_full": 2})
        self.assertEqual((account["without_span"], account["unaccounted"]), (3, 1))

    def test_so_does_a_call_on_a_connection_that_was_switched_off(self):
        account = self.account(10, 3, {"pairing_connection": 1}, off=5)
        self.assertEqual((account["without_span"], account["unaccounted"]), (7, 1))

    def test_spans_of_nothing_and_spans_that_came_twice_are_a_surplus(self):
        self.assertEqual(self.account(10, 11, again=2)["surplus"], 3)


class Wrk(unittest.TestCase):
    def test_reads_the_distribution_and_not_the_deviations(self):
        self.assertEqual(traced.read_wrk(WRK), {"p50_us": 88.0, "p99_us": 4510.0, "rate": 9023.63, "count": 9027})

    def test_reads_seconds_which_wrk_pads_and_takes_slow_answers(self):
        slow = WRK.replace("4.51ms", "1.19s ") + "  Socket errors: connect 0, read 0, write 0, timeout 7\n"
        self.assertEqual(traced.read_wrk(slow)["p99_us"], 1_190_000)

    def test_a_broken_request_is_an_error(self):
        for line in ("  Socket errors: connect 0, read 3, write 0, timeout 0\n", "  Non-2xx or 3xx responses: 9027\n"):
            with self.assertRaises(RuntimeError):
                traced.read_wrk(WRK + line)

    def test_a_run_without_requests_is_an_error(self):
        with self.assertRaises(RuntimeError):
            traced.read_wrk("unable to connect to 127.0.0.1:1 Connection refused\n")


class Threads(unittest.TestCase):
    def test_what_a_thread_did_meanwhile(self):
        before, after = {"a": {"cpu_ns": 100, "runs": 1}}, {"a": {"cpu_ns": 300, "runs": 5}, "new": {"cpu_ns": 10, "runs": 2}}
        self.assertEqual(processes.rates(before, after, 2), {"a": {"cpu_ns": 100, "runs": 2}, "new": {"cpu_ns": 5, "runs": 1}})


class Calls(unittest.TestCase):
    def test_what_is_added_is_told_by_pairs(self):
        costs = {"untraced": [{"epoll": 100.0}, {"epoll": 200.0}, {"epoll": 300.0}],
                 "target": [{"epoll": 150.0}, {"epoll": 250.0}, {"epoll": 900.0}]}
        self.assertEqual(calls.added(costs, "target", "epoll"), 50.0)


unittest.main()
