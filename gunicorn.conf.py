"""How gunicorn serves the application. Command-line options override what stands here.

The settings of the service itself are not here: they are the CDS_ variables.
"""

import atexit
import gc
import os
import select
import selectors
import shutil
import socket
import tempfile
import threading
import time
from contextlib import suppress
from functools import partial
from pathlib import Path

from gunicorn.workers.gthread import ThreadWorker

wsgi_app = "cds_service.serving.wsgi:app"

# Loopback: TLS and the outside address belong to the proxy in front. A container says --bind.
bind = f"127.0.0.1:{os.environ.get('PORT', '5000')}"


# A request has this long to arrive, headers and body together, from its first byte on; a connection
# that sends nothing has as long. The application says at its start where nothing keeps this time.
READ_SECONDS = 10
os.environ["HEPARIN_CDS_READ_SECONDS"] = str(READ_SECONDS)


class SlowClients(ThreadWorker):
    """Takes no thread for a connection that has sent nothing, and cuts requests that drip.

    gunicorn's own worker keeps a thread for 5 s on a connection without a byte, and for ever on a
    request that arrives byte by byte: a dozen such clients would stop a process of eight threads.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.reading = {}  # connection -> when its request must have arrived
        self.here = threading.local()  # the connection that a thread serves

    def load_wsgi(self):
        super().load_wsgi()
        application = self.wsgi

        def told_when_read(environ, start_response):
            """The application calls this once it has the whole body."""
            environ["heparin_cds.body_read"] = partial(self.reading.pop, self.here.conn, None)
            return application(environ, start_response)

        told_when_read.extensions = application.extensions
        self.wsgi = told_when_read

    def enqueue_req(self, conn):
        if conn.initialized or conn.data_ready or _has_sent(conn.sock):
            conn.data_ready = True
            super().enqueue_req(conn)
            return
        conn.sock.setblocking(False)
        conn.timeout = time.monotonic() + READ_SECONDS
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, selectors.EVENT_READ, readable)

    def handle(self, conn):
        self.here.conn = conn
        self.reading[conn] = time.monotonic() + READ_SECONDS
        try:
            return super().handle(conn)
        finally:
            self.reading.pop(conn, None)

    def murder_pending(self):
        super().murder_pending()
        now = time.monotonic()
        for conn, end in list(self.reading.items()):
            if now > end:
                with suppress(OSError):  # the thread that reads from it finds it ended
                    conn.sock.shutdown(socket.SHUT_RDWR)

    def _cap_keepalive(self, deadline):
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)


def _has_sent(sock):
    """Whether there is something to read already, as mostly there is."""
    poll = select.poll()
    poll.register(sock, select.POLLIN)
    return bool(poll.poll(0))


class LastCalls(SlowClients):
    """Told to stop, it takes the calls that wait at the door, then closes the door, then finishes.

    gunicorn's own worker takes no more calls but leaves the door open until it ends: connections
    made meanwhile seem taken, and are reset when their request is sent (gunicorn issues 2409 and
    3397; `python -m bench.restart` counts them). A closed door is refused at once, and the proxy
    asks another instance. At a reload the new workers hold the same door open.
    """

    def set_accept_enabled(self, enabled):
        super().set_accept_enabled(enabled)
        if enabled or self.alive:
            return
        for door in self.sockets:
            taken = -1
            while taken < self.nr_conns:
                taken = self.nr_conns
                self.accept(door)  # one more in nr_conns, if one waits
            door.close()
        self.sockets = []


# A call computes for some milliseconds and may wait for the EHR's FHIR server: one process per
# core for the first, threads for the second.
worker_class = LastCalls
cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
workers = int(os.environ.get("WEB_CONCURRENCY") or cores)
threads = 8

# A worker silent for `timeout` is killed; one told to stop has `graceful_timeout` for its calls.
# Clinicians wait for no card that long; the longest deadline that can be set is 30 s.
timeout = 30
graceful_timeout = 35

# Longer than the usual 60 s of a proxy, which must be the one to close an idle connection.
keepalive = 75

# Short paths and no query; a header has to hold a JWT. The body's limit is the application's.
limit_request_line = 2048
limit_request_fields = 60
limit_request_field_size = 8190

# The heartbeat is a file touched every second; on a slow disk that alone can stall a worker.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None

# The master's remote control is not used, and would want a writable home.
control_socket_disable = True

# No access log: the service writes its own lines, which hold no identifiers; a URL may.
accesslog = None

# One load of the FHIR models serves all workers. What is loaded before the fork is shared by
# them: the application opens connections and starts threads only when first used.
preload_app = True

# Workers add up their counts in files here. prometheus_client looks at the variable when it is
# imported, hence now. Counts of an earlier run must not come back: a new folder each start.
METRICS_PREFIX = "heparin-cds-metrics-"
if "PROMETHEUS_MULTIPROC_DIR" not in os.environ:
    os.environ["PROMETHEUS_MULTIPROC_DIR"] = tempfile.mkdtemp(prefix=METRICS_PREFIX)
COUNTS = Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])


def on_starting(server):
    COUNTS.mkdir(parents=True, exist_ok=True)
    for left_over in COUNTS.glob("*.db"):
        left_over.unlink()


def when_ready(server):
    # Runs once, after the load and before the first fork. Without this each full collection in
    # each worker walks tens of thousands of objects that never die: a pause inside a request,
    # and their memory pages, written to by the walk, would no longer be shared.
    gc.collect()
    gc.freeze()
    if not issubclass(server.worker_class, SlowClients):
        server.log.warning("No read timeout: this worker class waits for slow clients for ever.")


def post_worker_init(worker):
    # Before it takes a call: keys are fetched by each process for itself.
    verifier = worker.wsgi.extensions.get("token_verifier")
    if verifier is not None:
        verifier.warm_up()


def child_exit(server, worker):
    from prometheus_client import multiprocess

    multiprocess.mark_process_dead(worker.pid)


def on_exit(server):
    remove_counts()


def remove_counts():
    if COUNTS.name.startswith(METRICS_PREFIX):
        shutil.rmtree(COUNTS, ignore_errors=True)


# A start that is refused never comes to on_exit; a worker that ends must not take the folder along.
FIRST = os.getpid()
atexit.register(lambda: remove_counts() if os.getpid() == FIRST else None)
