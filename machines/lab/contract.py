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

    `functions` and `virtual` map names to addresses, `physical` is a name.
    """
    write(f"{PARAMETERS}/vfio_pci/parameters/enable_sriov", "1")
    # What has no group is refused without this, and it has to be there before the driver is bound.
    if any(not has_group(address) for address in functions.values()):
        write(f"{PARAMETERS}/vfio/parameters/enable_unsafe_noiommu_mode", "1")
    for address in functions.values():
        bind(address, "vfio-pci")
    if physical:
        write(f"{DEVICES}/{functions[physical]}/sriov_numvfs", str(len(virtual)))
        for address in virtual.values():
            bind(address, "vfio-pci")


def configured(option):
    """Whether the running kernel was built with an option."""
    with gzip.open("/proc/config.gz", "rt") as options:
        return f"CONFIG_{option}=y\n" in options


def facts(functions):
    """What can be seen of the machine before vfio-pci has the functions: it makes groups itself."""
    facts = {
        "kvm": os.path.exists("/dev/kvm"),
        "mock": os.path.exists("/sys/bus/iommufd_mock"),
        "dma-buf": configured("VFIO_PCI_DMABUF"),
        "no-iommu": any(not has_group(address) for address in functions.values()),
    }
    for name, address in functions.items():
        if driver_of(address):
            facts[f"{name}.native"] = driver_of(address)
    return facts


def run(functions, platform, bridges=None, physical=None, virtual=None):
    """Makes the fixtures ready, runs the cases whose patterns are the arguments, returns the status.

    `bridges` are fixtures that no driver takes. `platform` are the facts of the machine's
    description. `physical` is the name of the function that gets `virtual` ones.
    """
    require_programs(PROGRAM)
    virtual, bridges = virtual or {}, bridges or {}
    try:
        seen = facts(functions)
        prepare(functions, physical, virtual)
    except (Failure, OSError) as problem:
        print(f"fixtures: {problem}")
        return 2
    with open(FIXTURES, "w") as file:
        for name, value in {**functions, **virtual, **bridges, **platform, **seen}.items():
            file.write(f"{name} { {True: 'yes', False: 'no'}.get(value, value) }\n")
    command = [PROGRAM, "--fixtures", FIXTURES, *sys.argv[1:]]
    return subprocess.run(command, stdin=subprocess.DEVNULL).returncode
