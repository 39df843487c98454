internal import SystemPackage

/// An object of an iommufd context that a user reads through a descriptor of its own.
protocol UserQueue: AnyObject {
  /// The word for its file in messages.
  var kind: String { get }

  /// Its descriptor while that is open.
  var descriptor: QueueDescriptor? { get set }

  /// Hands out whole entries in up to `count` bytes, none when nothing waits. `EINVAL` when the first
  /// does not fit.
  func read(_ count: Int) throws(Errno) -> [UInt8]

  /// Takes the user's answers and gives how many bytes it took.
  func write(_ bytes: [UInt8]) throws(Errno) -> Int
}

extension UserQueue {
  func write(_ bytes: [UInt8]) throws(Errno) -> Int { throw .einval }
}

/// The descriptor of a queue. It keeps the context.
final class QueueFile<Queue: UserQueue>: StreamFile {
  private let queue: Queue
  private let context: IOMMUFDContext

  init(_ queue: Queue, of context: IOMMUFDContext) {
    self.queue = queue
    self.context = context
    context.retain()
  }

  var kind: String { queue.kind }

  func read(_ count: Int, on host: SimulatedHost) throws(Errno) -> [UInt8] {
    try queue.read(count)
  }

  func write(_ bytes: [UInt8], on host: SimulatedHost) throws(Errno) -> Int {
    try queue.write(bytes)
  }

  func closed(on host: SimulatedHost) {
    queue.descriptor = nil
    host.release(context)
  }
}
