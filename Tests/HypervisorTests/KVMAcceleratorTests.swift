import CLinux
import Glibc
import HostKernel
import Hypervisor
import SystemPackage
import TestSupport
import Testing

extension Trait where Self == ConditionTrait {
  static var needsKVM: Self {
    .enabled(if: unsafe access("/dev/kvm", R_OK | W_OK) == 0, "needs /dev/kvm")
  }
}

@Suite struct KVMAcceleratorTests {
  @Test func constructionAsksInThisOrder() throws {
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel)
    #expect(
      kernel.calls == [
        "open /dev/kvm", "GET_API_VERSION 0", "CHECK_EXTENSION 0", "CHECK_EXTENSION 20",
        "CHECK_EXTENSION 52", "CHECK_EXTENSION 59", "CHECK_EXTENSION 88", "CHECK_EXTENSION 21",
        "CHECK_EXTENSION a", "CHECK_EXTENSION 19", "CREATE_VM 0",
        "SET_IDENTITY_MAP_ADDR feffc000 0", "SET_TSS_ADDR feffd000", "CREATE_IRQCHIP 0",
        "CREATE_PIT2 1" + zeros(15), "SET_GSI_ROUTING 39=39+",
      ])
    #expect(accelerator.name == "kvm" && accelerator.hasResampleIRQFD)
    #expect(kernel.openDescriptors.count == 2)
  }

  @Test func inSplitModeOnlyTheCPUsControllersAreInTheKernel() throws {
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel, interruptController: .split)
    #expect(accelerator.interruptController == .split)
    #expect(kernel.calls.contains("CHECK_EXTENSION 79"))
    #expect(kernel.calls.last == "ENABLE_CAP 79 0 18" + zeros(23))
    #expect(!kernel.calls.contains("CREATE_IRQCHIP 0"))
    #expect(throws: AcceleratorError(.splitInterruptController, .invalidArgument)) {
      let failing = ScriptedKVM {
        $0.failingCall = 13
        $0.error = .invalidArgument
      }
      _ = try KVMAccelerator(on: failing, interruptController: .split)
    }
  }

  private func zeros(_ count: Int) -> String { String(repeating: " 0", count: count) }

  @Test(
    arguments: zip(
      0..<16,
      [
        .openKVM, .readVersion, .requireCapability("KVM_CAP_IRQCHIP"),
        .requireCapability("KVM_CAP_IRQFD"), .requireCapability("KVM_CAP_IRQFD_RESAMPLE"),
        .requireCapability("KVM_CAP_DEVICE_CTRL"), .requireCapability("KVM_CAP_IMMEDIATE_EXIT"),
        .requireCapability("KVM_CAP_PIT2"), .requireCapability("KVM_CAP_NR_MEMSLOTS"),
        .requireCapability("KVM_CAP_IRQ_ROUTING"), .createVM, .setIdentityMap,
        .setTaskStateSegment, .createInterruptController, .createTimer, .setInterruptRoutes,
      ] as [AcceleratorError.Operation]))
  func aCallThatFailsIsNamedAndLeavesNothingOpen(
    call: Int, operation: AcceleratorError.Operation
  ) {
    let kernel = ScriptedKVM { $0.failingCall = call }
    #expect(throws: AcceleratorError(operation, .ioError)) {
      _ = try KVMAccelerator(on: kernel)
    }
    #expect(kernel.openDescriptors.isEmpty)
  }

  @Test(arguments: [11, 13, 0])
  func anotherVersionIsRefused(version: Int32) {
    let kernel = ScriptedKVM { $0.version = version }
    #expect(throws: AcceleratorError(.matchVersion(found: version))) {
      _ = try KVMAccelerator(on: kernel)
    }
    #expect(kernel.openDescriptors.isEmpty)
  }

  @Test func aMissingCapabilityIsNamed() {
    let kernel = ScriptedKVM { $0.absentCapability = KVM_CAP_IRQFD_RESAMPLE }
    let error = #expect(throws: AcceleratorError.self) { _ = try KVMAccelerator(on: kernel) }
    #expect(error == AcceleratorError(.requireCapability("KVM_CAP_IRQFD_RESAMPLE")))
    #expect(error?.message.hasPrefix("kvm does not support KVM_CAP_IRQFD_RESAMPLE\n") == true)
  }

  @Test func creatingAMachineIsTriedAgainAfterASignal() throws {
    let kernel = ScriptedKVM { state in
      state.failingCall = 10
      state.error = .interrupted
    }
    _ = try KVMAccelerator(on: kernel)
    #expect(kernel.calls.filter { $0 == "CREATE_VM 0" }.count == 2)
  }

  @Test func aMissingModuleIsToldInQEMUsWordsAndWithAWayOut() {
    let message = AcceleratorError(.openKVM, .noSuchFileOrDirectory).message
    #expect(
      message.hasPrefix("Could not access KVM kernel module: No such file or directory\n"))
    #expect(message.contains("-accel qtest"))
  }

  @Test func resampleIRQFDsCarryBothDescriptors() throws {
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel)
    kernel.forgetCalls()
    try accelerator.assignResampleIRQFD(trigger: 0x31, resample: 0x32, gsi: 20)
    try accelerator.deassignResampleIRQFD(trigger: 0x31, gsi: 20)
    accelerator.setLine(gsi: 20, level: true)
    accelerator.setLine(gsi: 20, level: false)
    #expect(
      kernel.calls == [
        "IRQFD 31 14 2 32 0 0 0 0", "IRQFD 31 14 1 0 0 0 0 0", "IRQ_LINE 14 1", "IRQ_LINE 14 0",
      ])
    kernel.failCall(after: 0, with: .resourceBusy)
    #expect(throws: Errno.resourceBusy) {
      try accelerator.assignResampleIRQFD(trigger: 0x31, resample: 0x32, gsi: 20)
    }
  }

  @Test func theVFIODeviceIsMadeOnceWhenItIsNeeded() throws {
    let kernel = ScriptedKVM()
    var accelerator: KVMAccelerator? = try KVMAccelerator(on: kernel)
    kernel.forgetCalls()
    #expect(throws: AcceleratorError(.removeVFIOFile(5), .operationNotSupportedByDevice)) {
      try accelerator?.removeVFIOFile(5)
    }
    try accelerator?.addVFIOFile(41)
    try accelerator?.addVFIOFile(42)
    try accelerator?.removeVFIOFile(41)
    #expect(
      kernel.calls == [
        "CREATE_DEVICE 4 0 0", "SET_DEVICE_ATTR group 1 attribute 1 file 41",
        "SET_DEVICE_ATTR group 1 attribute 1 file 42",
        "SET_DEVICE_ATTR group 1 attribute 2 file 41",
      ])
    #expect(kernel.openDescriptors.count == 3)
    accelerator = nil
    #expect(kernel.openDescriptors.isEmpty)
  }

  @Test func aVFIODeviceThatCannotBeMadeIsTriedAgain() throws {
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel)
    kernel.failCall(after: 0, with: .noMemory)
    #expect(throws: AcceleratorError(.createVFIODevice, .noMemory)) {
      try accelerator.addVFIOFile(41)
    }
    kernel.failCall(after: 1, with: .badFileDescriptor)
    #expect(throws: AcceleratorError(.addVFIOFile(41), .badFileDescriptor)) {
      try accelerator.addVFIOFile(41)
    }
    try accelerator.addVFIOFile(41)
    #expect(kernel.openDescriptors.count == 3)
  }

  // MARK: - Memory slots

  private func memory(
    _ base: UInt64, _ size: UInt64, host: UInt, isReadOnly: Bool = false
  ) -> MemoryRegion {
    MemoryRegion(
      name: "ram", base: base, size: size,
      kind: .ram(hostAddress: host, isReadOnly: isReadOnly))
  }

  @Test func memoryBecomesSlotsAndTheLowestFreeNumberIsUsed() throws {
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel)
    kernel.forgetCalls()
    let space = AddressSpace()
    space.register(accelerator)
    let low = space.add(memory(0, 0x8000, host: 0x7000_0000))
    let rom = space.add(memory(0xf_0000, 0x1000, host: 0x7100_0000, isReadOnly: true))
    space.remove(low)
    space.add(
      MemoryRegion(
        name: "bar", base: 0x1_0000_0000, size: 0x2000, kind: .deviceRAM(hostAddress: 0x7200_0000)))
    space.remove(rom)
    #expect(
      kernel.calls == [
        "SET_USER_MEMORY_REGION 0 0 0 0 8000 0 70000000 0",
        "SET_USER_MEMORY_REGION 1 2 f0000 0 1000 0 71000000 0",
        "SET_USER_MEMORY_REGION 0 0 0 0 0 0 70000000 0",
        "SET_USER_MEMORY_REGION 0 0 0 1 2000 0 72000000 0",
        "SET_USER_MEMORY_REGION 1 0 f0000 0 0 0 71000000 0",
      ])
    #expect(accelerator.memoryFailure == nil)
  }

  @Test(
    arguments: [
      (0x50, 0x2fb0, "1000 0 2000 0 70001000 0"), (0, 0x1fff, "0 0 1000 0 70000000 0"),
      (0x800, 0x800, nil), (0x801, 0x1000, nil), (0, 0xfff, nil),
    ] as [(UInt64, UInt64, String?)])
  func onlyWholePagesBecomeSlots(start: UInt64, size: UInt64, slot: String?) throws {
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel)
    kernel.forgetCalls()
    let space = AddressSpace()
    space.register(accelerator)
    let region = space.add(memory(start, size, host: 0x7000_0000 + UInt(start)))
    #expect(kernel.calls == (slot.map { ["SET_USER_MEMORY_REGION 0 0 \($0)"] } ?? []))
    space.remove(region)
    #expect(kernel.calls.count == (slot == nil ? 0 : 2))
  }

  @Test(arguments: [[0, 1], [1, 0]])
  func ofSeveralFreeSlotNumbersTheLowestIsUsed(order: [Int]) throws {
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel)
    let space = AddressSpace()
    space.register(accelerator)
    let regions = (0..<3).map { space.add(memory($0 << 16, 0x1000, host: 0x7000_0000)) }
    for index in order { space.remove(regions[index]) }
    kernel.forgetCalls()
    space.add(memory(0x8_0000, 0x1000, host: 0x7100_0000))
    space.add(memory(0x9_0000, 0x1000, host: 0x7200_0000))
    #expect(
      kernel.calls == [
        "SET_USER_MEMORY_REGION 0 0 80000 0 1000 0 71000000 0",
        "SET_USER_MEMORY_REGION 1 0 90000 0 1000 0 72000000 0",
      ])
  }

  @Test func devicesTakeNoSlot() throws {
    final class Silent: MemoryHandler {
      func read(offset: UInt64, size: Int) -> UInt64 { 0 }
      func write(offset: UInt64, size: Int, value: UInt64) {}
    }
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel)
    kernel.forgetCalls()
    let space = AddressSpace()
    space.register(accelerator)
    space.add(MemoryRegion(name: "io", base: 0, size: 0x10000, kind: .io(Silent())))
    #expect(kernel.calls.isEmpty)
  }

  @Test func theFirstMemoryFailureIsKept() throws {
    let kernel = ScriptedKVM { $0.slotCount = 1 }
    let accelerator = try KVMAccelerator(on: kernel)
    let space = AddressSpace()
    space.register(accelerator)
    space.add(memory(0, 0x1000, host: 0x7000_0000))
    #expect(accelerator.memoryFailure == nil)
    space.add(memory(0x4000, 0x1000, host: 0x7100_0000))
    space.add(memory(0x8000, 0x1000, host: 0x7200_0000))
    #expect(
      accelerator.memoryFailure == AcceleratorError(.findMemorySlot(start: 0x4000, size: 0x1000)))
  }

  @Test func aRefusedSlotIsAMemoryFailure() throws {
    let kernel = ScriptedKVM()
    let accelerator = try KVMAccelerator(on: kernel)
    kernel.failCall(after: 0, with: .noMemory)
    let space = AddressSpace()
    space.register(accelerator)
    space.add(memory(0x4000, 0x1000, host: 0x7000_0000))
    let error = AcceleratorError(
      .setMemorySlot(start: 0x4000, size: 0x1000, isAddition: true), .noMemory)
    #expect(accelerator.memoryFailure == error)
    #expect(
      error.message
        == "Adding the KVM memory slot at 0x4000, 0x1000 bytes, failed: Cannot allocate memory")
  }

  // MARK: - The real thing

  @Test(.needsKVM) func aRealMachineTakesMemoryAndInterrupts() throws {
    let kernel = LinuxKernel()
    let accelerator = try KVMAccelerator(on: kernel)
    let memory = try HostMapping(
      MappingRequest(descriptor: nil, length: 0x40_0000, alignment: 0x20_0000), on: kernel)
    let space = AddressSpace()
    space.register(accelerator)
    let region = space.add(
      MemoryRegion(name: "ram", base: 0, size: 0x40_0000, kind: .ram(hostAddress: memory.address)))
    space.move(region, to: 0x1_0000_0000)
    #expect(accelerator.memoryFailure == nil)

    let trigger = try EventDescriptor(on: kernel)
    let resample = try EventDescriptor(on: kernel)
    try accelerator.assignResampleIRQFD(
      trigger: trigger.rawValue, resample: resample.rawValue, gsi: 20)
    #expect(throws: Errno.resourceBusy) {
      try accelerator.assignResampleIRQFD(
        trigger: trigger.rawValue, resample: resample.rawValue, gsi: 20)
    }
    accelerator.setLine(gsi: 20, level: true)
    accelerator.setLine(gsi: 20, level: false)
    try accelerator.deassignResampleIRQFD(trigger: trigger.rawValue, gsi: 20)
    try accelerator.deassignResampleIRQFD(trigger: trigger.rawValue, gsi: 20)
    space.unregister(accelerator)
    #expect(accelerator.memoryFailure == nil)
  }

  @Test(.needsKVM) func aRealMachineRefusesAFileThatIsNotVFIO() throws {
    let kernel = LinuxKernel()
    let accelerator = try KVMAccelerator(on: kernel)
    let event = try EventDescriptor(on: kernel)
    let number = event.rawValue
    let error = #expect(throws: AcceleratorError.self) { try accelerator.addVFIOFile(number) }
    // A host without the VFIO module has no such device type, one with it looks at the file.
    #expect(
      error == AcceleratorError(.createVFIODevice, .operationNotSupportedByDevice)
        || error == AcceleratorError(.addVFIOFile(number), .invalidArgument))
  }

  @Test(.needsKVM) func overlappingSlotsAreNeverAskedFor() throws {
    let kernel = LinuxKernel()
    let accelerator = try KVMAccelerator(on: kernel)
    let memory = try HostMapping(MappingRequest(descriptor: nil, length: 0x10000), on: kernel)
    let space = AddressSpace()
    space.register(accelerator)
    var generator = SeededGenerator(seed: 7)
    var regions: [RegionID] = []
    for _ in 0..<100 {
      space.update {
        if regions.count > 6 { space.remove(regions.remove(at: 2)) }
        let page = UInt64.random(in: 0..<16, using: &generator)
        regions.append(
          space.add(
            MemoryRegion(
              name: "ram", base: page << 12, size: .random(in: 1...16, using: &generator) << 12,
              priority: .random(in: 0...2, using: &generator),
              kind: .ram(hostAddress: memory.address))))
      }
      #expect(accelerator.memoryFailure == nil)
    }
  }
}
