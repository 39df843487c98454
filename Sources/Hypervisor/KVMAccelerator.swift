internal import CLinux
package import HostKernel
package import SystemPackage

/// A KVM virtual machine: interrupt controllers, memory slots, irqfds and the VFIO device.
///
/// Everything goes through the seam. What was opened is closed when the object goes, or when its
/// construction fails.
package final class KVMAccelerator: Accelerator {
  /// `/dev/kvm`, for what is asked of the module rather than of a machine.
  let module: HostDescriptor
  let vm: HostDescriptor
  package let interruptController: InterruptControllerPlace
  /// The interrupt controllers of this process, in split mode.
  var splitChips: SplitInterruptChips?
  /// What the interrupts lead to.
  var routes: InterruptRoutes
  private var slots: MemorySlots
  private var vfioDevice: HostDescriptor?
  private var failure: AcceleratorError?

  /// Opens `/dev/kvm`, makes a virtual machine and its interrupt controllers and timer, or in split
  /// mode only the controllers of its CPUs.
  package init(
    on kernel: any HostKernel, interruptController: InterruptControllerPlace = .kernel
  ) throws(AcceleratorError) {
    self.interruptController = interruptController
    do {
      module = try HostDescriptor(opening: "/dev/kvm", .readWrite, on: kernel)
    } catch {
      throw AcceleratorError(.openKVM, error)
    }
    try Self.checkVersion(of: module)
    for (number, name) in Self.requiredCapabilities(interruptController)
    where try Self.extent(of: number, name, in: module) <= 0 {
      throw AcceleratorError(.requireCapability(name))
    }
    let slotCount = try Self.extent(of: KVM_CAP_NR_MEMSLOTS, "KVM_CAP_NR_MEMSLOTS", in: module)
    let routeCount = try Self.extent(of: KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING", in: module)
    vm = try Self.makeVM(module)
    routes = InterruptRoutes(
      limit: Int(routeCount), hasKernelControllers: interruptController == .kernel)
    slots = MemorySlots(count: UInt32(clamping: slotCount))
    try setUp()
    if interruptController == .split { splitChips = SplitInterruptChips(self) }
  }

  package var name: String { "kvm" }

  package var hasResampleIRQFD: Bool { true }

  package var memoryFailure: AcceleratorError? { failure }

  // MARK: - Construction

  private static func requiredCapabilities(
    _ interruptController: InterruptControllerPlace
  ) -> [(Int32, String)] {
    let controller =
      switch interruptController {
      case .kernel: (KVM_CAP_PIT2, "KVM_CAP_PIT2")
      case .split: (KVM_CAP_SPLIT_IRQCHIP, "KVM_CAP_SPLIT_IRQCHIP")
      }
    return [
      (KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP"),
      (KVM_CAP_IRQFD, "KVM_CAP_IRQFD"),
      (KVM_CAP_IRQFD_RESAMPLE, "KVM_CAP_IRQFD_RESAMPLE"),
      (KVM_CAP_DEVICE_CTRL, "KVM_CAP_DEVICE_CTRL"),
      (KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT"),
      controller,
    ]
  }

  private static func checkVersion(
    of module: borrowing HostDescriptor
  ) throws(AcceleratorError) {
    let version: Int32
    do {
      version = try module.control(KVM_GET_API_VERSION)
    } catch {
      throw AcceleratorError(.readVersion, error)
    }
    guard version == KVM_API_VERSION else {
      throw AcceleratorError(.matchVersion(found: version))
    }
  }

  static func extent(
    of capability: Int32, _ name: String, in module: borrowing HostDescriptor
  ) throws(AcceleratorError) -> Int32 {
    do {
      return try module.control(KVM_CHECK_EXTENSION, value: UInt(UInt32(bitPattern: capability)))
    } catch {
      throw AcceleratorError(.requireCapability(name), error)
    }
  }

  /// The call gives `EINTR` when a signal arrives while it waits, so it is tried a few times.
  private static func makeVM(
    _ module: borrowing HostDescriptor
  ) throws(AcceleratorError) -> HostDescriptor {
    var attemptsLeft = 16
    while true {
      do {
        return HostDescriptor(taking: try module.control(KVM_CREATE_VM), of: module.kernel)
      } catch {
        attemptsLeft -= 1
        guard error == .interrupted, attemptsLeft > 0 else {
          throw AcceleratorError(.createVM, error)
        }
      }
    }
  }

  /// Three pages for the task state segment and one for the identity map, which Intel processors need
  /// in guest-physical space, lie where QEMU has them: below the firmware, where the board has no RAM.
  private func setUp() throws(AcceleratorError) {
    var identityMap: UInt64 = 0xfeff_c000
    try perform(.setIdentityMap) { () throws(Errno) in
      try vm.control(KVM_SET_IDENTITY_MAP_ADDR, on: &identityMap)
    }
    try perform(.setTaskStateSegment) { () throws(Errno) in
      try vm.control(KVM_SET_TSS_ADDR, value: UInt(identityMap) + 0x1000)
    }
    switch interruptController {
    case .kernel:
      try perform(.createInterruptController) { () throws(Errno) in
        try vm.control(KVM_CREATE_IRQCHIP)
      }
      // Port 0x61 is the kernel's too, without a sound.
      var timer = kvm_pit_config()
      timer.flags = UInt32(KVM_PIT_SPEAKER_DUMMY)
      try perform(.createTimer) { () throws(Errno) in
        try vm.control(KVM_CREATE_PIT2, on: &timer)
      }
    case .split:
      var capability = kvm_enable_cap()
      capability.cap = UInt32(KVM_CAP_SPLIT_IRQCHIP)
      capability.args.0 = UInt64(InterruptControllerPlace.pinCount)
      try perform(.splitInterruptController) { () throws(Errno) in
        try vm.control(KVM_ENABLE_CAP, on: &capability)
      }
    }
    do throws(Errno) { try commitRoutes() } catch {
      throw AcceleratorError(.setInterruptRoutes, error)
    }
  }

  func perform(
    _ operation: AcceleratorError.Operation, _ body: () throws(Errno) -> Int32
  ) throws(AcceleratorError) {
    do {
      _ = try body()
    } catch {
      throw AcceleratorError(operation, error)
    }
  }

  // MARK: - Interrupts

  package func assignResampleIRQFD(
    trigger: Int32, resample: Int32, gsi: UInt32
  ) throws(Errno) {
    var request = kvm_irqfd()
    request.fd = UInt32(bitPattern: trigger)
    request.gsi = gsi
    // In split mode the kernel does not see the end of an interrupt; the I/O APIC here does.
    if splitChips == nil {
      request.flags = UInt32(KVM_IRQFD_FLAG_RESAMPLE)
      request.resamplefd = UInt32(bitPattern: resample)
    }
    try vm.control(KVM_IRQFD, on: &request)
    splitChips?.addResample(resample, trigger: trigger, gsi: gsi)
  }

  package func deassignResampleIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    var request = kvm_irqfd()
    request.fd = UInt32(bitPattern: trigger)
    request.gsi = gsi
    request.flags = UInt32(KVM_IRQFD_FLAG_DEASSIGN)
    splitChips?.removeResample(trigger: trigger)
    try vm.control(KVM_IRQFD, on: &request)
  }

  package func setLine(gsi: UInt32, level: Bool) {
    if let splitChips { return splitChips.setLine(gsi: gsi, level: level) }
    // `struct kvm_irq_level` as one little-endian number: the line, then its level.
    var request = UInt64(gsi) | (level ? 1 << 32 : 0)
    _ = try? vm.control(KVM_IRQ_LINE, on: &request)
  }

  // MARK: - VFIO files

  package func addVFIOFile(_ descriptor: Int32) throws(AcceleratorError) {
    if vfioDevice == nil {
      var request = kvm_create_device()
      request.type = UInt32(KVM_DEV_TYPE_VFIO)
      try perform(.createVFIODevice) { () throws(Errno) in
        try vm.control(Int32(bitPattern: KVM_CREATE_DEVICE), on: &request)
      }
      vfioDevice = HostDescriptor(taking: Int32(bitPattern: request.fd), of: vm.kernel)
    }
    try setVFIOFile(descriptor, KVM_DEV_VFIO_FILE_ADD, .addVFIOFile(descriptor))
  }

  package func removeVFIOFile(_ descriptor: Int32) throws(AcceleratorError) {
    try setVFIOFile(descriptor, KVM_DEV_VFIO_FILE_DEL, .removeVFIOFile(descriptor))
  }

  private func setVFIOFile(
    _ descriptor: Int32, _ attribute: Int32, _ operation: AcceleratorError.Operation
  ) throws(AcceleratorError) {
    var request = kvm_device_attr()
    request.group = UInt32(KVM_DEV_VFIO_FILE)
    request.attr = UInt64(attribute)
    try perform(operation) { () throws(Errno) in
      // The kernel reads the number through the pointer during the call only.
      try unsafe withFileNumber(descriptor) { (address) throws(Errno) in
        request.addr = address
        let result = try vfioDevice?.control(KVM_SET_DEVICE_ATTR, on: &request)
        guard let result else { throw .operationNotSupportedByDevice }
        return result
      }
    }
  }

  // MARK: - Memory

  package func regionAdded(_ section: MemorySection) {
    switch slots.take(for: section) {
    case .success(nil): break
    case .success(let slot?): set(slot, isAddition: true)
    case .failure(let error): failure = failure ?? error
    }
  }

  package func regionRemoved(_ section: MemorySection) {
    guard let slot = slots.release(section) else { return }
    set(slot.emptied, isAddition: false)
  }

  private func set(_ slot: MemorySlot, isAddition: Bool) {
    var request = slot.abi
    do {
      try vm.control(KVM_SET_USER_MEMORY_REGION, on: &request)
    } catch {
      failure =
        failure
        ?? AcceleratorError(
          .setMemorySlot(start: slot.start, size: slot.size, isAddition: isAddition), error)
    }
  }
}
