extension ACPITable {
  /// The multiple APIC description table (ACPI 6.5, 5.2.12): the processors, one I/O APIC for inputs
  /// 0 to 23, the timer's and the SCI's routes, and NMI at every processor's LINT1.
  static func interruptControllers(_ description: ACPIDescription) -> ACPITable {
    var table = ACPITable("APIC", revision: 5)
    table.append(UInt32(0xfee0_0000))
    // There is a pair of 8259, to be masked.
    table.append(UInt32(1))
    for (number, id) in description.apicIDs.enumerated() {
      let processor = UInt32(truncatingIfNeeded: number)
      if let short = UInt8(exactly: id), short < 255, number < 255 {
        table.append([0, 8, UInt8(number), short])
        table.append(UInt32(1))
      } else {
        table.append([9, 16, 0, 0])
        for field in [id, 1, processor] { table.append(field) }
      }
    }
    table.append([1, 12, 0, 0])
    table.append(UInt32(0xfec0_0000))
    table.append(UInt32(0))
    // The timer's interrupt 0 is input 2; the SCI's is level-triggered, active high.
    appendOverride(&table, source: 0, input: 2, flags: 0)
    appendOverride(&table, source: 9, input: 9, flags: 0xd)
    table.append([4, 6, 0xff, 0, 0, 1])
    if description.apicIDs.contains(where: { $0 >= 255 }) {
      table.append([10, 12, 0, 0])
      table.append(UInt32.max)
      table.append([1, 0, 0, 0])
    }
    return table
  }

  private static func appendOverride(
    _ table: inout ACPITable, source: UInt8, input: UInt32, flags: UInt16
  ) {
    table.append([2, 10, 0, source])
    table.append(input)
    table.append(flags)
  }

  /// The memory-mapped configuration table (PCI Firmware 3.3, 4.1.2): segment 0 from bus 0.
  static func configurationWindows(_ description: ACPIDescription) -> ACPITable {
    var table = ACPITable("MCFG", revision: 1)
    table.append(UInt64(0))
    table.append(description.configWindow.lowerBound)
    table.append(UInt16(0))
    table.append([0, description.lastBus])
    table.append(UInt32(0))
    return table
  }
}

extension ACPIDescription {
  /// The last bus that the configuration window reaches.
  var lastBus: UInt8 {
    UInt8(min(256, max(1, (configWindow.upperBound - configWindow.lowerBound) >> 20)) - 1)
  }
}
