"""Judges the links of one capture against the truth: per phase what is right, wrong, unlinked and joined, and an example of each wrong."""
from collections import Counter, defaultdict

from .truth import match, phase_of, request_of

UNTOLD = "-"  # the phase of calls that no request caused


class Score:
    """One phase of one case."""

    def __init__(self):
        self.calls = 0            # calls that a request caused, with a CLIENT span
        self.uncaused = 0         # calls that no request caused (no X-Gt): a link of theirs is wrong
        self.right = Counter()    # confidence -> count
        self.wrong = Counter()
        self.evidence = Counter()
        self.unlinked = Counter() # reason -> count
        self.lost = 0             # calls without a CLIENT span
        self.requests = 0         # both hops: answered by the service, or seen by the backend
        self.joined = 0
        self.misjoined = 0

    def add(self, other):
        for name, value in vars(other).items():
            setattr(self, name, getattr(self, name) + value)
        return self

    @property
    def right_count(self):
        return sum(self.right.values())

    @property
    def wrong_count(self):
        return sum(self.wrong.values())

    @property
    def linked(self):
        return self.right_count + self.wrong_count

    @property
    def precision(self):
        return self.right_count / self.linked if self.linked else None

    def precision_of(self, confidence):
        made = self.right[confidence] + self.wrong[confidence]
        return self.right[confidence] / made if made else None

    @property
    def recall(self):
        true = self.calls + self.lost
        return self.right_count / true if true else None

    @property
    def join(self):
        return self.joined / self.requests if self.requests else None

    def json(self):
        return {"calls": self.calls, "uncaused": self.uncaused, "lost": self.lost, "linked": self.linked, "right": dict(self.right),
                "wrong": dict(self.wrong), "evidence": dict(self.evidence), "unlinked": dict(self.unlinked), "precision": self.precision,
                "recall": self.recall, "requests": self.requests, "joined": self.joined, "misjoined": self.misjoined, "join": self.join}


class Verdict:
    def __init__(self):
        self.phases = defaultdict(Score)
        self.wrong = []       # (call's span, the parent it was given or None, the request's SERVER span or None)
        self.findings = []    # what the two logs and the spans disagree about

    def total(self):
        total = Score()
        for score in self.phases.values():
            total.add(score)
        return total


def process_of(span):
    return span["resource"].get("process.pid")


class Judge:
    """`driver`, `backend`: their pids; any other process is the service. What began before `since_ns` may have been before the capture and
    is not judged; what no request caused and ended after `until_ns` was cut off by the end of the service."""

    def __init__(self, spans, driver_rows, backend_rows, service_port, backend_port, driver, backend, since_ns=0, until_ns=1 << 63):
        self.driver_rows = driver_rows
        self.backend_rows = backend_rows
        self.since_ns = since_ns
        self.until_ns = until_ns
        self.spans = {span["span_id"]: span for span in spans}
        own = [span for span in spans if process_of(span) not in (driver, backend)]

        def chosen(among, kind, attribute, port):
            return [span for span in among if span["kind"].upper() == kind and span["attributes"].get(attribute) == port]
        self.requests = match(chosen(own, "SERVER", "network.local.port", service_port), self.driver_rows, "peer")
        self.calls = match(chosen(own, "CLIENT", "network.peer.port", backend_port), self.backend_rows, "local")
        self.asked = match([s for s in spans if process_of(s) == driver and s["kind"].upper() == "CLIENT"], self.driver_rows, "local")
        self.answered = match([s for s in spans if process_of(s) == backend and s["kind"].upper() == "SERVER"], self.backend_rows, "peer")
        self.request_span = {self.driver_rows[index].truth: span for index, span in self.requests.span_of.items()}
        self.verdict = Verdict()
        if len(self.spans) != len(spans):
            self.verdict.findings.append(f"{len(spans) - len(self.spans)} span ids occur twice")

    def judge(self):
        for index, row in enumerate(self.backend_rows):
            if row.begun_ns < self.since_ns or (row.truth is None and row.ended_ns > self.until_ns):
                continue
            self._judge_call(index, row)
            self._judge_hop(self.verdict.phases[phase_of(row.truth) if row.truth else UNTOLD], self.calls.span_of.get(index),
                            self.answered.span_of.get(index))
        for index, row in enumerate(self.driver_rows):
            if row.status != 0 and row.begun_ns >= self.since_ns:
                self._judge_hop(self.verdict.phases[phase_of(row.truth)], self.asked.span_of.get(index), self.requests.span_of.get(index))
        self._find()
        return self.verdict

    def _judge_call(self, index, row):
        score = self.verdict.phases[phase_of(row.truth) if row.truth else UNTOLD]
        span = self.calls.span_of.get(index)
        if span is None:
            score.lost += 1 if row.truth else 0
            return
        if row.truth:
            score.calls += 1
        else:
            score.uncaused += 1
        if not span["parent_span_id"]:
            if row.truth:
                score.unlinked[span["attributes"].get("wirespan.unlinked.reason", "no-context")] += 1
            return
        link = span.get("link", {})
        confidence = link.get("confidence", "none")
        score.evidence[link.get("evidence", "none")] += 1
        if row.truth and self._request_above(span) == request_of(row.truth):
            score.right[confidence] += 1
        else:
            score.wrong[confidence] += 1
            self.verdict.wrong.append((span, self.spans.get(span["parent_span_id"]),
                                       self.request_span.get(request_of(row.truth)) if row.truth else None))

    def _request_above(self, span):
        """The truth of the nearest span above that has one: in between may be hops inside the service (nginx -> php-fpm)."""
        seen = set()
        while span is not None and span["span_id"] not in seen:
            seen.add(span["span_id"])
            index = self.requests.row_of.get(span["span_id"])
            if index is not None:
                return self.driver_rows[index].truth
            span = self.spans.get(span["parent_span_id"])
        return None

    @staticmethod
    def _judge_hop(score, client, server):
        """Both ends of one request: the SERVER span must be the child of the CLIENT span, by the connection."""
        score.requests += 1
        if server is None or client is None:
            return
        same = (server["trace_id"], server["parent_span_id"]) == (client["trace_id"], client["span_id"])
        if same and server.get("link", {}).get("evidence") == "same-connection":
            score.joined += 1
        elif server["parent_span_id"]:
            score.misjoined += 1

    def _find(self):
        for name, matched, rows in (("driver -> service, SERVER", self.requests, self.driver_rows),
                                    ("service -> backend, CLIENT", self.calls, self.backend_rows),
                                    ("driver -> service, CLIENT", self.asked, self.driver_rows),
                                    ("service -> backend, SERVER", self.answered, self.backend_rows)):
            missing = sum(1 for index in matched.rows_without if rows[index].status != 0 and rows[index].begun_ns >= self.since_ns)
            if missing:
                self.verdict.findings.append(f"{name}: {missing} of {len(rows)} logged requests have no span")
            if matched.spans_without:
                odd = matched.spans_without[0]
                self.verdict.findings.append(f"{name}: {len(matched.spans_without)} spans without a logged request, e.g. {odd['span_id']}")
