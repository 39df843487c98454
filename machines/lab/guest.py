"""Test guests: a Linux guest whose first process is guest-init, under QEMU or swiftvmm.

Runs inside the lab machine. The guest's console is a socket: what the guest says is read from it a
line at a time, and lines are sent to it.
"""

import dataclasses
import glob
import gzip
import os
import re
import socket
import time

from peer import DEVICES, PEER, Failure, Monitor, Program, bind

#: Kernels of guests, and the folders of modules that their initrds load in the order of their names.
KERNELS = {
    "lab": ("/lab/input/kernel/bzImage", None),
    "debian": ("/lab/debian/vmlinuz", "/lab/debian/modules"),
}
APPLETS = """awk basename cat cut dd echo insmod ip ls md5sum mkdir mount nproc poweroff readlink reboot sed sh
    stty tail tr true udhcpc usleep""".split()


@dataclasses.dataclass
class GuestCase:
    """One guest: its functions, the steps of guest-init, and how it is started."""

    functions: list
    steps: str
    way: str = "iommufd"
    #: The guest's kernel, one of KERNELS.
    kernel: str = "lab"
    #: Added to each vfio-pci.
    properties: str = ""
    #: Added to -machine.
    machine: str = ""
    #: Added to the kernel's command line.
    append: str = ""
    #: The value of -cpu. A guest that probes KVM in its turn hangs the emulated processor now and then;
    #: the README, "Test guests", says what kvm-pv-eoi does.
    cpu: str = "host,-svm,-kvm-pv-eoi"
    processors: int = 1
    #: Values of -device, before the functions' own.
    devices: tuple = ()
    #: What the program says when it gives the guest up, with status 1; empty when it does not.
    refusal: str = ""
    #: How often the guest resets itself before it is told to quit.
    resets: int = 0
    #: Whether the traces of the resets are to be equal.
    compare_reset: bool = False
    #: The programs that run the guest; what two of them said is compared.
    programs: tuple = ("qemu", "swiftvmm")
    #: Whether the functions' own drivers of this machine have to take them after each guest.
    is_given_back: bool = False
    #: Whether the function sits on a root port, is taken out and put back while the guest runs.
    is_plugged: bool = False
    #: Seconds that the guest may take.
    limit: int = 300


def bind_group(function):
    """Binds a function, and what shares its IOMMU group, to vfio-pci."""
    for member in sorted(os.listdir(f"{DEVICES}/{function}/iommu_group/devices")):
        bind(member, "vfio-pci")


def complaints():
    """What the kernel of this machine has said that no guest may make it say, a line each."""
    found = []
    kmsg = os.open("/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    try:
        while True:
            try:
                line = os.read(kmsg, 8192).decode(errors="replace").split("\n")[0]
            except BlockingIOError:
                return found
            except BrokenPipeError:
                continue
            if re.search(r"BUG|WARNING:|Oops|general protection|blocked for more than", line):
                found.append(line)
    finally:
        os.close(kmsg)


def initrd_of(kernel):
    """The path of a kernel's initrd: guest-init, busybox and the kernel's modules, packed once a boot."""
    path = f"/tmp/{kernel}.gz"
    if os.path.exists(path):
        return path
    with open("/bin/busybox", "rb") as file:
        busybox = file.read()
    with open("/lab/input/lab/guest-init", "rb") as file:
        init = file.read()
    archive = b""

    def add(name, mode, content=b""):
        nonlocal archive
        fields = [0, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name) + 1, 0]
        header = b"070701" + b"".join(b"%08x" % field for field in fields)
        for part in (header + name.encode() + b"\0", content):
            archive += part + b"\0" * (-len(part) % 4)

    for folder in ("bin", "proc", "sys", "dev", "tmp"):
        add(folder, 0o040755)
    add("bin/busybox", 0o100755, busybox)
    for applet in APPLETS:
        add(f"bin/{applet}", 0o120777, b"busybox")
    add("init", 0o100755, init)
    modules = KERNELS[kernel][1]
    add("modules", 0o040755)
    for module in sorted(os.listdir(modules)) if modules else []:
        with open(f"{modules}/{module}", "rb") as file:
            add(f"modules/{module}", 0o100644, file.read())
    add("TRAILER!!!", 0)
    with open(path + ".new", "wb") as file:
        file.write(gzip.compress(archive, 1))
    os.rename(path + ".new", path)
    return path


