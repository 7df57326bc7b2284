"""Reads a .wscap recording far enough to show what the kernel saw around a span (agent/recording/format.h, bpf/shared/events.h)."""
import struct

HEADER = struct.Struct("<IIQ")
THREAD = struct.Struct("<IIIIQQQQQQQIHH")
AFTER_THREAD = struct.Struct("<QQQIIIIIIIIHHiIIII")
OPENED = struct.Struct("<QQQQHHHH16s16sIiIIII")
WAKE = struct.Struct("<QQII")
DATA, OPENED_TYPE, WAKE_TYPE, CAPTURE_STARTED = 2, 1, 8, 256
FLAGS = ("first", "fresh", "stored-conflict", "other-unresolved", "timer-due", "loop", "raced", "first-of-response", "budget", "fault",
         "active-open", "preexisting", "queued-reuse", "several-reads")
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
    """(offset from boot to unix time in ns, [(time, tid or None, connection inode or None, text)] by time)."""
    offset_ns, found, ports = 0, [], {}
    for kind, time_ns, body in _events(path):
        if kind == CAPTURE_STARTED:
            offset_ns = struct.unpack_from("<8sIIq", body)[3]
        elif kind == OPENED_TYPE:
            inode, _, _, _, _, local, peer, *_ = OPENED.unpack_from(body)
            ports[inode] = (local, peer)
            found.append((time_ns, None, inode, f"opened {local}->{peer}"))
        elif kind == DATA:
            found.append(_data(time_ns, body, ports))
        elif kind == WAKE_TYPE:
            thread = THREAD.unpack_from(body)
            call, exchange, tid, _ = WAKE.unpack_from(body, THREAD.size)
            found.append((time_ns, thread[1], None, f"wakes {tid}: call {token(call)} for exchange {token(exchange)}"))
    found.sort(key=lambda event: event[0])
    return offset_ns, found


def _data(time_ns, body, ports):
    _, tid, sequence, turn, active, last_call, runtime, parent, _, _, _, source, _, activations = THREAD.unpack_from(body)
    (inode, exchange, stored, _, _, _, size, _, _, flags, connection_turn, direction, role, *_) = AFTER_THREAD.unpack_from(body, THREAD.size)
    names = ",".join(name for bit, name in enumerate(FLAGS) if flags >> bit & 1)
    local, peer = ports.get(inode, (0, 0))
    return (time_ns, tid, inode,
            f"{'SEND' if direction else 'RECV'} {ROLES[role] if role < 3 else role} {local}->{peer} x={token(exchange)} turn={connection_turn} "
            f"size={size} thread(seq={sequence} turn={turn} active={token(active)} from={SOURCES[source] if source < 4 else source} "
            f"last_call={token(last_call)} read={activations} rt={runtime:x}/{parent:x}) stored={token(stored)} [{names}]")


def examples(recording, wrong, limit):
    """Texts for the first `limit` wrong links: the spans, and what their threads and connections did between them."""
    if not wrong:
        return []
    offset_ns, found = read(recording)
    return [_example(found, offset_ns, *entry) for entry in wrong[:limit]]


def _example(found, offset_ns, call, given, right):
    spans = [span for span in (call, given, right) if span is not None]
    ports = {span["attributes"].get("network.local.port" if span is call else "network.peer.port") for span in spans}
    begin = min(span["start_ns"] for span in spans) - offset_ns - 200_000
    end = max(span["end_ns"] for span in spans) - offset_ns + 200_000
    window = [event for event in found if begin <= event[0] <= end]
    ours = [event for event in window if any(f" {port}->" in event[3] or f"->{port} " in event[3] for port in ports)]
    inodes = {event[2] for event in ours if event[2]}
    near = call["start_ns"] - offset_ns
    tids = {event[1] for event in ours if event[2] in inodes and event[1] and abs(event[0] - near) < 300_000}
    chosen = [event for event in window if event[2] in inodes or (event[1] in tids and abs(event[0] - near) < 2_000_000)]
    lines = [f"{(event[0] - near) / 1000:+10.0f} us tid {event[1] or '-'} {event[3]}" for event in chosen[:60]]
    return {"call": call, "given": given, "right": right, "events": lines}
