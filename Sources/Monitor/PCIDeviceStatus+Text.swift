internal import Machine
internal import PCI

extension PCIDeviceStatus {
  /// The lines of `info pci`, with those of what is behind a bridge.
  var text: String {
    let name = PCIClassName.of(classCode) ?? "Class \(Self.padded("\(classCode)", to: 4))"
    var text =
      "  Bus \(Self.aligned(Int(bus), to: 2)), device \(Self.aligned(slot, to: 3)), "
      + "function \(function):\n    \(name): PCI device \(identity.text)\n"
    if let subsystem { text += "      PCI subsystem \(subsystem.text)\n" }
    if let interrupt {
      let pin = UnicodeScalar(UInt8(ascii: "A") &+ (interrupt.pin &- 1) & 3)
      text += "      IRQ \(interrupt.line), pin \(pin)\n"
    }
    if let bridge {
      text += "      BUS \(bridge.primaryBus).\n"
      text += "      secondary bus \(bridge.secondaryBus).\n"
      text += "      subordinate bus \(bridge.subordinateBus).\n"
      text += "      IO range \(bridge.ports.text(digits: 4))\n"
      text += "      memory range \(bridge.memory.text(digits: 8))\n"
      text += "      prefetchable memory range \(bridge.prefetchableMemory.text(digits: 8))\n"
    }
    text += regions.map { "      \($0.text)\n" }.joined()
    text += "      id \"\(id ?? "")\"\n"
    return text + (bridge?.devices.map(\.text).joined() ?? "")
  }

  fileprivate static func hexadecimal(_ number: UInt64, digits: Int) -> String {
    padded(String(number, radix: 16), to: digits)
  }

  private static func padded(_ text: String, to width: Int) -> String {
    String(repeating: "0", count: max(0, width - text.count)) + text
  }

  private static func aligned(_ number: Int, to width: Int) -> String {
    let text = "\(number)"
    return String(repeating: " ", count: max(0, width - text.count)) + text
  }
}

extension PCIDeviceStatus.Identity {
  fileprivate var text: String {
    PCIDeviceStatus.hexadecimal(UInt64(vendor), digits: 4) + ":"
      + PCIDeviceStatus.hexadecimal(UInt64(device), digits: 4)
  }
}

extension BridgeHeader.Window {
  fileprivate func text(digits: Int) -> String {
    "[0x\(PCIDeviceStatus.hexadecimal(base, digits: digits)), "
      + "0x\(PCIDeviceStatus.hexadecimal(limit, digits: digits))]"
  }
}

extension FunctionRegion {
  /// Where there is no address, QEMU counts from -1.
  fileprivate var text: String {
    let first = address ?? .max
    let digits = kind == .io ? 4 : 8
    let place =
      "at 0x\(PCIDeviceStatus.hexadecimal(first, digits: digits)) "
      + "[0x\(PCIDeviceStatus.hexadecimal(first &+ size &- 1, digits: digits))]."
    switch kind {
    case .io: return "BAR\(index): I/O \(place)"
    case .memory32, .memory64:
      let width = kind == .memory64 ? 64 : 32
      let prefetchable = isPrefetchable ? " prefetchable" : ""
      return "BAR\(index): \(width) bit\(prefetchable) memory \(place)"
    }
  }
}
