"""Part `decode` of scripts/bench: each decoder alone, with small messages (tests/bench/decode_bench.cc)."""

from figures import Figure
import replay

TARGET, BINARY, NEEDS_ROOT = "decode_bench", "tests/bench/decode_bench", False
LEAST = {"http2": 500_000}
PROTOCOLS = ("http1", "fastcgi", "http2", "redis", "postgresql", "websocket")


def measure(binary):
    found, details = [], {}
    for protocol in PROTOCOLS:
        result = details[protocol] = replay.run(binary, protocol)
        seconds = result["cpu_ns"] / 1e9
        found += [
            Figure(f"decode.{protocol}.rate", f"decode {protocol}: exchanges/s/core", result["exchanges"] / seconds,
                   least=LEAST.get(protocol, 300_000), timed=True),
            Figure(f"decode.{protocol}.bytes", f"decode {protocol}: MB/s", result["bytes"] / seconds / 1e6, timed=True),
            Figure(f"decode.{protocol}.allocations", f"decode {protocol}: allocations per exchange",
                   result["allocations"] / result["exchanges"], most=0.02),
        ]
    return found, details
