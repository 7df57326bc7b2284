"""Joins the tracer's spans to what really happened, from outside: by connection, order on it, and time; never by what a request carries.

The driver's log tells which request went out on which port, the backend's log which arrived from which; both hold the ground truth
(X-Gt). A SERVER span of the service belongs to a line of the driver's log, a CLIENT span of it to a line of the backend's.
"""
import bisect
from collections import defaultdict, namedtuple

# One line of a log. `address`, `port`: the client's end of the connection. `truth`: the request's id; of a call, ID/K; None: it has none.
Row = namedtuple("Row", "address port connection ordinal truth status begun_ns ended_ns")

# The clocks are one; a span's unix time is converted once, so it may be off by what the clock was slewed meanwhile.
TOLERANCE_NS = 2_000_000
# So long after a request was sent its server may begin to read it.
GIVEN_UP_NS = 3_000_000_000


def read_driver_log(path):
    rows = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            _, port, connection, ordinal, truth, status, begun, ended = line.rstrip("\n").split("\t")
            rows.append(Row("127.0.0.1", int(port), int(connection), int(ordinal), truth, int(status), int(begun), int(ended)))
    return rows


def read_backend_log(path):
    rows = []
    with open(path, encoding="ascii") as lines:
        for line in lines:
            address, port, connection, ordinal, truth, status, begun, ended = line.rstrip("\n").split("\t")
            rows.append(Row(address, int(port), int(connection), int(ordinal), None if truth == "-" else truth, int(status), int(begun),
                            int(ended)))
    return rows


def request_of(truth):
    """The id of the request that a call was made for."""
    return truth.split("/")[0]


def phase_of(truth):
    return truth.split(".")[0]


def plain_address(text):
    return text[len("::ffff:"):] if text and text.startswith("::ffff:") else text


class Matched:
    """Which span is which line; what is left over on either side is a finding, not a rounding error."""

    def __init__(self):
        self.span_of = {}          # index of the row -> span
        self.row_of = {}           # span id -> index of the row
        self.rows_without = []     # indices
        self.spans_without = []


def match(spans, rows, end):
    """`end`: "peer" or "local", whichever end of the span's connection is the client's."""
    matched = Matched()
    by_port, spans_by_port = defaultdict(list), defaultdict(list)
    for index, row in enumerate(rows):
        by_port[row.address, row.port].append(index)
    for span in spans:
        attributes = span["attributes"]
        spans_by_port[plain_address(attributes.get(f"network.{end}.address")), attributes.get(f"network.{end}.port")].append(span)
    for key in by_port.keys() | spans_by_port.keys():
        indices = sorted(by_port[key], key=lambda index: (rows[index].begun_ns, rows[index].connection, rows[index].ordinal))
        _match_port(matched, sorted(spans_by_port[key], key=lambda span: span["start_ns"]), indices, rows)
    return matched


def _overlap(span, row):
    return min(span["end_ns"], row.ended_ns) - max(span["start_ns"], row.begun_ns)


def _match_port(matched, spans, indices, rows):
    """One request at a time is under way on a port, so order alone says which is which; time confirms it, and decides where a line or a
    span is missing or the port was used again."""
    if len(spans) == len(indices) and all(_overlap(span, rows[index]) >= -TOLERANCE_NS for span, index in zip(spans, indices)):
        for span, index in zip(spans, indices):
            _pair(matched, span, index)
        return
    pairs = []
    begins = [rows[index].begun_ns for index in indices]
    for position, span in enumerate(spans):
        first = bisect.bisect_left(begins, span["start_ns"] - TOLERANCE_NS)
        first = max(0, first - 1)
        for at in range(first, len(indices)):
            if begins[at] > span["end_ns"] + TOLERANCE_NS:
                break
            overlap = _overlap(span, rows[indices[at]])
            if overlap >= -TOLERANCE_NS:
                pairs.append((-overlap, position, at))
    taken_spans, taken_rows = set(), set()
    for _, position, at in sorted(pairs):
        if position not in taken_spans and at not in taken_rows:
            taken_spans.add(position)
            taken_rows.add(at)
            _pair(matched, spans[position], indices[at])
    left_spans = [span for position, span in enumerate(spans) if position not in taken_spans]
    left_rows = [index for at, index in enumerate(indices) if at not in taken_rows]
    # A client that gave up may have done so before the other end looked: then the two do not overlap, and order alone is left.
    if len(left_spans) == len(left_rows) and all(0 <= rows[index].begun_ns - span["start_ns"] + TOLERANCE_NS < GIVEN_UP_NS
                                                 for span, index in zip(left_spans, left_rows)):
        for span, index in zip(left_spans, left_rows):
            _pair(matched, span, index)
        return
    matched.spans_without.extend(left_spans)
    matched.rows_without.extend(left_rows)


def _pair(matched, span, index):
    matched.span_of[index] = span
    matched.row_of[span["span_id"]] = index
