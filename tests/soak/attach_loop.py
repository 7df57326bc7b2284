"""The second agent of the soak: started on a service that runs, ended after a moment, over and over."""
import random
import signal
import threading

import services
from support import bpf
from support.tracer import environment
from support.workspace import WIRESPAN, Failure


class AttachLoop(threading.Thread):
    def __init__(self, workspace, every_service):
        super().__init__(name="attach", daemon=True)
        self.workspace, self.services = workspace, list(every_service.values())
        self.cycles = 0
        self.objects = set()  # every BPF object that one of these agents has held
        self.failures = []
        self._stopping = threading.Event()

    def run(self):
        while not self._stopping.wait(random.uniform(0.2, 2)) and len(self.failures) < 5:
            instance = random.choice(self.services).current
            if instance:
                self.attach(instance)

    def attach(self, instance):
        process = self.workspace.start("second", [WIRESPAN, "attach", "--pid", str(instance.pid), "--format", "none"],
                                       env=environment())
        try:
            process.await_line("stderr", "ready:", 120)
            try:
                self.objects |= bpf.bpf_objects(process.pid)
            except FileNotFoundError:
                pass  # its service has ended, and it with it
            services.settle(random.uniform(0.5, 3))
        except Failure as failure:
            if "no such process" not in str(failure):  # the service was replaced before the agent looked
                self.failures.append(str(failure))
        process.send_signal(random.choice((signal.SIGINT, signal.SIGTERM)))
        status = process.wait(60)
        if status not in (0, 1) or (status == 1 and "no such process" not in process.text("stderr")):
            self.failures.append(f"exit status {status}: {process.text('stderr')[-300:]}")
        self.workspace.forget(process)
        self.cycles += 1

    def stop(self):
        self._stopping.set()
        self.join(240)
