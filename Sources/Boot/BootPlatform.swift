/// What a guest's start depends on of the machine that it starts on.
package struct BootPlatform: Equatable, Sendable {
  /// Bytes of RAM from guest-physical address 0.
  package var memoryBelow4G: UInt64
  /// Bytes of RAM from guest-physical address 2^32.
  package var memoryAbove4G: UInt64
  /// What the ACPI tables say; nil is a machine without.
  package var acpi: ACPIDescription?
  /// Address ranges that the guest must leave alone although no RAM is there, disjoint and outside
  /// `acpi`'s windows. By default the chipset's root complex registers, and KVM's own pages
  /// (`KVM_SET_TSS_ADDR`, `KVM_SET_IDENTITY_MAP_ADDR`), all at QEMU's addresses.
  package var reserved: [Range<UInt64>] = [0xfed1_c000..<0xfed2_0000, 0xfeff_c000..<0xff00_0000]

  package init(memoryBelow4G: UInt64, memoryAbove4G: UInt64, acpi: ACPIDescription?) {
    self.memoryBelow4G = memoryBelow4G
    self.memoryAbove4G = memoryAbove4G
    self.acpi = acpi
  }

  /// The guest memory, in whole mebibytes, that has `lowMemory` bytes below 4 GiB; nil when none has,
  /// since a larger guest has only 2 GiB there.
  static func memoryWith(lowMemory: UInt64) -> UInt64? {
    lowMemory.aligned(up: 1 << 20).flatMap { $0 < 0xb000_0000 ? $0 : nil }
  }
}
