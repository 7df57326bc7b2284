"""Starts real servers as anybody would, on a free port, in the test's own directory."""
import grp
import os
import signal
import sys

from .compare import read_server_log
from .workspace import PROGRAMS, Failure, Skip, accepts, free_port, require_program, wait_until

REAL_PYTHON = os.path.realpath(sys.executable)
DEBIAN_PYTHON = "/usr/bin/python3"  # which has the modules of Debian's packages


class Server:
    """A running server: where it listens, which processes it is, what it logged."""

    def __init__(self, process, port, log, stop_signal=signal.SIGTERM, read_log=read_server_log):
        self.process = process
        self.port = port
        self.pid = process.pid
        self._log = log
        self._stop_signal = stop_signal
        self._read_log = read_log

    def stop(self):
        """Ends it and returns its whole log."""
        self.process.end(self._stop_signal)
        return self.log()

    def log(self):
        return self._read_log(self._log) if self._log else []


def _started(workspace, name, argv, log, **options):
    process = workspace.start(name, argv, **options)
    port = int(process.await_line("stdout", "listening"))
    return Server(process, port, log)


def cpp(workspace, *options, name="server"):
    log = workspace.path(f"{name}.log")
    return _started(workspace, name, [workspace.built("ws_test_server"), "--log", log, *options], log)


def python(workspace, *options, name="python"):
    log = workspace.path(f"{name}.log")
    return _started(workspace, name, [REAL_PYTHON, os.path.join(PROGRAMS, "server.py"), "--log", log, *options], log)


def odd(workspace, mode):
    log = workspace.path("odd.log")
    return _started(workspace, mode, [REAL_PYTHON, os.path.join(PROGRAMS, "odd_server.py"), "--log", log, "--mode", mode], log)


def node(workspace):
    log = workspace.path("node.log")
    return _started(workspace, "node", [require_program("node"), os.path.join(PROGRAMS, "server.js"), log], log)


def go(workspace):
    log = workspace.path("go.log")
    return _started(workspace, "go", [workspace.built("go_server"), log], log)


def java(workspace):
    log = workspace.path("java.log")
    return _started(workspace, "java", [require_program("java"), os.path.join(PROGRAMS, "java", "Server.java"), log], log)


def listening(workspace, name, port, argv, stop_signal=signal.SIGTERM, **options):
    """Any server that is told its port and keeps no log of exchanges."""
    return _listening(workspace, name, port, argv, None, stop_signal, **options)


def _listening(workspace, name, port, argv, log, stop_signal=signal.SIGTERM, **options):
    process = workspace.start(name, argv, **options)

    def up():
        if not process.running():
            raise Failure(f"{name} ended at start: {process.text('stderr')[-800:]}")
        return accepts(port)
    wait_until(up, f"{name} listening on {port}")
    return Server(process, port, log, stop_signal)


NGINX = """
worker_processes {workers}; daemon off; pid {dir}/nginx.pid; error_log {dir}/nginx.error.log warn;
worker_rlimit_nofile 16000; {user}
events {{ worker_connections 12000; }}
http {{
  log_format exact '$remote_port\\t$request_method\\t$request_uri\\t$http_user_agent\\t$request_length\\t$status';
  access_log {dir}/nginx.log exact; keepalive_requests 1000000; sendfile {sendfile}; large_client_header_buffers 8 64k;
  client_body_temp_path {dir}/body; proxy_temp_path {dir}/proxy; fastcgi_temp_path {dir}/f; uwsgi_temp_path {dir}/u; scgi_temp_path {dir}/s;
  {upstreams}
  server {{
    listen 127.0.0.1:{port} {listen} backlog=2048; root {dir}/www;
    location /s/200/ {{ return 200 "ok $request_uri\\n"; }}
    location /s/204/ {{ return 204; }}
    location /s/404/ {{ return 404 "none\\n"; }}
    location /s/503/ {{ return 503 "busy\\n"; }}
    {extra}
  }}
}}
"""


def nginx(workspace, workers=1, extra="", sendfile="on", upstreams="", listen=""):
    binary = require_program("nginx")
    os.makedirs(workspace.path("www"), exist_ok=True)
    port = free_port()
    user = "user root;" if os.geteuid() == 0 else ""
    config = workspace.write("nginx.conf", NGINX.format(dir=workspace.directory, port=port, workers=workers, extra=extra, user=user,
                                                        sendfile=sendfile, upstreams=upstreams, listen=listen))
    return _listening(workspace, "nginx", port, [binary, "-p", workspace.directory, "-e", workspace.path("nginx.error.log"), "-c", config],
                      workspace.path("nginx.log"), signal.SIGQUIT)


