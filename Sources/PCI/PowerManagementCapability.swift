/// The power management capability of a function (PCI PM 1.2, 3.2).
package struct PowerManagementCapability: Equatable, Sendable {
  package let offset: Int
  /// Bit 3 of the control register (No_Soft_Reset): the way from D3hot to D0 resets nothing.
  package let keepsStateInD3hot: Bool

  package init(in image: ConfigImage, at offset: Int) {
    self.offset = offset
    keepsStateInD3hot = image.read(offset: offset + 4, length: 2) & 1 << 3 != 0
  }

  /// Offset of the control and status register; its bits 1:0 are the power state.
  package var controlOffset: Int { offset + 4 }
}

/// The conventional advanced features capability (PCI ECN, "Advanced Capabilities").
package struct AdvancedFeaturesCapability: Equatable, Sendable {
  /// Both Transactions Pending and Function Level Reset are there.
  package let hasFLR: Bool

  package init(in image: ConfigImage, at offset: Int) {
    hasFLR = image.byte(at: offset + 3) & 0x3 == 0x3
  }
}
