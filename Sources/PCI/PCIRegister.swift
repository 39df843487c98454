/// Offsets and bits of the header of config space (PCI Local Bus 3.0, 6.1).
package enum PCIRegister {
  package static let vendor = 0x00
  package static let device = 0x02
  package static let command = 0x04
  package static let status = 0x06
  package static let revision = 0x08
  package static let cacheLine = 0x0c
  package static let latency = 0x0d
  package static let headerType = 0x0e
  package static let bist = 0x0f
  package static let bar0 = 0x10
  package static let subsystemVendor = 0x2c
  package static let subsystem = 0x2e
  package static let rom = 0x30
  package static let capabilityPointer = 0x34
  package static let interruptLine = 0x3c
  package static let interruptPin = 0x3d

  /// The base address register by its index, 0 to 5.
  package static func bar(_ index: Int) -> Int { bar0 + 4 * index }

  package static let commandIO: UInt16 = 0x1
  package static let commandMemory: UInt16 = 0x2
  package static let commandMaster: UInt16 = 0x4
  package static let commandInterruptDisable: UInt16 = 0x400
  package static let statusCapabilityList: UInt16 = 0x10
}