APACHE = """
ServerRoot {dir}
PidFile {dir}/apache.pid
ErrorLog {dir}/apache.error.log
Mutex file:{dir}
DefaultRuntimeDir {dir}
Listen 127.0.0.1:{port}
ServerName load.test
LoadModule mpm_event_module {modules}/mod_mpm_event.so
LoadModule authz_core_module {modules}/mod_authz_core.so
LoadModule alias_module {modules}/mod_alias.so
User {user}
Group {group}
DocumentRoot {dir}/www
StartServers 2
ThreadsPerChild 16
KeepAlive On
MaxKeepAliveRequests 0
KeepAliveTimeout 60
LogFormat "%{{remote}}p\\t%m\\t%U%q\\t%{{User-Agent}}i\\t0\\t%>s" exact
CustomLog {dir}/apache.log exact
AliasMatch "^/s/200/.*$" {dir}/www/ok.txt
RedirectMatch 404 "^/s/404/"
RedirectMatch 403 "^/s/403/"
{extra}
"""


def apache(workspace, extra=""):
    binary = require_program("apache2")
    modules = "/usr/lib/apache2/modules"
    os.makedirs(workspace.path("www"), exist_ok=True)
    workspace.write("www/ok.txt", "ok\n" * 40)
    port = free_port()
    config = workspace.write("apache.conf", APACHE.format(dir=workspace.directory, port=port, modules=modules,
                                                          user="www-data" if os.geteuid() == 0 else os.environ.get("USER", "nobody"),
                                                          group="www-data" if os.geteuid() == 0 else grp.getgrgid(os.getegid()).gr_name,
                                                          extra=extra))
    return _listening(workspace, "apache2", port, [binary, "-D", "FOREGROUND", "-f", config], workspace.path("apache.log"),
                      signal.SIGWINCH)  # ends after the requests it has, and their log lines


HAPROXY = """
global
  maxconn 2000
defaults
  mode http
  timeout client 30s
  timeout server 30s
  timeout connect 5s
  option http-keep-alive
frontend f
  bind 127.0.0.1:{port}
  default_backend b
backend b
  server s 127.0.0.1:{backend}
"""


def haproxy(workspace, backend):
    binary = require_program("haproxy")
    port = free_port()
    config = workspace.write("haproxy.cfg", HAPROXY.format(port=port, backend=backend))
    return _listening(workspace, "haproxy", port, [binary, "-db", "-f", config], None)


PHP_FPM = """
[global]
daemonize = no
pid = {dir}/php-fpm.pid
error_log = {dir}/php-fpm.log
[test]
listen = {listen}
listen.mode = 0666
{user}
pm = static
pm.max_children = 2
"""


def php_fpm(workspace, over_unix):
    """PHP-FPM, and where it listens: the path of a unix socket, or address and port."""
    directory = "/usr/sbin"
    names = sorted(name for name in os.listdir(directory) if name.startswith("php-fpm")) if os.path.isdir(directory) else []
    if not names:
        raise Skip("php-fpm is not installed")
    is_root = os.geteuid() == 0
    port = 0 if over_unix else free_port()
    listen = workspace.path("php.sock") if over_unix else f"127.0.0.1:{port}"
    config = workspace.write("php-fpm.conf", PHP_FPM.format(dir=workspace.directory, listen=listen, user="user = root\ngroup = root" if is_root else ""))
    process = workspace.start("php-fpm", [os.path.join(directory, names[-1]), "--nodaemonize", "--fpm-config", config,
                                          *(["--allow-to-run-as-root"] if is_root else [])])
    wait_until(lambda: os.path.exists(listen) if over_unix else accepts(port), "php-fpm's socket")
    return Server(process, port, None, signal.SIGQUIT), listen


def nginx_with_php(workspace, listen):
    """nginx in front of PHP-FPM: /php/... over a connection for each request, /php/kept/... over kept ones."""
    upstream = f"unix:{listen}" if listen.startswith("/") else listen
    common = f"include /etc/nginx/fastcgi_params; fastcgi_param SCRIPT_FILENAME {PROGRAMS}/answer.php;"
    return nginx(workspace, extra=f"location /php/ {{ {common} fastcgi_pass {upstream}; }}\n"
                                  f"location /php/kept/ {{ {common} fastcgi_keep_conn on; fastcgi_pass kept; }}",
                 upstreams=f"upstream kept {{ server {upstream}; keepalive 4; }}")


def apache_with_php(workspace, listen):
    """The same of Apache."""
    script = f"{PROGRAMS}/answer.php"
    upstream = f"unix:{listen}|fcgi://localhost{script}" if listen.startswith("/") else f"fcgi://{listen}{script}"
    return apache(workspace, extra=f"""
LoadModule proxy_module /usr/lib/apache2/modules/mod_proxy.so
LoadModule proxy_fcgi_module /usr/lib/apache2/modules/mod_proxy_fcgi.so
ProxyPassMatch "^/php/kept/" "{upstream}" enablereuse=on
ProxyPassMatch "^/php/" "{upstream}"
""")
