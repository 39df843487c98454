"""What the contract scenarios share: functions made ready for VFIO, and a file that names them.

The file has one line for each fixture, its name and its address (`A0 0000:81:00.0`), then one line
for each fact about the machine (`interrupt-remapping yes`). `swiftvmm-contract` reads it.
"""

import gzip
import os
import subprocess
import sys

from peer import DEVICES, Failure, bind, driver_of, require_programs, write

PROGRAM = "swiftvmm-contract"
FIXTURES = "/tmp/contract.fixtures"
PARAMETERS = "/sys/module"


def has_group(address):
    return os.path.exists(f"{DEVICES}/{address}/iommu_group")


def prepare(functions, physical, virtual):
    """Binds `functions` to vfio-pci, and the `virtual` functions that `physical` gets.

    All three map names to addresses. Returns name and address of everything there is now, and the
    native driver that each of `functions` had.
    """
    write(f"{PARAMETERS}/vfio_pci/parameters/enable_sriov", "1")
    # What has no group is refused without this, and it has to be there before the driver is bound.
    if not all(has_group(address) for address in functions.values()):
        write(f"{PARAMETERS}/vfio/parameters/enable_unsafe_noiommu_mode", "1")
    native = {name: driver_of(address) for name, address in functions.items()}
    for address in functions.values():
        bind(address, "vfio-pci")
    if physical:
        write(f"{DEVICES}/{functions[physical]}/sriov_numvfs", str(len(virtual)))
        for address in virtual.values():
            bind(address, "vfio-pci")
    return {**functions, **virtual}, native


def configured(option):
    """Whether the running kernel was built with an option."""
    with gzip.open("/proc/config.gz", "rt") as options:
        return f"CONFIG_{option}=y\n" in options


def facts(functions, native, platform):
    """The lines about the machine, as name and value, both without blanks."""
    yield from platform.items()
    yield "kvm", os.path.exists("/dev/kvm")
    yield "mock", os.path.exists("/sys/bus/iommufd_mock")
    yield "dma-buf", configured("VFIO_PCI_DMABUF")
    yield "no-iommu", not all(has_group(address) for address in functions.values())
    for name, driver in native.items():
        if driver:
            yield f"{name}.native", driver


def run(functions, platform, bridges={}, physical=None, virtual={}):
    """Makes the fixtures ready, runs the cases whose patterns are the arguments, returns the status.

    `bridges` are fixtures that no driver takes. `platform` are the facts of the machine's
    description. `physical` is the name of the function that gets `virtual` ones.
    """
    require_programs(PROGRAM)
    try:
        ready, native = prepare(functions, physical, virtual)
    except (Failure, OSError) as problem:
        print(f"fixtures: {problem}")
        return 2
    with open(FIXTURES, "w") as file:
        for name, address in (*ready.items(), *bridges.items()):
            file.write(f"{name} {address}\n")
        for name, value in facts(ready, native, platform):
            text = {True: "yes", False: "no"}.get(value, value)
            file.write(f"{name} {text}\n")
    command = [PROGRAM, "--fixtures", FIXTURES, *sys.argv[1:]]
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode
