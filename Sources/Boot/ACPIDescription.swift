/// What ACPI tables tell a guest of a q35-like machine, as values.
package struct ACPIDescription: Equatable, Sendable {
  /// One pin of a slot of the root bus, and the I/O APIC input that it leads to.
  package struct InterruptPin: Equatable, Sendable {
    /// 0 to 31.
    package var slot: UInt8
    /// 0 (INTA) to 3 (INTD).
    package var pin: UInt8
    /// The I/O APIC's input, 16 to 23: 16 is the chipset's line PIRQA.
    package var gsi: UInt32

    package init(slot: UInt8, pin: UInt8, gsi: UInt32) {
      self.slot = slot
      self.pin = pin
      self.gsi = gsi
    }
  }

  /// The local APIC id of each CPU, the first CPU's first.
  package var apicIDs: [UInt32]
  /// The memory that PCI functions may be placed in below 4 GiB; may be empty.
  package var memoryWindow: Range<UInt64>
  /// The same above 4 GiB; may be empty.
  package var prefetchableWindow: Range<UInt64>
  /// The enhanced configuration window of buses 0 up, 1 MiB for each.
  package var configWindow: Range<UInt64>
  /// Pins of the root bus.
  package var interruptPins: [InterruptPin]

  /// The ICH9's 128 power management ports: PM1a events at 0, control at 4, timer at 8, GPE0 at 0x20.
  package var powerManagementPort: UInt16 = 0x600
  /// The port whose commands 2 and 3 turn ACPI on and off, as QEMU's chipset has them; 0 is a machine
  /// that is always in ACPI mode.
  package var commandPort: UInt16 = 0xb2
  /// The PM1 sleep type that turns the machine off; QEMU's is 0.
  package var softOffSleepType: UInt8 = 0
  /// The first port of each 16550 with its interrupt, COM1 first; nil is not there.
  package var serialPorts: [SerialPort?] = [SerialPort(port: 0x3f8, irq: 4), nil]
  /// Whether ports 0x70 and 0x71 are a real-time clock.
  package var hasRealTimeClock = true
  /// Whether ports 0x60 and 0x64 are a whole keyboard controller. A guest that is told so looks for
  /// a keyboard; that commands reset the machine needs no controller.
  package var hasKeyboardController = false
  /// The port through which a guest tells that it panicked (`isa-pvpanic`).
  package var panicPort: UInt16?
  /// Whole tables, header and checksum included, that the guest finds after the board's own, such as
  /// the DMAR of a vIOMMU.
  package var extraTables: [[UInt8]] = []

  package struct SerialPort: Equatable, Sendable {
    package var port: UInt16
    package var irq: UInt8

    package init(port: UInt16, irq: UInt8) {
      self.port = port
      self.irq = irq
    }
  }

  /// A machine with these CPUs and windows, and the ports of a q35 board.
  package init(
    apicIDs: [UInt32], memoryWindow: Range<UInt64>, prefetchableWindow: Range<UInt64>,
    configWindow: Range<UInt64>, interruptPins: [InterruptPin]
  ) {
    self.apicIDs = apicIDs
    self.memoryWindow = memoryWindow
    self.prefetchableWindow = prefetchableWindow
    self.configWindow = configWindow
    self.interruptPins = interruptPins
  }
}
