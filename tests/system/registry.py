"""The list of system tests: a function under @case is one, and one ctest."""
import inspect

CASES = {}


class Case:
    def __init__(self, function, serial, timeout, bpf):
        self.function = function
        self.name = function.__name__
        self.serial = serial      # must not share the machine with other tests
        self.timeout = timeout    # seconds
        self.bpf = bpf            # attaches probes
        self.text = inspect.getdoc(function) or ""


def case(serial=False, timeout=120, bpf=True):
    def register(function):
        if function.__name__ in CASES:
            raise ValueError(f"two system tests named {function.__name__}")
        CASES[function.__name__] = Case(function, serial, timeout, bpf)
        return function
    return register
