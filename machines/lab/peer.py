"""What scenarios share: binding functions, running a program under QMP, and the reckoning.

Runs inside the lab machine. Nothing here sleeps: every wait is for a reply, an event, or the end of
a program, and has a deadline.
"""

import fnmatch
import json
import os
import shutil
import socket
import subprocess
import sys
import time

#: QEMU, the program whose behaviour is the measure.
PEER = "qemu-system-x86_64"
#: The program under test; PEER itself to test a scenario.
SUBJECT = os.environ.get("SWIFTVMM_PROGRAM", "swiftvmm")
#: How long one program may take, in seconds.
TIME_LIMIT = 30

DEVICES = "/sys/bus/pci/devices"
DRIVERS = "/sys/bus/pci/drivers"


class Failure(Exception):
    """Why a case failed, in one line."""


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def driver_of(address):
    """The name of the driver that has a function, or None."""
    link = f"{DEVICES}/{address}/driver"
    return os.path.basename(os.readlink(link)) if os.path.exists(link) else None


def bind(address, driver):
    """Gives a function to a driver, "vfio-pci" or its native one."""
    if driver_of(address) == driver:
        return
    override = driver if driver == "vfio-pci" else "\n"
    write(f"{DEVICES}/{address}/driver_override", override)
    if driver_of(address):
        write(f"{DEVICES}/{address}/driver/unbind", address)
    write("/sys/bus/pci/drivers_probe", address)
    if driver_of(address) != driver:
        raise Failure(f"{address} is bound to {driver_of(address)}, not to {driver}")


def require_programs(*names):
    """Ends the scenario when a program it needs is not in the machine."""
    for name in names:
        if not shutil.which(name):
            print(
                f"{name} is not in the lab machine: build it with 'swift build -c release', or"
                f" name it with --program {name}=PATH"
                + (", or give --peer-only" if name == "swiftvmm" else "")
            )
            sys.exit(2)


class Program:
    """One started program with its standard error in FOLDER/NAME.stderr."""

    def __init__(self, name, command, folder, limit=TIME_LIMIT):
        self.name = name
        self.limit = limit
        self.deadline = time.monotonic() + limit
        write(f"{folder}/{name}.command", " ".join(command) + "\n")
        with open(f"{folder}/{name}.stderr", "wb") as errors:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=errors, stderr=errors
            )

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def remaining(self):
        return max(self.deadline - time.monotonic(), 0.001)

    def wait(self):
        """Waits for the program's end and returns its exit status."""
        try:
            return self.process.wait(timeout=self.remaining())
        except subprocess.TimeoutExpired:
            raise Failure(f"{self.name} did not end within {self.limit} s") from None


class Monitor:
    """A QMP connection to a Program; every message is kept in FOLDER/NAME.qmp."""

    def __init__(self, program, path, folder):
        self.program = program
        self.transcript = open(f"{folder}/{program.name}.qmp", "w")
        self.events = []
        self.socket = self._connect(path)
        self.reader = self.socket.makefile("r")
        if "QMP" not in self._receive("a greeting"):
            raise Failure(f"{program.name} sent no QMP greeting")
        self.execute("qmp_capabilities")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.transcript.close()

    def _connect(self, path):
        # The socket appears and then listens; until then the wait is for the program to fail.
        while True:
            connection = socket.socket(socket.AF_UNIX)
            try:
                connection.connect(path)
                return connection
            except OSError:
                connection.close()
            try:
                status = self.program.process.wait(timeout=min(0.01, self.program.remaining()))
                raise Failure(f"{self.program.name} ended with status {status}")
            except subprocess.TimeoutExpired:
                if time.monotonic() >= self.program.deadline:
                    raise Failure(f"{self.program.name} opened no QMP socket") from None

    def _receive(self, what):
        self.socket.settimeout(self.program.remaining())
        try:
            line = self.reader.readline()
        except TimeoutError:
            raise Failure(f"{self.program.name}: no {what} within {self.program.limit} s") from None
        except ConnectionResetError:
            line = ""
        if not line:
            raise Failure(f"{self.program.name} closed QMP before {what}")
        self.transcript.write(f"< {line}")
        self.transcript.flush()
        return json.loads(line)

    def execute(self, command, **arguments):
        """Runs a command and returns what it returns; events meanwhile are kept for wait_for."""
        request = {"execute": command}
        if arguments:
            request["arguments"] = arguments
        line = json.dumps(request) + "\n"
        self.transcript.write(f"> {line}")
        self.socket.sendall(line.encode())
        while True:
            message = self._receive(f"answer to {command}")
            if "event" in message:
                self.events.append(message["event"])
            elif "error" in message:
                raise Failure(f"{self.program.name}: {command}: {message['error']['desc']}")
            else:
                return message["return"]

    def wait_for(self, event):
        """Waits for the next event of this name."""
        while event not in self.events:
            self.events.append(self._receive(f"event {event}").get("event"))
        self.events = self.events[self.events.index(event) + 1 :]


