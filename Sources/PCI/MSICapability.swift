/// The MSI capability of a function (PCI 3.0, 6.8.1).
package struct MSICapability: Equatable, Sendable {
  package let offset: Int
  package let is64Bit: Bool
  /// Whether there are mask and pending bits.
  package let hasMasks: Bool
  /// Vectors that the function can use, a power of two up to 32.
  package let vectorCount: Int

  /// What the device writes to raise a vector.
  package struct Message: Equatable, Sendable {
    package let address: UInt64
    package let data: UInt32

    package init(address: UInt64, data: UInt32) {
      self.address = address
      self.data = data
    }
  }

  // Fields of the control register.
  private static let enable: UInt32 = 0x1
  private static let enabledCountMask: UInt32 = 0x70
  private static let is64BitFlag: UInt32 = 0x80
  private static let hasMasksFlag: UInt32 = 0x100

  /// Decodes the shape from a control register read at `offset + 2`.
  package init(control: UInt16, at offset: Int) {
    self.offset = offset
    is64Bit = UInt32(control) & Self.is64BitFlag != 0
    hasMasks = UInt32(control) & Self.hasMasksFlag != 0
    vectorCount = 1 << min(5, Int(control >> 1 & 7))
  }

  /// Decodes the shape from a copy of config space.
  package init(in image: ConfigImage, at offset: Int) {
    self.init(control: image.word(at: offset + 2), at: offset)
  }

  /// Length in bytes as QEMU emulates it.
  package var length: Int { 0xa + (hasMasks ? 0xa : 0) + (is64Bit ? 4 : 0) }

  /// Offset of the 16-bit message data.
  private var dataOffset: Int { offset + (is64Bit ? 0xc : 8) }

  // MARK: - Set-up

  /// Makes the capability ours, disabled and with nothing programmed, and lets the guest write what
  /// it may; bytes of the next capability are left alone.
  package func emulate(in image: inout ConfigImage) {
    let span = min(length, image.capabilitySpan(at: offset))
    image.emulate(offset, count: span)
    let countField = UInt32(vectorCount.trailingZeroBitCount) << 1
    let control =
      countField | (is64Bit ? Self.is64BitFlag : 0) | (hasMasks ? Self.hasMasksFlag : 0)
    var edits = [
      ConfigEdit(
        offset: offset + 2, value: control, mask: 0xffff,
        writable: Self.enable | Self.enabledCountMask),
      ConfigEdit(offset: offset + 4, value: 0, mask: .max, writable: ~3),
    ]
    if is64Bit {
      edits.append(ConfigEdit(offset: offset + 8, value: 0, mask: .max, writable: .max))
    }
    edits.append(
      ConfigEdit(
        offset: dataOffset, value: 0, mask: hasMasks ? .max : 0xffff, writable: 0xffff))
    if hasMasks {
      let vectors = UInt32.max >> UInt32(32 - vectorCount)
      edits.append(
        ConfigEdit(offset: dataOffset + 4, value: 0, mask: .max, writable: vectors))
      edits.append(ConfigEdit(offset: dataOffset + 8, value: 0, mask: .max))
    }
    image.apply(edits.map { $0.clipped(to: offset + span) })
  }

  /// Clears the pending bits as far as they are ours; bytes of the next capability are left alone.
  func clearPending(in image: inout ConfigImage) {
    guard hasMasks else { return }
    let start = dataOffset + 8
    let end = min(start + 4, offset + image.capabilitySpan(at: offset))
    for place in start..<max(start, end) {
      image.set(place, image.byte(at: place) & ~image.emulated[place])
    }
  }

  // MARK: - State

  /// Whether the guest has MSI on.
  package func isEnabled(in image: ConfigImage) -> Bool { control(in: image) & Self.enable != 0 }

  /// Vectors that the guest lets the function use: never more than it has.
  package func enabledVectorCount(in image: ConfigImage) -> Int {
    min(vectorCount, 1 << Int((control(in: image) & Self.enabledCountMask) >> 4))
  }

  /// The message of a vector: the data's low bits are the vector's number when there are several.
  package func message(for vector: Int, in image: ConfigImage) -> Message {
    let high = is64Bit ? UInt64(image.dword(at: offset + 8)) << 32 : 0
    let numbers = UInt32(truncatingIfNeeded: enabledVectorCount(in: image) - 1)
    let data = image.read(offset: dataOffset, length: 2)
    return Message(
      address: high | UInt64(image.dword(at: offset + 4)),
      data: data & ~numbers | UInt32(truncatingIfNeeded: vector) & numbers)
  }

  /// Whether the guest has masked a vector; never without mask bits.
  package func isMasked(_ vector: Int, in image: ConfigImage) -> Bool {
    guard hasMasks, (0..<vectorCount).contains(vector) else { return false }
    return image.dword(at: dataOffset + 4) >> UInt32(vector) & 1 != 0
  }

  private func control(in image: ConfigImage) -> UInt32 {
    image.read(offset: offset + 2, length: 2)
  }
}
