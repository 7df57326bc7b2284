"""What the demo tells at its end.

summary.py waterfalls FILE COUNT    the first COUNT of the deepest waterfalls, one of them with an error where there is one
summary.py summary TRACER WRK       the tracer's own summary line, beside what the load generator counted
"""
import json
import re
import sys


def waterfalls(path, count):
    """Traces are blocks of lines, an empty line between two. The file may be large: blocks are looked at one by one."""
    best, failed = [], None
    block = []
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in [*lines, "\n"]:
            if line.strip():
                block.append(line.rstrip("\n"))
                continue
            if block:
                best = sorted([*best, block], key=len, reverse=True)[:count]
                if failed is None and any(re.search(r"\b50[0-9]\b", row) for row in block):
                    failed = block
            block = []
    if failed and failed not in best:
        best = [*best[:max(count - 1, 0)], failed]
    for block in best:
        print("\n".join(block) + "\n")
    if not best:
        sys.exit("no trace was written")


def summary(tracer_path, wrk_path):
    facts = None
    with open(tracer_path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith("summary:"):
                facts = json.loads(line[len("summary:"):])
    with open(wrk_path, encoding="utf-8", errors="replace") as file:
        text = file.read()
    if facts is None:
        sys.exit("wirespan wrote no summary")
    sent = re.search(r"(\d+) requests in ([\d.]+)s", text)
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    lost = {reason: number for reason, number in facts.get("dropped", {}).items() if number}
    if sent:
        print(f"  load          {int(sent.group(1)):,} requests in {sent.group(2)} s" + (f", {float(rate.group(1)):,.0f} a second" if rate else ""))
    print(f"  seen          {facts['exchanges']:,} exchanges: each request once at every end that was traced")
    print(f"  spans         {facts['spans']:,}")
    print(f"  lost          {', '.join(f'{number:,} {reason}' for reason, number in lost.items()) or 'nothing'}")
    cpu, spans = facts.get("agent_cpu_ms", 0), max(facts["spans"], 1)
    print(f"  cost          {cpu / 1000:.2f} s of CPU ({cpu * 1e3 / spans:.1f} us a span), {facts.get('agent_rss_peak_bytes', 0) / 1048576:.0f} MiB"
          f" memory, {facts.get('bpf_map_bytes', 0) / 1048576:.0f} MiB in the kernel")


if sys.argv[1:2] == ["waterfalls"] and len(sys.argv) == 4:
    waterfalls(sys.argv[2], int(sys.argv[3]))
elif sys.argv[1:2] == ["summary"] and len(sys.argv) == 4:
    summary(sys.argv[2], sys.argv[3])
else:
    sys.exit(__doc__)