class QTest:
    """A connection to a Program's qtest socket, for port and memory accesses."""

    def __init__(self, program, path):
        self.program = program
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.settimeout(program.remaining())
        self.socket.connect(path)
        self.reader = self.socket.makefile("r")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def command(self, line):
        """Sends one command and returns the words after OK."""
        self.socket.sendall(f"{line}\n".encode())
        answer = self.reader.readline().split()
        if not answer or answer[0] != "OK":
            raise Failure(f"{self.program.name}: {line}: {' '.join(answer) or 'no answer'}")
        return answer[1:]

    def write_config(self, slot, offset, value):
        """Writes 16 bits of a function's config space on bus 0, as a guest does by ports."""
        self.command(f"outl 0xcf8 {0x80000000 | slot << 11 | offset & 0xfc:#x}")
        self.command(f"outw {0xCFC + (offset & 2):#x} {value:#x}")


#: The guest's command register in the reset that was recorded in 2023.
RECORDED_COMMAND = 0x142


def record_reset(program, functions, folder, options=()):
    """Records the trace of one machine reset into FOLDER/reset.log; returns that path.

    `functions` are behind one iommufd at guest addresses 04.0 and up. Their command registers are set
    through the ports 0xcf8 and 0xcfc, the vfio events switched on, and the machine reset by QMP.
    """
    log = f"{folder}/reset.log"
    sockets = {name: f"{folder}/{name}.socket" for name in ("qmp", "qtest")}
    for path in (log, *sockets.values()):
        if os.path.exists(path):
            os.remove(path)
    slots = range(4, 4 + len(functions))
    command = [program, "-machine", "q35", "-accel", "qtest", "-m", "64M", "-S", "-nographic"]
    command += ["-nodefaults", "-object", "iommufd,id=iommufd0", "-D", log, *options]
    for slot, function in zip(slots, functions):
        command += ["-device", f"vfio-pci,host={function},iommufd=iommufd0,addr={slot:02x}.0"]
    for name, path in sockets.items():
        command += [f"-{name}", f"unix:{path},server=on,wait=off"]
    with Program("swiftvmm", command, folder) as running:
        with Monitor(running, sockets["qmp"], folder) as monitor:
            with QTest(running, sockets["qtest"]) as guest:
                for slot in slots:
                    guest.write_config(slot, 0x04, RECORDED_COMMAND)
            monitor.execute("trace-event-set-state", name="vfio*", enable=True)
            monitor.execute("system_reset")
            monitor.wait_for("RESET")
            monitor.execute("quit")
        status = running.wait()
    if status != 0:
        raise Failure(f"swiftvmm ended with status {status}, see {folder}/swiftvmm.stderr")
    return log


def run_cases(cases, check, patterns):
    """Runs check(case, folder) for each named case that a pattern takes; prints the reckoning.

    `cases` maps names to what check takes. Returns the scenario's exit status.
    """
    chosen = [
        name
        for name in cases
        if not patterns or any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]
    if not chosen:
        print(f"no case matches {' '.join(patterns)}; there are: {' '.join(cases)}")
        return 2
    failed = 0
    for name in chosen:
        folder = f"/lab/output/{name}"
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
        started = time.monotonic()
        try:
            check(cases[name], folder)
            verdict = "passed"
        except Failure as failure:
            failed += 1
            verdict = f"failed: {failure}"
        print(f"{name}: {verdict} ({time.monotonic() - started:.1f} s)", flush=True)
    print(f"{len(chosen) - failed} passed, {failed} failed")
    return 1 if failed else 0
