"""Reads a .wscap recording far enough to show what the kernel saw around a span (agent/recording/format.h, bpf/shared/events.h)."""
import bisect
import struct
from collections import Counter, defaultdict, namedtuple

# `data`: of a data event what the patterns look at, else None.
Event = namedtuple("Event", "time_ns tid inode text data", defaults=(None,))
Data = namedtuple("Data", "is_send role token thread_turn last_call first_of_turn first_of_response local peer")
SERVER, CLIENT = 1, 2
HEADER = struct.Struct("<IIQ")
THREAD = struct.Struct("<IIIIQQQQQQIHH")
AFTER_THREAD = struct.Struct("<QQQIIIIIIIIHHiIIII")
OPENED = struct.Struct("<QQQQHHHH16s16sIiIIII")
WAKE = struct.Struct("<QQII")
DATA, OPENED_TYPE, WAKE_TYPE, CAPTURE_STARTED = 2, 1, 8, 256
FLAGS = ("first", "fresh", "stored-conflict", "other-unresolved", "timer-due", "loop", "raced", "first-of-response", "budget", "fault",
         "active-open", "preexisting", "queued-reuse", "several-reads", "stored-doubtful", "stored-timer", "stored-sandwiched", "handed-over",
         "requester", "requester-again")
SOURCES = ("none", "read", "response", "connect")
ROLES = ("?", "S", "C")


def token(value):
    return f"{value >> 24}.{value & 0xffffff}" if value else "-"


def _events(path):
    with open(path, "rb") as file:
        data = file.read()
    offset = 0
    while offset + HEADER.size <= len(data):
        kind, size, time_ns = HEADER.unpack_from(data, offset)
        if size < HEADER.size or offset + size > len(data):
            return
        yield kind, time_ns, data[offset + HEADER.size:offset + size]
        offset += (size + 7) & ~7


def read(path):
    """(offset from boot to unix time in ns, [Event] by time)."""
    offset_ns, found, ports = 0, [], {}
    records = list(_events(path))
    for kind, _, body in records:  # a connection's first bytes may stand before its opening: another ring, or the thread was faster
        if kind == OPENED_TYPE:
            inode, _, _, _, _, local, peer, *_ = OPENED.unpack_from(body)
            ports[inode] = (local, peer)
    for kind, time_ns, body in records:
        if kind == CAPTURE_STARTED:
            offset_ns = struct.unpack_from("<8sIIq", body)[3]
        elif kind == OPENED_TYPE:
            inode = OPENED.unpack_from(body)[0]
            found.append(Event(time_ns, None, inode, "opened {}->{}".format(*ports[inode])))
        elif kind == DATA:
            found.append(_data(time_ns, body, ports))
        elif kind == WAKE_TYPE:
            thread = THREAD.unpack_from(body)
            call, exchange, tid, _ = WAKE.unpack_from(body, THREAD.size)
            found.append(Event(time_ns, thread[1], None, f"wakes {tid}: call {token(call)} for exchange {token(exchange)}"))
    found.sort(key=lambda event: event.time_ns)
    return offset_ns, found


def _data(time_ns, body, ports):
    _, tid, sequence, turn, active, last_call, runtime, _, _, _, source, _, activations = THREAD.unpack_from(body)
    (inode, exchange, stored, _, _, _, size, _, _, flags, connection_turn, direction, role, *_) = AFTER_THREAD.unpack_from(body, THREAD.size)
    names = ",".join(name for bit, name in enumerate(FLAGS) if flags >> bit & 1)
    local, peer = ports.get(inode, (0, 0))
    data = Data(bool(direction), role, exchange, turn, last_call, bool(flags & 1), bool(flags >> 7 & 1), local, peer)
    return Event(time_ns, tid, inode,
            f"{'SEND' if direction else 'RECV'} {ROLES[role] if role < 3 else role} {local}->{peer} x={token(exchange)} turn={connection_turn} "
            f"size={size} thread(seq={sequence} turn={turn} active={token(active)} from={SOURCES[source] if source < 4 else source} "
            f"last_call={token(last_call)} read={activations} rt={runtime:x}) stored={token(stored)} [{names}]", data)


