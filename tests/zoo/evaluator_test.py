#!/usr/bin/env python3
"""The zoo's evaluator, without a tracer: a wrong link is found wrong, a missing one missing, and a gate that fails says so."""
import copy
import os
import struct
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "system")]
sys.dont_write_bytecode = True

from zoo import events, report  # noqa: E402
from zoo.cases import CASES, Case  # noqa: E402
from zoo.runner import Result, compare_spans  # noqa: E402
from zoo.score import UNTOLD, Judge  # noqa: E402
from zoo.truth import Row, match, read_backend_log, read_driver_log  # noqa: E402

MS = 1_000_000
DRIVER, SERVICE, BACKEND = 10, 20, 30
SERVICE_PORT, BACKEND_PORT = 8000, 9000


class World:
    """Requests with their calls: logs, and the spans a perfect tracer would write."""

    def __init__(self):
        self.spans, self.driver, self.backend = [], [], []
        self._number = 0

    def span(self, kind, pid, local, peer, begin, end, parent=None, evidence=None, confidence="exact"):
        self._number += 1
        span = {"trace_id": parent["trace_id"] if parent else f"{self._number:032x}", "span_id": f"{self._number:016x}",
                "parent_span_id": parent["span_id"] if parent else "", "kind": kind, "start_ns": begin, "end_ns": end,
                "attributes": {"network.local.port": local, "network.peer.port": peer, "network.local.address": "127.0.0.1",
                               "network.peer.address": "127.0.0.1"}, "resource": {"process.pid": pid}}
        if parent:
            span["link"] = {"evidence": evidence, "confidence": confidence}
        self.spans.append(span)
        return span

    def request(self, truth, port, begin, connection=0, ordinal=0, calls=()):
        """`calls`: (port, connection, ordinal) of each call to the backend, 1 ms each, one after another from 1 ms on."""
        end = begin + (len(calls) * 2 + 2) * MS
        self.driver.append(Row("127.0.0.1", port, connection, ordinal, truth, 200, begin, end))
        asked = self.span("CLIENT", DRIVER, port, SERVICE_PORT, begin + 1000, end - 1000)
        server = self.span("SERVER", SERVICE, SERVICE_PORT, port, begin + 2000, end - 2000, asked, "same-connection")
        made = []
        for number, (call_port, call_connection, call_ordinal) in enumerate(calls):
            at = begin + (2 * number + 1) * MS
            made.append(self.call(f"{truth}/{number}", call_port, at, server, call_connection, call_ordinal))
        return server, made

    def call(self, truth, port, at, server, connection=0, ordinal=0):
        self.backend.append(Row("127.0.0.1", port, connection, ordinal, truth, 200, at + 10000, at + MS - 10000))
        call = self.span("CLIENT", SERVICE, port, BACKEND_PORT, at, at + MS, server, "same-thread")
        self.span("SERVER", BACKEND, BACKEND_PORT, port, at + 5000, at + MS - 5000, call, "same-connection")
        return call

    def judge(self):
        return Judge(self.spans, self.driver, self.backend, SERVICE_PORT, BACKEND_PORT, DRIVER, BACKEND).judge()


def two_requests():
    world = World()
    first, first_calls = world.request("k1.0.aa", 5001, 0, calls=[(6001, 0, 0), (6001, 0, 1)])
    second, second_calls = world.request("k1.1.bb", 5002, 10 * MS, connection=1, calls=[(6001, 0, 2), (6002, 1, 0)])
    return world, first, first_calls, second, second_calls


