/// Bytes on their way to a client that may read slowly or not at all.
///
/// Nothing more is read from a client whose queue is full, so replies stay bounded by this and the
/// largest single reply. Events come uninvited: they overflow the queue at `eventLimit`, and then the
/// client is let go.
package struct OutputQueue {
  /// From here on no further request is taken, in bytes.
  package static let fullCount = 64 << 10

  /// From here on an event no longer fits, in bytes.
  package static let eventLimit = 1 << 20

  private var bytes: [UInt8] = []
  private var sentCount = 0

  /// Whether an event did not fit.
  package private(set) var hasOverflowed = false

  /// What is still to be sent.
  package var pending: ArraySlice<UInt8> { bytes[sentCount...] }

  package var isEmpty: Bool { sentCount == bytes.count }

  /// Whether the next request has to wait until the client has read.
  package var isFull: Bool { bytes.count - sentCount >= Self.fullCount }

  /// Adds a reply.
  package mutating func append(_ reply: some Sequence<UInt8>) {
    bytes.append(contentsOf: reply)
  }

  /// Adds an event if it fits.
  package mutating func appendEvent(_ event: some Sequence<UInt8>) {
    if bytes.count - sentCount >= Self.eventLimit {
      hasOverflowed = true
    } else {
      bytes.append(contentsOf: event)
    }
  }

  /// Forgets the first `count` pending bytes, which were sent.
  package mutating func removeFirst(_ count: Int) {
    sentCount += min(count, bytes.count - sentCount)
    if isEmpty {
      bytes = []
      sentCount = 0
    } else if sentCount >= Self.fullCount {
      bytes.removeFirst(sentCount)
      sentCount = 0
    }
  }
}
