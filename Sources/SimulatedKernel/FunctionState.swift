package import PCI
package import SystemPackage

/// One function as the simulated hardware and PCI core have it.
package final class FunctionState {
  package let description: HostFunction
  let group: GroupState
  /// Config space of the hardware.
  package var config: HostConfigSpace { didSet { sysfsChanges += 1 } }
  /// The bound driver, nil for none.
  var driver: String? { didSet { sysfsChanges += 1 } }
  /// How often something changed that sysfs shows of the function.
  private(set) var sysfsChanges = 0
  /// Someone holds the kernel's device lock, so that a reset that only tries it is `EAGAIN`.
  var isLocked = false
  /// Someone is inside an access to a BAR.
  var isMemoryBusy = false
  /// The function has left the bus: reads give ones, writes vanish.
  var isGone = false
  /// The function does not answer in time after a reset.
  var resetTimesOut = false
  /// The level of the interrupt pin, which the status register shows (bit 3).
  package var isInterruptAsserted = false {
    didSet {
      guard isInterruptAsserted != oldValue else { return }
      let status = config.word(at: PCIRegister.status) & ~8
      config.set(UInt64(status | (isInterruptAsserted ? 8 : 0)), at: PCIRegister.status, width: 2)
    }
  }
  /// What acts behind the registers; nil for a function of plain memory.
  package let model: (any SimulatedDevice)?
  /// The first DMA faults of the function.
  var faults: [DMAFault] = []
  /// How often the function was reset, whatever the method.
  package private(set) var resetCount = 0
  private var memories: [Int: BARMemory] = [:]
  /// What BARs hold while nobody needs them as memory.
  private var kept: [Int: [(offset: Int, bytes: [UInt8])]] = [:]

  init(_ description: HostFunction, group: GroupState) {
    self.description = description
    self.group = group
    config = description.config
    driver = description.driver
    model = description.makeModel()
  }

  /// A function on its own, for who serves it without a simulated kernel.
  package convenience init(serving description: HostFunction) {
    let iommu = HostIOMMU(name: description.iommu, kind: .silent)
    self.init(description, group: GroupState(number: description.group, iommu: iommu))
  }

  package var address: PCIAddress { description.address }

  /// Something changed that sysfs shows and that is not a property here.
  func noteSysfsChange() { sysfsChanges += 1 }

  /// The registers behind a BAR that the description has, made on first use.
  package func memory(_ bar: HostBAR) throws(Errno) -> BARMemory {
    if let memory = memories[bar.index] { return memory }
    let memory = try BARMemory(name: "\(address) BAR \(bar.index)", size: bar.size)
    for page in kept.removeValue(forKey: bar.index) ?? [] {
      memory.write(page.bytes[...], at: page.offset)
    }
    memories[bar.index] = memory
    return memory
  }

  /// The D-state in the power management control register, 0 without the capability.
  package var powerState: UInt16 {
    guard let offset = config.capability(.powerManagement) else { return 0 }
    return config.word(at: offset + 4) & 3
  }

  /// Moves to a D-state. Leaving D3hot resets a function that does not keep state there; its config
  /// space is saved and restored around that by the kernel.
  func setPowerState(_ state: UInt16) {
    guard let offset = config.capability(.powerManagement) else { return }
    let control = config.word(at: offset + 4)
    if control & 3 == 3, state == 0, control & 8 == 0 { loseState() }
    config.set(UInt64(control & ~3 | state & 3), at: offset + 4, width: 2)
  }

  /// Resets the function, with config space saved before and restored after.
  package func reset() {
    loseState()
    if let offset = config.capability(.powerManagement) {
      config.set(UInt64(config.word(at: offset + 4) & ~3), at: offset + 4, width: 2)
    }
  }

  private func loseState() {
    resetCount += 1
    isInterruptAsserted = false
    model?.reset()
    for memory in memories.values { memory.clear() }
    kept.removeAll()
  }

  /// Gives the memory of all BARs back, keeping what they hold.
  func releaseMemories() {
    for (index, memory) in memories { kept[index] = memory.writtenPages }
    memories.removeAll()
  }
}
