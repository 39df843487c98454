extension ACPITable {
  static var headerSize: Int { 36 }
  /// Length in bytes of what `fixed` gives.
  static var fixedSize: Int { 276 }

  /// The fixed description table (ACPI 6.5, 5.2.9), revision 6. It names no HPET and no
  /// processor sleep states but C1.
  static func fixed(
    _ description: ACPIDescription, differentiated: UInt64, controlStructure: UInt64
  ) -> ACPITable {
    let port = description.powerManagementPort
    let (events, control, timer, general) = (port, port &+ 4, port &+ 8, port &+ 0x20)
    var table = ACPITable("FACP", revision: 6)
    table.append(UInt32(truncatingIfNeeded: controlStructure))
    table.append(UInt32(truncatingIfNeeded: differentiated))
    // Profile: not said. The SCI is interrupt 9.
    table.append([0, 0])
    table.append(UInt16(9))
    table.append(UInt32(description.commandPort))
    // Commands for ACPI on and off; none for S4 and processor states.
    table.append(description.commandPort == 0 ? [0, 0, 0, 0] : [2, 3, 0, 0])
    for register in [events, 0, control, 0, 0, timer, general, 0] { table.append(UInt32(register)) }
    // Lengths of PM1 events, PM1 control, PM2 control, timer, GPE0, GPE1; GPE1's base; no _CST.
    table.append([4, 2, 0, 4, 16, 0, 0, 0])
    // Latencies of C2 and C3, which say that neither exists; no flush sizes.
    for value in [0xfff, 0xfff, 0, 0] as [UInt16] { table.append(value) }
    // No duty cycle; no alarm for day and month; the clock's byte for the century.
    table.append([0, 0, 0, 0, description.hasRealTimeClock ? 0x32 : 0])
    table.append(bootFlags(description))
    table.append(UInt8(0))
    table.append(fixedFlags)
    table.append(register: 0xcf9, bits: 8, accessBytes: 1)
    // A hard reset of processor and system; no ARM flags; minor version.
    table.append([0x0e, 0, 0, 0])
    // The control structure has its 32-bit address only, as the specification asks.
    table.append(UInt64(0))
    table.append(differentiated)
    table.append(register: events, bits: 32, accessBytes: 2)
    table.append(register: 0, bits: 0, accessBytes: 0)
    table.append(register: control, bits: 16, accessBytes: 2)
    table.append(register: 0, bits: 0, accessBytes: 0)
    table.append(register: 0, bits: 0, accessBytes: 0)
    table.append(register: timer, bits: 32, accessBytes: 4)
    table.append(register: general, bits: 128, accessBytes: 1)
    // GPE1, sleep control, sleep status.
    for _ in 0..<3 { table.append(register: 0, bits: 0, accessBytes: 0) }
    table.append(UInt64(0))
    return table
  }

  /// `IAPC_BOOT_ARCH` (5.2.9.3).
  private static func bootFlags(_ description: ACPIDescription) -> UInt16 {
    let hasLegacyDevices = description.serialPorts.contains { $0 != nil }
    var flags: UInt16 = 1 << 2
    if hasLegacyDevices { flags |= 1 << 0 }
    if description.hasKeyboardController { flags |= 1 << 1 }
    if !description.hasRealTimeClock { flags |= 1 << 5 }
    return flags
  }

  /// `WBINVD` works, C1 on all processors, no sleep button, the clock's alarm is no fixed event, the
  /// reset register is there. The power button is the fixed one, the timer has 24 bits.
  private static var fixedFlags: UInt32 { 1 << 0 | 1 << 2 | 1 << 5 | 1 << 6 | 1 << 10 }
}
