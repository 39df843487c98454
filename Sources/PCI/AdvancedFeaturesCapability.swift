/// The conventional advanced features capability (PCI ECN, "Advanced Capabilities").
package struct AdvancedFeaturesCapability: Equatable, Sendable {
  /// Both Transactions Pending (bit 0) and Function Level Reset (bit 1) are there.
  package let hasFLR: Bool

  package init(in image: ConfigImage, at offset: Int) {
    hasFLR = image.byte(at: offset + 3) & 0x3 == 0x3
  }
}
