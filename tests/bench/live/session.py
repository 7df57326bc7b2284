"""A session of the benchmark's own. The scheduler shares processors among sessions first (autogroup), so niceness alone does nothing
against the other sessions of a machine: it is the session that must have it."""
import multiprocessing
import os
import re
import resource
import signal
import sys
import traceback

from live import processes

AUTOGROUP = "/proc/self/autogroup"
niceness = None  # of the sessions to come; None: as the caller's own


def inherited_niceness():
    """Of the autogroup that this process is in; None where the kernel has none."""
    try:
        with open(AUTOGROUP, encoding="ascii") as file:
            return int(re.search(r"nice (-?\d+)", file.read()).group(1))
    except (FileNotFoundError, AttributeError):
        return None


def enter(wanted):
    os.setsid()
    if wanted is not None:
        with open(AUTOGROUP, "w", encoding="ascii") as file:
            file.write(str(wanted))


def run(function):
    """function() in a session of its own with that niceness; its value."""
    wanted = inherited_niceness() if niceness is None else niceness
    receiver, sender = multiprocessing.Pipe(duplex=False)

    def child():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # ends what it started, too
        try:
            enter(wanted)
            _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
            sender.send((function(), None))
        except Exception as error:  # the parent says it
            sender.send((None, f"{error}\n{traceback.format_exc()}"))
        finally:
            processes.end_all()

    process = multiprocessing.get_context("fork").Process(target=child)
    process.start()
    sender.close()
    try:
        value, error = receiver.recv()
    except EOFError:
        value, error = None, "the measurement ended without a word"
    except KeyboardInterrupt:
        process.terminate()
        raise
    process.join()
    if error:
        raise RuntimeError(error)
    return value
