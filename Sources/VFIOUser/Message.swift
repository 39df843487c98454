internal import CLinux

/// One whole message of a client; the descriptors that came with it are closed with it.
struct Message: ~Copyable {
  let header: MessageHeader
  /// What follows the header.
  let payload: [UInt8]
  let descriptors: [Int32]
  /// More descriptors came than a message may have, or the process had no room for them.
  let lostDescriptors: Bool

  init(
    header: MessageHeader, payload: [UInt8], descriptors: [Int32] = [],
    lostDescriptors: Bool = false
  ) {
    self.header = header
    self.payload = payload
    self.descriptors = descriptors
    self.lostDescriptors = lostDescriptors
  }

  deinit { for descriptor in descriptors { _ = clinux_close(descriptor) } }
}
