internal import SystemPackage

extension AcceleratorError {
  /// A sentence for the user, in QEMU's words where it has some, and what to do about it.
  package var message: String {
    let fact = errno.map { "\(what): \($0)" } ?? what
    guard let advice else { return fact }
    return "\(fact)\n\(advice)"
  }

  private var what: String {
    switch operation {
    case .openKVM: "Could not access KVM kernel module"
    case .readVersion: "Could not read the KVM API version"
    case .matchVersion(let found) where found < 12: "kvm version too old (\(found), needed is 12)"
    case .matchVersion(let found): "kvm version not supported (\(found), needed is 12)"
    case .requireCapability(let name): "kvm does not support \(name)"
    case .createVM: "ioctl(KVM_CREATE_VM) failed"
    case .setIdentityMap: "ioctl(KVM_SET_IDENTITY_MAP_ADDR) failed"
    case .setTaskStateSegment: "ioctl(KVM_SET_TSS_ADDR) failed"
    case .createInterruptController: "Create kernel irqchip failed"
    case .createTimer: "Create kernel PIC irqchip failed: ioctl(KVM_CREATE_PIT2)"
    case .splitInterruptController: "Could not enable split irqchip mode"
    case .saveInterruptController: "Could not read the state of the kernel irqchip"
    case .restoreInterruptController: "Could not reset the kernel irqchip"
    case .readCPUID: "ioctl(KVM_GET_SUPPORTED_CPUID) failed"
    case .readCPUProperties: "Could not read what KVM knows of CPUs"
    case .limitCPUs(let count, let maximum):
      "Number of SMP cpus requested (\(count)) exceeds the maximum cpus supported by KVM "
        + "(\(maximum))"
    case .enforceCPUModel(let names): CPUModelError.missing(names).message
    case .makeCPU(let number, let step): "\(text(of: step)) failed for vCPU \(number)"
    case .setCPUState(let number, let command): "ioctl(\(command)) failed for vCPU \(number)"
    case .setInterruptRoutes: "ioctl(KVM_SET_GSI_ROUTING) failed"
    case .createVFIODevice: "Failed to create KVM VFIO device"
    case .addVFIOFile(let file): "Failed to add fd \(file) to KVM VFIO device"
    case .removeVFIOFile(let file): "Failed to remove fd \(file) from KVM VFIO device"
    case .setMemorySlot(let start, let size, let isAddition):
      "\(isAddition ? "Adding" : "Removing") the KVM memory slot at \(hexadecimal(start)), "
        + "\(hexadecimal(size)) bytes, failed"
    case .findMemorySlot(let start, let size):
      "No free KVM memory slot for \(hexadecimal(size)) bytes at \(hexadecimal(start))"
    }
  }

  private func text(of step: AcceleratorError.CPUStep) -> String {
    switch step {
    case .create: "ioctl(KVM_CREATE_VCPU)"
    case .map: "mmap of the run area"
    case .setCPUID: "ioctl(KVM_SET_CPUID2)"
    case .readState(let command): "ioctl(\(command))"
    case .startThread: "Starting the thread"
    }
  }

  private var advice: String? {
    switch (operation, errno) {
    case (.openKVM, Errno.noSuchFileOrDirectory?):
      """
      There is no /dev/kvm: load the kvm_intel or kvm_amd module, turn virtualization on in the \
      firmware (or nesting on in the host of this virtual machine), or use -accel qtest.
      """
    case (.openKVM, Errno.permissionDenied?):
      "This user may not open /dev/kvm: join the group that owns it, or run as root."
    case (.requireCapability, _), (.matchVersion, _):
      "The host's kernel is too old or built without it: use another kernel, or -accel qtest."
    case (.createVM, Errno.resourceBusy?):
      "Another hypervisor uses the processor's virtualization: stop it first."
    default: nil
    }
  }

  private func hexadecimal(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}
