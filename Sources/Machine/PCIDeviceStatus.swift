internal import Board
package import PCI

/// One function on a guest's bus, as QMP's `query-pci` tells of it.
package struct PCIDeviceStatus: Sendable, Equatable {
  /// A number of an interface, by who made it.
  package struct Identity: Sendable, Equatable {
    package let vendor: UInt16
    package let device: UInt16

    package init(vendor: UInt16, device: UInt16) {
      self.vendor = vendor
      self.device = device
    }
  }

  /// The pin that a function has, and the line that the guest wrote down for it.
  package struct Interrupt: Sendable, Equatable {
    /// 1 for INTA.
    package let pin: UInt8
    package let line: UInt8

    package init(pin: UInt8, line: UInt8) {
      self.pin = pin
      self.line = line
    }
  }

  /// What a bridge passes on, as its registers have it; a base above its limit is an empty range.
  package struct Range: Sendable, Equatable {
    package let base: UInt64
    package let limit: UInt64

    package init(base: UInt64, limit: UInt64) {
      self.base = base
      self.limit = limit
    }
  }

  /// A bridge and what is behind it.
  package struct Bridge: Sendable, Equatable {
    package let primaryBus: UInt8
    package let secondaryBus: UInt8
    package let subordinateBus: UInt8
    package let ports: Range
    package let memory: Range
    package let prefetchableMemory: Range
    package let devices: [PCIDeviceStatus]

    package init(
      primaryBus: UInt8, secondaryBus: UInt8, subordinateBus: UInt8, ports: Range, memory: Range,
      prefetchableMemory: Range, devices: [PCIDeviceStatus]
    ) {
      self.primaryBus = primaryBus
      self.secondaryBus = secondaryBus
      self.subordinateBus = subordinateBus
      self.ports = ports
      self.memory = memory
      self.prefetchableMemory = prefetchableMemory
      self.devices = devices
    }
  }

  package let bus: UInt8
  package let slot: Int
  package let function: Int
  package let id: String?
  /// Base class and subclass.
  package let classCode: UInt16
  package let identity: Identity
  /// Nil for a bridge.
  package let subsystem: Identity?
  /// Nil without an interrupt pin.
  package let interrupt: Interrupt?
  package let regions: [FunctionRegion]
  package let bridge: Bridge?

  package init(
    bus: UInt8, slot: Int, function: Int, id: String?, classCode: UInt16, identity: Identity,
    subsystem: Identity? = nil, interrupt: Interrupt? = nil, regions: [FunctionRegion] = [],
    bridge: Bridge? = nil
  ) {
    self.bus = bus
    self.slot = slot
    self.function = function
    self.id = id
    self.classCode = classCode
    self.identity = identity
    self.subsystem = subsystem
    self.interrupt = interrupt
    self.regions = regions
    self.bridge = bridge
  }
}

extension Machine {
  package var pciDevices: [PCIDeviceStatus] {
    PCIDeviceStatus.devices(on: board.rootBus, number: 0)
  }
}

extension PCIDeviceStatus {
  fileprivate static func devices(on bus: PCIBus, number: UInt8) -> [PCIDeviceStatus] {
    bus.visible.map { PCIDeviceStatus($0.function, at: $0.place, id: $0.id, on: number) }
  }

  private static func devices(behind bridge: any PCIBridge) -> [PCIDeviceStatus] {
    // A bus without a number of its own is nowhere yet.
    let number = bridge.header.secondaryBus
    return number == 0 ? [] : devices(on: bridge.secondaryBus, number: number)
  }

  /// Reads what the function's config space says now.
  fileprivate init(_ function: any PCIFunction, at place: PCISlot, id: String?, on bus: UInt8) {
    func byte(_ offset: Int) -> UInt8 {
      UInt8(truncatingIfNeeded: function.peekConfig(offset: offset, length: 1))
    }
    func word(_ offset: Int) -> UInt16 {
      UInt16(truncatingIfNeeded: function.peekConfig(offset: offset, length: 2))
    }
    let pin = byte(0x3d)
    let isBridge = byte(0x0e) & 0x7f == 1
    self.init(
      bus: bus, slot: place.slot, function: place.function, id: id, classCode: word(0x0a),
      identity: Identity(vendor: word(0x00), device: word(0x02)),
      subsystem: isBridge ? nil : Identity(vendor: word(0x2c), device: word(0x2e)),
      interrupt: pin == 0 ? nil : Interrupt(pin: pin, line: byte(0x3c)),
      regions: function.barRegions,
      bridge: (function as? any PCIBridge).map { bridge in
        Bridge(
          primaryBus: byte(0x18), secondaryBus: byte(0x19), subordinateBus: byte(0x1a),
          ports: Range(ports: byte(0x1c), byte(0x1d), upper: word(0x30), word(0x32)),
          memory: Range(memory: word(0x20), word(0x22), upper: nil),
          prefetchableMemory: Range(
            memory: word(0x24), word(0x26),
            upper: word(0x24) & 0xf == 1
              ? (
                function.peekConfig(offset: 0x28, length: 4),
                function.peekConfig(offset: 0x2c, length: 4)
              ) : nil),
          devices: Self.devices(behind: bridge))
      })
  }
}

extension PCIDeviceStatus.Range {
  /// The registers of a bridge for I/O: bits 15 to 12 of the addresses, and the bits above where the
  /// base says that there are any (PCI Bridge 1.2, 3.2.5.6).
  fileprivate init(ports base: UInt8, _ limit: UInt8, upper: UInt16, _ upperLimit: UInt16) {
    let isWide = base & 0xf == 1
    self.init(
      base: UInt64(base & 0xf0) << 8 | (isWide ? UInt64(upper) << 16 : 0),
      limit: UInt64(limit & 0xf0) << 8 | 0xfff | (isWide ? UInt64(upperLimit) << 16 : 0))
  }

  /// The registers of a bridge for memory: bits 31 to 20 of the addresses, and the bits above where
  /// there are any (PCI Bridge 1.2, 3.2.5.8).
  fileprivate init(memory base: UInt16, _ limit: UInt16, upper: (UInt32, UInt32)?) {
    self.init(
      base: UInt64(base & 0xfff0) << 16 | UInt64(upper?.0 ?? 0) << 32,
      limit: UInt64(limit & 0xfff0) << 16 | 0xf_ffff | UInt64(upper?.1 ?? 0) << 32)
  }
}
