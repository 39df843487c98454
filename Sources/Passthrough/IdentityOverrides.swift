/// What a guest reads in place of the device's own identity; nil leaves the device's.
package struct IdentityOverrides: Sendable, Equatable {
  /// `x-pci-vendor-id`, below 0xffff.
  package var vendor: UInt32?
  /// `x-pci-device-id`, up to 0xffff.
  package var device: UInt32?
  /// `x-pci-sub-vendor-id`, up to 0xffff.
  package var subsystemVendor: UInt32?
  /// `x-pci-sub-device-id`, up to 0xffff.
  package var subsystem: UInt32?
  /// `x-pci-class-code`, 24 bits; the revision stays the device's.
  package var classCode: UInt32?

  package init() {}
}