class Judging(unittest.TestCase):
    def test_all_right(self):
        world, *_ = two_requests()
        verdict = world.judge()
        score = verdict.phases["k1"]
        self.assertEqual((score.calls, score.right["exact"], score.wrong_count, score.lost), (4, 4, 0, 0))
        self.assertEqual((score.requests, score.joined, score.misjoined), (6, 6, 0))
        self.assertEqual((score.precision, score.recall, score.join), (1, 1, 1))
        self.assertEqual(verdict.findings, [])

    def test_a_wrong_parent_is_wrong(self):
        world, first, _, second, calls = two_requests()
        calls[0]["parent_span_id"] = first["span_id"]
        calls[0]["link"]["confidence"] = "probable"
        verdict = world.judge()
        score = verdict.phases["k1"]
        self.assertEqual((score.right["exact"], score.wrong["exact"], score.wrong["probable"]), (3, 0, 1))
        self.assertEqual((score.precision, score.recall), (0.75, 0.75))
        call, given, right = verdict.wrong[0]
        self.assertEqual((call["span_id"], given["span_id"], right["span_id"]), (calls[0]["span_id"], first["span_id"], second["span_id"]))

    def test_a_parent_that_was_never_written_is_wrong(self):
        world, _, calls, *_ = two_requests()
        calls[0]["parent_span_id"] = "f" * 16
        self.assertEqual(world.judge().phases["k1"].wrong["exact"], 1)

    def test_a_ring_of_parents_ends(self):
        world, _, calls, *_ = two_requests()
        calls[0]["parent_span_id"], calls[1]["parent_span_id"] = calls[1]["span_id"], calls[0]["span_id"]
        self.assertEqual(world.judge().phases["k1"].wrong["exact"], 2)

    def test_unlinked_has_its_reason_and_costs_recall_only(self):
        world, _, calls, *_ = two_requests()
        for call, reason in ((calls[0], "timer-due"), (calls[1], None)):
            call["parent_span_id"] = ""
            del call["link"]
            if reason:
                call["attributes"]["wirespan.unlinked.reason"] = reason
        score = world.judge().phases["k1"]
        self.assertEqual(dict(score.unlinked), {"timer-due": 1, "no-context": 1})
        self.assertEqual((score.precision, score.recall, score.linked), (1, 0.5, 2))

    def test_a_call_without_a_span_costs_recall_and_join(self):
        world, _, calls, *_ = two_requests()
        world.spans.remove(calls[0])
        verdict = world.judge()
        score = verdict.phases["k1"]
        self.assertEqual((score.lost, score.calls, score.recall, score.joined), (1, 3, 0.75, 5))
        self.assertTrue(any("have no span" in finding for finding in verdict.findings))

    def test_a_call_that_nothing_caused_must_have_no_parent(self):
        world, first, *_ = two_requests()
        call = world.call(None, 6003, 2 * MS, first, connection=2)
        self.assertEqual(world.judge().phases[UNTOLD].wrong["exact"], 1)
        call["parent_span_id"] = ""
        score = world.judge().phases[UNTOLD]
        self.assertEqual((score.wrong_count, score.uncaused, score.calls), (0, 1, 0))

    def test_a_hop_inside_the_service_is_looked_through(self):
        world, _, calls, *_ = two_requests()
        inner = world.span("SERVER", SERVICE, 9999, 7777, 1 * MS, 2 * MS, {"trace_id": "1" * 32, "span_id": calls[0]["parent_span_id"]}, "same-thread")
        calls[0]["parent_span_id"] = inner["span_id"]
        self.assertEqual(world.judge().phases["k1"].right["exact"], 4)

    def test_joins(self):
        for change, joined, misjoined in (({"parent_span_id": ""}, 5, 0), ({"parent_span_id": "e" * 16}, 5, 1),
                                          ({"trace_id": "e" * 32}, 5, 1), ({"link": {"evidence": "backward", "confidence": "exact"}}, 5, 1)):
            with self.subTest(change):
                world, first, *_ = two_requests()
                first.update(change)
                score = world.judge().phases["k1"]
                self.assertEqual((score.requests, score.joined, score.misjoined), (6, joined, misjoined))

    def test_phases_are_apart(self):
        world, *_ = two_requests()
        world.request("n10.0.cc", 5003, 30 * MS, connection=2, calls=[(6004, 3, 0)])
        verdict = world.judge()
        self.assertEqual((verdict.phases["k1"].calls, verdict.phases["n10"].calls, verdict.total().calls), (4, 1, 5))

    def test_what_began_before_the_capture_is_known_and_not_judged(self):
        world, _, calls, *_ = two_requests()
        world.spans.remove(calls[0])
        verdict = Judge(world.spans, world.driver, world.backend, SERVICE_PORT, BACKEND_PORT, DRIVER, BACKEND, since_ns=2 * MS).judge()
        score = verdict.phases["k1"]
        self.assertEqual((score.calls, score.right["exact"], score.wrong_count, score.lost), (3, 3, 0, 0))  # one of them for the early request
        self.assertEqual((score.requests, score.joined), (4, 4))
        self.assertEqual(verdict.findings, [])

    def test_double_ids_are_found(self):
        world, *_ = two_requests()
        world.spans.append(copy.deepcopy(world.spans[0]))
        self.assertIn("1 span ids occur twice", world.judge().findings)


