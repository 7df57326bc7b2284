"""What the agent says of itself over HTTP: health, readiness and metrics, asked by curl and by a real Prometheus."""
import json
import os
import re
import signal
import socket
import subprocess
import urllib.parse
from collections import Counter

from registry import case
from support import servers
from support.clients import Load
from support.compare import check_same
from support.tracer import Tracer, environment
from support.workspace import Failure, WIRESPAN, accepts, check, check_equal, free_port, require_program, wait_until

DURATION = "http_server_request_duration_seconds"


def curl(url, *options):
    """(status, headers, body) of one real request."""
    done = subprocess.run([require_program("curl"), "-sS", "-i", "--max-time", "10", *options, url], capture_output=True, check=False)
    if done.returncode:
        raise Failure(f"curl {url}: {done.stderr.decode(errors='replace').strip()}")
    head, _, body = done.stdout.decode().partition("\r\n\r\n")
    lines = head.split("\r\n")
    return int(lines[0].split()[1]), {line.split(":", 1)[0].lower(): line.split(":", 1)[1].strip() for line in lines[1:]}, body


def samples(text):
    """{(name, labels): value} of an exposition; a line that is neither sample nor comment fails."""
    found = {}
    for line in text.splitlines():
        if line.startswith("#") or not line:
            continue
        match = re.fullmatch(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(\{(?:[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\]|\\[\\"n])*",?)*\})? (\S+)', line)
        check(match, f"not a sample: {line}")
        key = (match.group(1), match.group(2) or "")
        check(key not in found, f"the same series twice: {line}")
        found[key] = float(match.group(3))
    return found


def total(values, name, *labels):
    return sum(value for (found, text), value in values.items() if found == name and all(label in text for label in labels))


def counts_of(values, name, *labels):
    """How many were measured, by the values of those labels ('' where there is none)."""
    counts = Counter()
    for (found, text), value in values.items():
        if found == name + "_count":
            given = dict(re.findall(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\]|\\.)*)"', text))
            counts[tuple(given.get(label, "") for label in labels)] += int(value)
    return counts


def await_counts(url, name, labels, expected, folded=False):
    """Until the histogram has what is expected, by those labels; `folded`: their values in small letters."""
    seen = Counter()

    def same():
        seen.clear()
        for values, count in counts_of(metrics(url), name, *labels).items():
            seen[tuple(value.lower() for value in values) if folded else values] += count
        return seen == expected
    try:
        wait_until(same, name)
    except Failure:
        check_equal(seen, expected, f"{name} by {labels}")


def metrics(url):
    status, headers, body = curl(url + "/metrics")
    check_equal((status, headers["content-type"]), (200, "text/plain; version=0.0.4; charset=utf-8"), "status and type of /metrics")
    return samples(body)


def await_requests(url, count):
    """Until the histogram has that many requests; more are wrong at once."""
    def enough():
        seen = total(metrics(url), DURATION + "_count")
        check(seen <= count, f"/metrics tells of {seen:.0f} requests, {count} were sent")
        return seen == count
    wait_until(enough, f"{count} requests on /metrics")


@case()
def status_endpoints(workspace):
    """/healthz, /readyz and /metrics: every counter is the one of the summary, requests are counted exactly, the end is quick."""
    server = servers.cpp(workspace, "--threads", "2")
    tracer = Tracer.attach(workspace, [server.pid], "--status-listen", "127.0.0.1:0")
    url = tracer.facts["status"]
    port = int(url.rsplit(":", 1)[1])
    check_equal([curl(url + path)[0] for path in ("/healthz", "/readyz", "/nothing")], [200, 200, 404], "statuses")
    check_equal(curl(url + "/metrics", "-X", "DELETE")[0], 405, "status of DELETE")
    sent = Load(workspace, server.port, connections=8, requests=400, statuses="200,404,503", post_every=4).finish()
    tracer.await_spans(400)
    await_requests(url, 400)
    values = metrics(url)
    for status in (200, 404, 503):
        expected = sum(1 for exchange in sent if exchange.status == status)
        check_equal(total(values, DURATION + "_count", f'http_response_status_code="{status}"'), expected, f"requests answered {status}")
    check_equal(total(values, DURATION + "_bucket", 'le="+Inf"'), 400, "the last bucket")
    check_equal(total(values, "wirespan_exporter_exported_total", 'exporter="json"'), 400, "exported")
    check(total(values, "process_memory_usage_bytes") > 1 << 20 and total(values, "process_cpu_time_seconds_total") > 0, "own memory and CPU")
    _, headers, body = curl(url + "/metrics", "-H", "Accept: application/openmetrics-text")
    check(headers["content-type"].startswith("application/openmetrics-text") and body.endswith("\n# EOF\n"), f"OpenMetrics: {headers}")
    silent = [socket.create_connection(("127.0.0.1", port)) for _ in range(8)]  # clients that never ask must not keep the agent alive
    silent[0].sendall(b"GET /metrics HTTP/1.1\r\nHo")
    capture = tracer.stop(number=signal.SIGTERM)
    check(capture.seconds_to_stop < 2, f"stopping took {capture.seconds_to_stop:.1f} s")
    check(not accepts(port), "the port is still open after the end")
    for name, key in (("wirespan_exchanges_total", "exchanges"), ("wirespan_spans_total", "spans"), ("wirespan_chunks_total", "chunks")):
        check_equal(total(values, name), capture.summary[key], f"{name} against the summary")
    for name, count in capture.summary["kernel"].items():
        check_equal(total(values, f"wirespan_kernel_{name}_total"), count, f"kernel's {name} against the summary")
    named = {text for name, text in values if name == "wirespan_losses_total"}
    check(len(named) > 40 and '{reason="ring_full"}' in named, f"named losses: {sorted(named)}")
    check_equal(total(values, "wirespan_losses_total"), 0, "losses")
    check_same(sent, capture.of_kind("SERVER"), "SERVER spans")


@case()
def status_while_starting(workspace):
    """The address answers before the probes are in place, and says that they are not."""
    server = servers.cpp(workspace)
    port = free_port()
    tracer = Tracer(workspace, "attach", ["--pid", str(server.pid)], ["--status-listen", f"127.0.0.1:{port}"])
    wait_until(lambda: accepts(port), "the address is open")
    early = curl(f"http://127.0.0.1:{port}/readyz")
    tracer.await_ready()
    wait_until(lambda: curl(f"http://127.0.0.1:{port}/readyz")[0] == 200, "ready")
    check(early[0] in (200, 503) and (early[0] == 200 or early[2] == "the probes are not in place yet\n"), f"before it was ready: {early}")
    check_equal(tracer.stop().status, 0, "exit status")


@case(timeout=180)
def status_prometheus(workspace):
    """A real Prometheus scrapes the agent and answers a query with the exact number of requests; promtool finds nothing to blame."""
    program = require_program("prometheus")
    server = servers.cpp(workspace, "--threads", "2")
    tracer = Tracer.attach(workspace, [server.pid], "--status-listen", "127.0.0.1:0")
    url = tracer.facts["status"]
    config = workspace.write("prometheus.yml", f"""
global: {{scrape_interval: 1s}}
scrape_configs:
  - job_name: agent
    honor_labels: true
    static_configs: [{{targets: ["{url.removeprefix('http://')}"]}}]
""")
    address = f"127.0.0.1:{free_port()}"
    workspace.start("prometheus", [program, "--config.file", config, "--storage.tsdb.path", workspace.path("tsdb"), "--web.listen-address", address],
                    env=environment())

    def query(text):
        status, _, body = curl(f"http://{address}/api/v1/query?" + urllib.parse.urlencode({"query": text}))
        return [(row["metric"], float(row["value"][1])) for row in json.loads(body)["data"]["result"]] if status == 200 else []

    wait_until(lambda: accepts(int(address.rsplit(":", 1)[1])), "Prometheus listens", 60)
    wait_until(lambda: query('up{job="agent"}') and query('up{job="agent"}')[0][1] == 1, "Prometheus has scraped the agent", 60)
    requests = 700
    sent = Load(workspace, server.port, connections=8, requests=requests, statuses="200,404,503", post_every=4).finish()
    wait_until(lambda: [value for _, value in query(f"sum({DURATION}_count)")] == [requests], f"{requests} requests in Prometheus", 30)
    by_status = {row["http_response_status_code"]: value for row, value in query(f"sum by (http_response_status_code) ({DURATION}_count)")}
    check_equal(by_status, {str(s): float(sum(1 for e in sent if e.status == s)) for s in (200, 404, 503)}, "requests by status")
    joined = query(f"sum by (job, process_pid) ({DURATION}_count * on (job, instance) group_left (process_pid) target_info)")
    check_equal([(row["process_pid"], value) for row, value in joined], [(str(server.pid), requests)], "joined with target_info")
    check_equal(query('histogram_quantile(1, sum by (le) (http_server_request_duration_seconds_bucket)) > bool 0')[0][1], 1.0, "a quantile")
    lint = subprocess.run([require_program("promtool"), "check", "metrics"], input=curl(url + "/metrics")[2].encode(), capture_output=True, check=False)
    check_equal((lint.returncode, lint.stdout + lint.stderr), (0, b""), "promtool check metrics")
    check_equal(tracer.stop().summary["exchanges"], requests, "exchanges in the summary")


def refused(workspace, address, *arguments):
    mark = workspace.path("started")
    done = subprocess.run([WIRESPAN, *arguments, "--status-listen", address, "--", require_program("touch"), mark], capture_output=True, text=True,
                          check=False, timeout=60, env=environment())
    check(not os.path.exists(mark), f"{address}: the command was started")
    lines = done.stderr.splitlines()
    check(len(lines) == 1 and "--status-listen" in lines[0], f"{address}: not one line that names the option: {lines}")
    return done.returncode, lines[0]


@case()
def status_address_refused(workspace):
    """A port that is taken, an address that is not ours, text that is none: one line each, and the command is never started."""
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, line = refused(workspace, f"127.0.0.1:{port}", "run")
        check(code == 1 and f"127.0.0.1:{port}" in line and "in use" in line, f"taken port: {code} {line}")
    code, line = refused(workspace, "192.0.2.1:0", "run")
    check(code == 1 and "192.0.2.1" in line, f"foreign address: {code} {line}")
    for text in ("9464", "127.0.0.1:99999", ":9464"):
        code, line = refused(workspace, text, "run")
        check(code == 2 and text in line, f"{text}: {code} {line}")


@case()
def status_of_run(workspace):
    """`run` answers too, and its end is the command's."""
    capture_file = workspace.path("answer")
    script = workspace.write("ask.sh", "curl -s \"$1\" > \"$2\"; exit 7\n")
    port = free_port()
    tracer = Tracer.run(workspace, [require_program("sh"), script, f"http://127.0.0.1:{port}/healthz", capture_file],
                        "--status-listen", f"127.0.0.1:{port}")
    require_program("curl")
    capture = tracer.collect()
    check_equal(capture.status, 7, f"exit status {capture.errors[-2:]}")
    with open(capture_file) as answer:
        check_equal(answer.read(), "ok\n", "the answer that the command got")