def arguments(case, name, program):
    """The command line of one of the programs."""
    kernel_words = f"console=ttyS0 no_timer_check panic=-1 quiet {case.append} guest={case.steps}"
    words = ["-machine", f"q35{case.machine}", "-accel", "kvm", "-m", "512M"]
    words += ["-cpu", case.cpu]
    words += ["-smp", str(case.processors), "-nodefaults", "-display", "none", "-no-user-config"]
    words += ["-kernel", KERNELS[case.kernel][0], "-initrd", initrd_of(case.kernel)]
    words += ["-append", kernel_words]
    words += ["-monitor", "none", "-serial", f"unix:/tmp/{name}.console,server=on,wait=off"]
    words += ["-qmp", f"unix:/tmp/{name}.qmp,server=on,wait=off"]
    for device in case.devices:
        words += ["-device", device]
    backend = ""
    if case.way == "iommufd":
        words += ["-object", "iommufd,id=iommufd0"]
        backend = ",iommufd=iommufd0"
    if case.is_plugged:
        if program == PEER:
            # Else this machine's ACPI tables keep hot plug from the port's own registers.
            words += ["-global", "ICH9-LPC.acpi-pci-hotplug-with-bridge-support=off"]
        words += ["-device", "pcie-root-port,id=rp1,chassis=1,slot=1,addr=02.0"]
    for slot, function in enumerate(case.functions, start=4):
        place = "bus=rp1,id=f0" if case.is_plugged else f"addr={slot:02x}.0"
        words += ["-device", f"vfio-pci,host={function}{backend},{place},romfile={case.properties}"]
    return words + ["-trace", "vfio*", "-trace", "iommufd*", "-D", f"/tmp/{name}.log"]


class Console:
    """The guest's serial line; everything is kept in FOLDER/NAME.console."""

    def __init__(self, program, path, folder):
        self.program = program
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(path)
        self.transcript = open(f"{folder}/{program.name}.console", "wb")
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()
        self.transcript.close()

    def line(self):
        """The next whole line, or None when the program has closed the line."""
        while b"\n" not in self.rest:
            self.socket.settimeout(self.program.remaining())
            try:
                data = self.socket.recv(65536)
            except TimeoutError:
                raise Failure(f"{self.program.name}: the guest was silent until the time limit,"
                              f" see {self.program.name}.console") from None
            except ConnectionResetError:
                data = b""
            if not data:
                return None
            self.transcript.write(data)
            self.transcript.flush()
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return line.decode(errors="replace").strip()

    def said(self):
        """What the guest says of itself, a line each, until the program ends."""
        while (line := self.line()) is not None:
            if "guest: " in line:
                yield line[line.index("guest: ") + 7 :]

    def expect(self, words, lines):
        """Adds what the guest says to `lines` until it says `words`."""
        for line in self.said():
            lines.append(line)
            if line.startswith(words):
                return
        raise Failure(f"{self.program.name} ended before the guest said '{words}'")

    def send(self, line):
        self.socket.sendall(f"{line}\n".encode())


def steady(line):
    """A line without what may differ between two runs.

    The data written to disks, and so its sum, is random; of interrupts it is which functions had some.
    """
    line = re.sub(r" md5 \w+", "", line)
    counts = re.findall(r"(\S+) \S+ (\d+);", line)
    if not line.startswith("interrupts: ok") or not counts:
        return line
    had = sorted({source for source, count in counts if int(count) > 0})
    return "interrupts: ok " + " ".join(had)


def replug(case, monitor, console, lines):
    """Takes the function out of the running guest and puts it back."""
    address = "0000:01:00.0"
    console.expect("listening", lines)
    monitor.execute("device_del", id="f0")
    monitor.wait_for("DEVICE_DELETED")
    console.send(f"gone={address}")
    console.expect("gone=", lines)
    backend = {"iommufd": "iommufd0"} if case.way == "iommufd" else {}
    monitor.execute("device_add", driver="vfio-pci", host=case.functions[0], bus="rp1", id="f0",
                    romfile="", **backend)
    console.send(f"wait={address}")
    console.expect("wait=", lines)
    console.send("disk")
    console.send("end")


def converse(case, running, monitor, console_path, folder, lines):
    """Leads a guest through its case to its power-off and adds what it says to `lines`."""
    with Console(running, console_path, folder) as console:
        if case.is_plugged:
            replug(case, monitor, console, lines)
        if case.resets:
            for _ in range(case.resets):
                console.expect("reboot", lines)
                monitor.wait_for("RESET")
            console.expect("up", lines)
            monitor.execute("quit")
        lines += console.said()
    if not case.refusal:
        monitor.wait_for("SHUTDOWN")


