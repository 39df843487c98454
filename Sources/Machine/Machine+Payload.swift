internal import Board
internal import Boot
internal import CommandLine
internal import HostKernel
internal import Hypervisor
internal import Passthrough
internal import VirtualIOMMU

extension Machine {
  /// Opens and places what the guest starts from; nil without `-kernel`.
  static func plan(
    _ configuration: Configuration, on board: Q35Board, addressBits: Int,
    from kernel: any HostKernel, extraTables: [[UInt8]] = []
  ) throws(MachineError) -> BootPlan? {
    guard let files = configuration.kernel else { return nil }
    let layout = board.ramLayout
    var tables = ACPIDescription(board.pciFacts(addressBits: addressBits), configuration)
    tables.extraTables = extraTables
    let platform = BootPlatform(
      memoryBelow4G: layout.below4G, memoryAbove4G: layout.above4G, acpi: tables)
    do throws(BootError) {
      return try BootPlan(
        GuestPayload(
          kernel: files.path, initrd: files.initrd, commandLine: files.commandLine),
        on: platform, from: kernel)
    } catch {
      throw MachineError(.boot(error))
    }
  }

  /// Plans the guest's start anew if its table of the vIOMMU is to say something else than before, and
  /// says whether it was.
  @discardableResult
  func updateRemappingTable() throws(MachineError) -> Bool {
    guard let iommu, payload != nil else { return false }
    let table = DMARTable(iommu.resolution.values, on: board).bytes
    guard table != remappingTable else { return false }
    payload = try Self.plan(
      configuration, on: board, addressBits: cpus?.addressBits ?? 40, from: environment.kernel,
      extraTables: [table])
    remappingTable = table
    if let payload { cpus?.setStartState(payload.cpu) }
    return true
  }

  /// Writes what the guest starts from into its memory, and does what firmware would have done.
  func loadPayload() throws(MachineError) {
    guard let payload else { return }
    board.applyFirmwareSettings()
    do throws(BootError) {
      try payload.write { address, bytes in board.memory.writeBytes(address, bytes) }
    } catch {
      throw MachineError(.boot(error))
    }
  }
}

extension ACPIDescription {
  /// What the board has, for the guest to read.
  fileprivate init(_ facts: PCIHostFacts, _ configuration: Configuration) {
    let topology = configuration.processors
    let low = facts.memoryBelow4G.last { !$0.isEmpty }.map { $0.lowerBound..<($0.upperBound + 1) }
    let high = facts.memoryAbove4G.map { $0.lowerBound..<($0.upperBound + 1) }
    self.init(
      apicIDs: (0..<topology.count).map(topology.apicID),
      memoryWindow: low ?? 0..<0, prefetchableWindow: high ?? 0..<0,
      configWindow: facts.configWindow.lowerBound..<(facts.configWindow.upperBound + 1),
      interruptPins: facts.pins.map {
        InterruptPin(slot: UInt8($0.slot), pin: UInt8($0.pin), gsi: $0.globalInterrupt)
      })
    if let base = facts.powerManagement.base { powerManagementPort = base }
    serialPorts = (0..<2).map { number in
      guard configuration.hasSerialPort(number) else { return nil }
      let place = Q35Board.serialPlaces[number]
      return SerialPort(port: place.port, irq: UInt8(place.gsi))
    }
    panicPort = configuration.panicPort
  }
}

extension Configuration {
  /// Whether COM1 (0) to COM4 (3) is there.
  fileprivate func hasSerialPort(_ number: Int) -> Bool {
    guard serialPorts.indices.contains(number) else { return false }
    return serialPorts[number].target != .none
  }

  /// The port by which a guest tells that it panicked.
  fileprivate var panicPort: UInt16? {
    devices.lazy.compactMap { device in
      if case .panic(let panic) = device { panic.properties.port } else { nil }
    }.first
  }
}

extension GuestRAMOptions {
  /// `-mem-path` and `-mem-prealloc`.
  init(_ configuration: Configuration) {
    self.init(
      backing: configuration.memoryPath.map { .path($0) } ?? .anonymous,
      isPreallocated: configuration.preallocatesMemory)
  }
}
