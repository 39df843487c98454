/// What a message asks for (vfio-user 0.0, "Commands").
enum Command: UInt16 {
  case version = 1
  case mapDMA = 2
  case unmapDMA = 3
  case deviceInfo = 4
  case regionInfo = 5
  case regionDescriptors = 6
  case interruptInfo = 7
  case setInterrupts = 8
  case readRegion = 9
  case writeRegion = 10
  case resetDevice = 13
}

/// What both sides of a connection may expect of each other.
enum Limit {
  /// Bytes of data in one access to a region.
  static let transfer = 1 << 20
  /// Bytes of a message: its header, a region access and the data.
  static let message = MessageHeader.size + 16 + transfer
  /// Descriptors with one message.
  static let descriptors = 16
  /// Bytes of the text of a version message.
  static let versionText = 4096
}