def keep_state(running, monitor, folder):
    """Writes what KVM and the program know of a guest that hangs to FOLDER/NAME.state.

    KVM's counters are taken twice, two seconds apart: what stands still shows what is missing.
    """
    running.deadline = time.monotonic() + 10
    if running.process.poll() is not None:
        return
    with open(f"{folder}/{running.name}.state", "w") as state:
        for _ in range(2):
            for path in sorted(glob.glob(f"/sys/kernel/debug/kvm/{running.process.pid}-*/**",
                                         recursive=True)):
                if os.path.isfile(path):
                    with open(path) as file:
                        state.write(f"{path.split('/', 6)[-1]} {file.read().strip()}\n")
            for path in ("/proc/timer_list", "/proc/interrupts", "/proc/uptime"):
                with open(path) as file:
                    state.write(f"{path}\n{file.read()}\n")
            time.sleep(2)
        for task in sorted(glob.glob(f"/proc/{running.process.pid}/task/*")):
            for file in ("comm", "wchan", "syscall", "stack"):
                try:
                    with open(f"{task}/{file}") as text:
                        state.write(f"{task} {file} {text.read().strip()}\n")
                except OSError:
                    pass
        try:
            for words in ("info cpus", "info registers -a", "x/160gx $rsp", "info lapic 0", "info lapic 1",
                          "info pic"):
                answer = monitor.execute("human-monitor-command", **{"command-line": words})
                state.write(f"{words}\n{answer}\n")
        except (Failure, OSError) as failure:
            state.write(f"{failure}\n")


def run_guest(case, name, program, folder):
    """Runs one guest to its end and returns what it said, a list of lines."""
    paths = [f"/tmp/{name}.{kind}" for kind in ("console", "qmp", "log")]
    for path in paths:
        if os.path.exists(path):
            os.remove(path)
    lines = []
    command = [program, *arguments(case, name, program)]
    try:
        with Program(name, command, folder, limit=case.limit) as running:
            with Monitor(running, paths[1], folder) as monitor:
                try:
                    converse(case, running, monitor, paths[0], folder, lines)
                except Failure:
                    keep_state(running, monitor, folder)
                    raise
            status = running.wait()
    finally:
        if os.path.exists(paths[2]):
            with open(paths[2]) as log, open(f"{folder}/{name}.log", "w") as copy:
                copy.write(log.read())
    with open(f"{folder}/{name}.said", "w") as file:
        file.write("".join(line + "\n" for line in lines))
    if case.refusal:
        with open(f"{folder}/{name}.stderr") as file:
            if status != 1 or case.refusal not in file.read():
                raise Failure(f"{name} did not give the guest up, status {status}, see {name}.stderr")
        return lines
    if status != 0:
        raise Failure(f"{name} ended with status {status}, see {name}.stderr")
    if not lines or not lines[0].startswith("up"):
        raise Failure(f"{name}: the guest did not come up, see {name}.console")
    if not case.resets and lines[-1] != "end":
        raise Failure(f"{name}: the guest did not get to its end, see {name}.console")
    for line in lines:
        if ": failed:" in line:
            raise Failure(f"{name}: {line}")
    if case.compare_reset:
        keep_resets(f"{folder}/{name}.log", f"{folder}/{name}.resets")
    # The chipset's own functions are not the same in both.
    return [steady(line) for line in lines if not line.startswith("function 0000:00:1f.")]


#: A memory line with the two ends, or the start and the size, of what it is about.
RANGE = re.compile(r"region_del 0x([0-9a-f]+) - 0x([0-9a-f]+)")
#: The chipset's own windows: after the functions' resets, QEMU's chipset and ours reset these and RAM.
CHIPSET = {0x0, 0xB0000000, 0xFED1C000}


def keep_resets(log, path):
    """Leaves of a trace what happened to the functions in each reset, from the first line to the last.

    With QEMU a firmware places the BARs and enables I/O, with swiftvmm the guest's kernel does: of what
    goes out of the memory map this keeps the sizes, and of the command register all but I/O. The
    firmware also resets the machine once more, before it has placed a BAR: such a reset is left out.
    """
    resets = []
    inside = False
    with open(log) as source:
        for line in source:
            if "vfio_pci_hot_reset_has_dep_devices" in line or "vfio_pci_reset " in line:
                if not inside:
                    resets.append([])
                inside = True
            elif "vfio_listener_" in line:
                ends = RANGE.search(line)
                if ends is None or int(ends[1], 16) in CHIPSET:
                    inside = False
                else:
                    size = int(ends[2], 16) - int(ends[1], 16) + 1
                    line = line.replace(ends[0], f"region_del {size:#x} bytes")
            if inside:
                line = re.sub(r" iova=0x[0-9a-f]+", "", line)
                line = re.sub(r"(?<=@0x4, len=0x2\) )0x[0-9a-f]+",
                              lambda value: hex(int(value[0], 16) & ~1), line)
                resets[-1].append(line)
    with open(path, "w") as kept:
        for number, reset in enumerate(resets):
            if number == 0 or any("region_del" in line for line in reset):
                kept.writelines(reset)
