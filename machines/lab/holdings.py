"""What the host holds for guests: counted before and after, so that a leak shows as a difference."""

import os

#: Kernel objects that a machine or an assigned function has; those that the kernel has no cache of
#: its own for are in the counts of descriptors and pages.
CACHES = ("kvm_vcpu", "x86_emulator", "kvm_mmu_page_header", "iommu_iova", "eventpoll_epi",
          "task_struct", "shmem_inode_cache", "sock_inode_cache", "vm_area_struct", "iommufd")


def _numbers(path):
    """Lines NAME NUMBER of a file, as a dictionary; empty where the kernel has no such file."""
    found = {}
    try:
        with open(path) as file:
            for line in file:
                words = line.replace(":", " ").split()
                if len(words) >= 2 and words[1].isdigit():
                    found[words[0]] = int(words[1])
    except OSError:
        pass
    return found


def _entries(path):
    return len(os.listdir(path)) if os.path.isdir(path) else 0


def count():
    """All that is counted, by name."""
    with open("/proc/sys/fs/file-nr") as file:
        held = {"open files": int(file.read().split()[0])}
    with open("/proc/loadavg") as file:
        held["threads of the host"] = int(file.read().split()[3].split("/")[1])
    held["files in /dev/shm"] = _entries("/dev/shm")
    machines = "/sys/kernel/debug/kvm"
    if os.path.isdir(machines):
        held["KVM machines"] = sum(
            os.path.isdir(f"{machines}/{name}") for name in os.listdir(machines))
    pages = _numbers("/proc/vmstat")
    for name in ("nr_shmem", "nr_anon_pages", "nr_mlock", "nr_iommu_pages", "nr_page_table_pages",
                 "nr_foll_pin_acquired", "nr_foll_pin_released"):
        if name in pages:
            held[name] = pages[name]
    if "nr_foll_pin_acquired" in held:
        held["pages pinned"] = held.pop("nr_foll_pin_acquired") - held.pop("nr_foll_pin_released")
    memory = _numbers("/proc/meminfo")
    for name in ("Slab", "SUnreclaim", "KernelStack", "Percpu", "VmallocUsed", "MemAvailable"):
        if name in memory:
            held[f"{name} KiB"] = memory[name]
    caches = _numbers("/proc/slabinfo")
    for name in CACHES:
        if name in caches:
            held[name] = caches[name]
    return held


#: What has to be the same again; the rest is shown.
EXACT = ("KVM machines", "files in /dev/shm", "pages pinned", "nr_mlock", "nr_shmem", "iommu_iova",
         "kvm_vcpu")
#: What others of a running system open and close.
NEARLY = {"open files": 64, "threads of the host": 8, "nr_iommu_pages": 16}


def differences(before, after):
    """What is left over, a line each."""
    left = []
    for name, value in after.items():
        allowed = 0 if name in EXACT else NEARLY.get(name)
        if allowed is not None and value - before[name] > allowed:
            left.append(f"{name}: {before[name]} before, {value} after")
    return left


def report(before, after):
    """A table of all counts."""
    return "".join(
        f"{name:24} {before[name]:10} {value:10} {value - before[name]:+}\n"
        for name, value in after.items())