def examples(recording, wrong, limit):
    """(how many wrong links show which pattern, the first `limit` with their spans and what happened between them)."""
    if not wrong:
        return Counter(), []
    offset_ns, found = read(recording)
    patterns = Patterns(found, offset_ns)
    told = [patterns.of(*entry) for entry in wrong]
    return Counter(told), [{"pattern": pattern, **_example(found, offset_ns, *entry)} for pattern, entry in zip(told[:limit], wrong[:limit])]


class Patterns:
    """Says of a wrong link what the turn that read the call's response did next: where that is at odds with the link, it could have been known."""

    def __init__(self, found, offset_ns):
        self._offset_ns = offset_ns
        self._by_connection = defaultdict(list)  # (local port, peer port) -> data events
        self._answers = defaultdict(list)        # tid -> first sends of answers, by time
        for event in found:
            if event.data is None:
                continue
            self._by_connection[event.data.local, event.data.peer].append(event)
            if event.data.role == SERVER and event.data.is_send and event.data.first_of_response:
                self._answers[event.tid].append(event)

    def _first(self, span, is_send):
        """The span's own first event in that direction."""
        ports = span["attributes"].get("network.local.port"), span["attributes"].get("network.peer.port")
        begin, end = span["start_ns"] - self._offset_ns - 1000, span["end_ns"] - self._offset_ns + 1000
        events = self._by_connection[ports]
        for event in events[bisect.bisect_left([e.time_ns for e in events], begin):]:
            if event.time_ns > end:
                return None
            if event.data.is_send == is_send and event.data.first_of_turn:
                return event
        return None

    def of(self, call, given, _right):
        evidence = call.get("link", {}).get("evidence", "none")
        if given is None:
            return f"{evidence}: the parent was never written"
        response, answer = self._first(call, False), self._first(given, True)
        if response is None:
            return f"{evidence}: no response seen"
        state = "already answered" if answer is not None and answer.time_ns < response.time_ns else "still open"
        times = self._answers[response.tid]
        following = times[bisect.bisect_left([e.time_ns for e in times], response.time_ns):][:1]
        if not following or following[0].data.thread_turn != response.data.thread_turn or following[0].data.last_call != response.data.token:
            return f"{evidence}: response read while the parent was {state}, nothing answered in that turn"
        peer = given["attributes"].get("network.peer.port")
        whose = "the given parent" if following[0].data.peer == peer else "ANOTHER request"
        return f"{evidence}: response read while the parent was {state}, then {whose} answered in the same turn"


def _example(found, offset_ns, call, given, right):
    spans = [span for span in (call, given, right) if span is not None]
    ports = {span["attributes"].get("network.local.port" if span is call else "network.peer.port") for span in spans}
    begin = min(span["start_ns"] for span in spans) - offset_ns - 200_000
    end = max(span["end_ns"] for span in spans) - offset_ns + 200_000
    window = [event for event in found if begin <= event.time_ns <= end]
    ours = [event for event in window if any(f" {port}->" in event.text or f"->{port} " in event.text + " " for port in ports)]
    inodes = {event.inode for event in ours if event.inode}
    near = call["start_ns"] - offset_ns
    tids = {event.tid for event in ours if event.tid and abs(event.time_ns - near) < 300_000}
    chosen = [event for event in window if event.inode in inodes or (event.tid in tids and abs(event.time_ns - near) < 2_000_000)]
    lines = [f"{(event.time_ns - near) / 1000:+10.0f} us tid {event.tid or '-'} {event.text}" for event in chosen[:60]]
    return {"call": call, "given": given, "right": right, "events": lines}
