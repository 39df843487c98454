/// Where in the guest's first mebibyte the machine puts what it makes, and where it does not.
enum BootLayout {
  /// Where structures of a boot protocol are: not in the pages below, which early code of some guests
  /// is known to write to.
  static let structures: Range<UInt64> = 0x7000..<firmware.lowerBound

  /// Where structures are that have no room there. Below are the interrupt vectors and the BIOS data
  /// area, which some guests look into and find empty.
  static let lowest: Range<UInt64> = 0x1000..<0x7000

  /// From the extended BIOS data area's usual place to 1 MiB: legacy video memory, option ROMs, BIOS.
  /// Guests are told to leave it alone, but a kernel may be loaded there.
  static let firmware: Range<UInt64> = 0x9_fc00..<0x10_0000

  /// The part of `firmware` where guests scan for the ACPI root pointer (ACPI 6.5, 5.2.5.1), and
  /// where all tables are.
  static let tables: Range<UInt64> = 0xe_0000..<0x10_0000

  /// Where kernels are loaded.
  static let highMemory: UInt64 = 0x10_0000
}
