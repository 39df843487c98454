/// The power management capability of a function (PCI PM 1.2, 3.2).
package struct PowerManagementCapability: Equatable, Sendable {
  package let offset: Int
  /// Bit 3 of the control register (No_Soft_Reset): the way from D3hot to D0 resets nothing.
  package let keepsStateInD3hot: Bool

  package init(in image: ConfigImage, at offset: Int) {
    self.offset = offset
    keepsStateInD3hot = image.read(offset: offset + 4, length: 2) & 1 << 3 != 0
  }

  /// Offset of the 16-bit control and status register; its bits 1:0 are the power state.
  package var controlOffset: Int { offset + 4 }

  /// The power state that the guest has asked for, D0 to D3hot as 0 to 3.
  package func powerState(in image: ConfigImage) -> Int {
    Int(image.byte(at: controlOffset) & 3)
  }

  /// Lets the copy follow the guest's writes of the power state, so that BARs can come and go with
  /// it. Reads stay the device's.
  package func trackPowerState(in image: inout ConfigImage) {
    image.makeWritable(controlOffset, mask: UInt8(3))
  }
}
