"""Counts the spans in what sink.py kept: only as much of OTLP's protobuf as that takes."""
import gzip
import struct


def varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7


def fields(data):
    """(number, value) of one message: bytes of what has a length or a fixed size, else the number."""
    at, end = 0, len(data)
    while at < end:
        tag, at = varint(data, at)
        kind = tag & 7
        if kind == 0:
            value, at = varint(data, at)
        else:
            size = {1: 8, 5: 4}.get(kind)
            if size is None:
                size, at = varint(data, at)
            value = data[at:at + size]
            at += size
        yield tag >> 3, value


def bodies(path):
    with open(path, "rb") as file:
        data = file.read()
    at = 0
    while at + 5 <= len(data):
        is_gzip, length = struct.unpack_from("<BI", data, at)
        body = data[at + 5:at + 5 + length]
        at += 5 + length
        yield gzip.decompress(body) if is_gzip else body


def of(path):
    """Each Span message (opentelemetry/proto/trace/v1): TracesData.resource_spans 1 -> scope_spans 2 -> spans 2."""
    for body in bodies(path):
        for number, resource_spans in fields(body):
            if number != 1:
                continue
            for inner, scope_spans in fields(resource_spans):
                if inner == 2:
                    yield from (span for last, span in fields(scope_spans) if last == 2)


def distinct(path):
    """How many spans, by their span_id (field 2), came, and how many came again."""
    seen, again = set(), 0
    for span in of(path):
        identity = next(value for number, value in fields(span) if number == 2)
        again += identity in seen
        seen.add(identity)
    return len(seen), again
