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

  /// A bridge and what is behind it.
  package struct Bridge: Sendable, Equatable {
    package let primaryBus: UInt8
    package let secondaryBus: UInt8
    package let subordinateBus: UInt8
    package let ports: BridgeHeader.Window
    package let memory: BridgeHeader.Window
    package let prefetchableMemory: BridgeHeader.Window
    package let devices: [PCIDeviceStatus]

    package init(
      primaryBus: UInt8, secondaryBus: UInt8, subordinateBus: UInt8, ports: BridgeHeader.Window,
      memory: BridgeHeader.Window, prefetchableMemory: BridgeHeader.Window,
      devices: [PCIDeviceStatus]
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
          primaryBus: bridge.header.primaryBus, secondaryBus: bridge.header.secondaryBus,
          subordinateBus: bridge.header.subordinateBus, ports: bridge.header.portWindow,
          memory: bridge.header.memoryWindow, prefetchableMemory: bridge.header.prefetchableWindow,
          devices: Self.devices(behind: bridge))
      })
  }
}