class Matching(unittest.TestCase):
    @staticmethod
    def row(port, begin, connection=0, ordinal=0):
        return Row("127.0.0.1", port, connection, ordinal, "k1.0.aa/0", 200, begin * MS, (begin + 3) * MS)

    @staticmethod
    def span(number, port, begin):
        return {"span_id": f"{number:016x}", "start_ns": begin * MS, "end_ns": (begin + 4) * MS,
                "attributes": {"network.local.port": port, "network.local.address": "::ffff:127.0.0.1"}}

    def test_order_on_the_connection(self):
        rows = [self.row(1, 0), self.row(1, 10, ordinal=1), self.row(1, 20, ordinal=2)]
        spans = [self.span(n, 1, at) for n, at in ((2, 20), (0, 0), (1, 10))]
        matched = match(spans, rows, "local")
        self.assertEqual(matched.row_of, {f"{n:016x}": n for n in range(3)})

    def test_a_port_used_again_with_a_span_missing(self):
        rows = [self.row(1, 0), self.row(1, 50, connection=1), self.row(1, 100, connection=2)]
        matched = match([self.span(0, 1, 0), self.span(2, 1, 100)], rows, "local")
        self.assertEqual((matched.row_of, matched.rows_without), ({f"{0:016x}": 0, f"{2:016x}": 2}, [1]))

    def test_a_request_that_was_read_after_its_client_gave_up(self):
        matched = match([self.span(0, 1, 0), self.span(1, 1, 100)], [self.row(1, 20), self.row(1, 100, connection=1)], "local")
        self.assertEqual(matched.row_of, {f"{0:016x}": 0, f"{1:016x}": 1})

    def test_equal_counts_that_do_not_fit_in_time(self):
        matched = match([self.span(0, 1, 50), self.span(1, 1, 100)], [self.row(1, 0), self.row(1, 50, connection=1)], "local")
        self.assertEqual((matched.row_of, matched.rows_without), ({f"{0:016x}": 1}, [0]))
        self.assertEqual([span["span_id"] for span in matched.spans_without], [f"{1:016x}"])

    def test_another_port_is_no_match(self):
        matched = match([self.span(0, 2, 0)], [self.row(1, 0)], "local")
        self.assertEqual((len(matched.row_of), matched.rows_without, len(matched.spans_without)), (0, [0], 1))

    def test_logs(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "log")
            with open(path, "w", encoding="ascii") as file:
                file.write("k1\t5001\t3\t2\tk1.7.ab\t200\t10\t20\n")
            self.assertEqual(read_driver_log(path), [Row("127.0.0.1", 5001, 3, 2, "k1.7.ab", 200, 10, 20)])
            with open(path, "w", encoding="ascii") as file:
                file.write("::1\t5001\t3\t2\t-\t500\t10\t20\n")
            self.assertEqual(read_backend_log(path), [Row("::1", 5001, 3, 2, None, 500, 10, 20)])


def result_of(world, recall=0.99, replay=""):
    result = Result(Case("made-up", None, recall=recall))
    result.verdict = world.judge()
    result.replay = replay
    return result


class Gates(unittest.TestCase):
    def missed(self, result):
        return [gate.name for gate in report.gates([result]) if gate.misses]

    def test_a_perfect_zoo_passes(self):
        world, *_ = two_requests()
        self.assertEqual(self.missed(result_of(world)), [])

    def test_a_gate_that_saw_nothing_is_not_passed(self):
        world, *_ = two_requests()
        by_name = {gate.name: gate for gate in report.gates([result_of(world)])}
        self.assertFalse(by_name["recall >= 95 % where promised, at every concurrency"].passed)
        self.assertTrue(by_name["recall >= 99 % where promised, at every concurrency"].passed)

    def test_one_wrong_exact_link(self):
        world, first, _, _, calls = two_requests()
        calls[0]["parent_span_id"] = first["span_id"]
        self.assertEqual(self.missed(result_of(world, recall=None)), ["no wrong exact link anywhere"])

    def test_wrong_probable_links(self):
        world, first, _, _, calls = two_requests()
        calls[0]["parent_span_id"] = first["span_id"]
        calls[0]["link"]["confidence"] = "probable"
        self.assertEqual(len(self.missed(result_of(world, recall=None))), 2)

    def test_recall_is_bound_only_where_promised(self):
        world, _, calls, *_ = two_requests()
        calls[0]["parent_span_id"] = ""
        self.assertEqual(self.missed(result_of(world, recall=None)), [])
        self.assertEqual(self.missed(result_of(world, recall=0.95)), ["recall >= 95 % where promised, at every concurrency"])

    def test_an_unjoined_request(self):
        world, first, *_ = two_requests()
        first["parent_span_id"] = ""
        self.assertIn("both-ends join 100 %", self.missed(result_of(world)))

    def test_replay_and_failure(self):
        world, *_ = two_requests()
        self.assertEqual(self.missed(result_of(world, replay="2 spans differ")), ["replay of the recording gives the same spans"])
        broken = Result(Case("broken", None))
        broken.failed = "did not start"
        self.assertEqual(self.missed(broken), ["every case that has its runtime was measured"])

    def test_nearly_all_is_not_shown_as_all(self):
        self.assertEqual((report.percent(1), report.percent(0.999999), report.percent(None)), ("100", "99.99", "-"))

    def test_table_and_json_of_every_kind_of_result(self):
        world, *_ = two_requests()
        skipped = Result(Case("skipped", None))
        skipped.skipped = "no such runtime"
        results = [result_of(world), skipped]
        lines = report.table(results)
        self.assertEqual(sum("made-up" in line for line in lines), 2)  # its phase, and all of it
        self.assertIn("SKIPPED: no such runtime", lines[-1])
        made = report.as_json(results, list(report.gates(results)))
        self.assertEqual(made["cases"]["made-up"]["all"]["right"], {"exact": 4})


class Replays(unittest.TestCase):
    def test_each_difference_is_found(self):
        world, *_ = two_requests()
        self.assertEqual(compare_spans(world.spans, world.spans + [{"type": "summary"}]), "")
        self.assertIn("1 spans are only live", compare_spans(world.spans, world.spans[1:]))
        for key, value in (("parent_span_id", "0" * 16), ("trace_id", "0" * 32), ("link", {"evidence": "backward", "confidence": "exact"}),
                           ("attributes", {}), ("end_ns", 0)):
            other = copy.deepcopy(world.spans)
            other[1][key] = value
            self.assertIn(key, compare_spans(world.spans, other))


class Recordings(unittest.TestCase):
    def test_layout_is_the_kernels(self):
        """The structures of bpf/shared/events.h: 72 bytes of thread stamp, 216 of data event, 224 of connection event."""
        self.assertEqual(events.THREAD.size, 72)
        self.assertLessEqual(events.HEADER.size + events.THREAD.size + events.AFTER_THREAD.size, 216)
        self.assertEqual(events.HEADER.size + events.OPENED.size + 108 + 4, 224)
        self.assertEqual(events.HEADER.size + events.THREAD.size + events.WAKE.size, 112)

    def test_a_cut_recording_ends_the_reading(self):
        with tempfile.TemporaryDirectory() as directory:
            path = os.path.join(directory, "r.wscap")
            capture = struct.pack("<8sIIq", b"WSCAP", 1, 100, 5)
            with open(path, "wb") as file:
                file.write(struct.pack("<IIQ", 256, 16 + len(capture), 0) + capture + struct.pack("<IIQ", 2, 216, 1) + b"x" * 20)
            self.assertEqual(events.read(path), (5, []))


class Patterns(unittest.TestCase):
    """A call on ports 6001->9000 was given the parent 8000<-5001; thread 7 reads its response and answers somebody."""

    def setUp(self):
        self.call = {"start_ns": 0, "end_ns": 10 * MS, "attributes": {"network.local.port": 6001, "network.peer.port": 9000},
                     "link": {"evidence": "event-loop", "confidence": "exact"}}
        self.given = {"start_ns": 0, "end_ns": 20 * MS, "attributes": {"network.local.port": 8000, "network.peer.port": 5001}}

    @staticmethod
    def event(time_ms, is_send, role, local, peer, last_call=0, turn=1):
        return events.Event(time_ms * MS, 7, 1, "", events.Data(is_send, role, 77, turn, last_call, True, role == events.SERVER and is_send, local, peer))

    def told(self, *found):
        return events.Patterns(list(found), 0).of(self.call, self.given, None)

    def test_what_the_answer_tells(self):
        response = self.event(9, False, events.CLIENT, 6001, 9000)
        early, late = self.event(5, True, events.SERVER, 8000, 5001), self.event(12, True, events.SERVER, 8000, 5001, 77)
        other = self.event(10, True, events.SERVER, 8000, 5002, 77)
        self.assertIn("already answered, then ANOTHER", self.told(early, response, other))
        self.assertIn("still open, then ANOTHER", self.told(response, other, late))
        self.assertIn("still open, then the given parent", self.told(response, late))
        self.assertIn("nothing answered in that turn", self.told(response))
        self.assertIn("nothing answered in that turn", self.told(response, self.event(10, True, events.SERVER, 8000, 5002, 77, turn=2)))
        self.assertIn("no response", self.told())


class Cases(unittest.TestCase):
    def test_little_recall_has_a_reason(self):
        self.assertEqual([case.name for case in CASES.values() if case.recall is None and not case.why], [])

    def test_every_promise_of_the_issue_is_held_by_some_case(self):
        for start in ("nginx", "cpp-pool", "py-threads", "gunicorn-sync", "gunicorn-gthread", "node-one", "node-two", "node-all", "node-host",
                      "node-fs", "puma", "php-fpm", "java-huc", "go-", "aiohttp"):
            self.assertTrue(any(name.startswith(start) and case.recall for name, case in CASES.items()), start)


if __name__ == "__main__":
    unittest.main()
