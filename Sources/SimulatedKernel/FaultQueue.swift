internal import CLinux
internal import SystemPackage

/// A fault queue object (FAULT) of an iommufd context.
final class FaultQueue {
  let identifier: UInt32
  /// Its descriptor is open.
  var isOpen = true
  /// How many page tables report to it.
  var tableCount = 0

  init(identifier: UInt32) { self.identifier = identifier }
}

/// The descriptor of a fault queue. No function of the model reports page requests, so it is empty.
final class FaultQueueFile: OpenFile {
  /// Bytes of one page request and of one answer.
  private static let recordSize = 40
  private static let responseSize = 8

  let kind = "fault queue"
  private let queue: FaultQueue
  private let context: IOMMUFDContext

  init(_ queue: FaultQueue, of context: IOMMUFDContext) {
    self.queue = queue
    self.context = context
    context.retain()
  }

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    throw .enotty
  }

  func read(_ count: Int, at offset: UInt64, on host: SimulatedHost) throws(Errno) -> [UInt8] {
    guard count % Self.recordSize == 0 else { throw Errno(rawValue: 29) }
    return []
  }

  func write(_ bytes: [UInt8], at offset: UInt64, on host: SimulatedHost) throws(Errno) -> Int {
    guard bytes.count % Self.responseSize == 0 else {
      throw Errno(rawValue: 29)
    }
    guard bytes.isEmpty else { throw .einval }
    return 0
  }

  func closed(on host: SimulatedHost) {
    queue.isOpen = false
    host.release(context)
  }
}

extension IOMMUFDFile {
  /// `IOMMU_FAULT_QUEUE_ALLOC`.
  func allocateFaultQueue(
    _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(iommu_fault_alloc.self)
    guard command.flags == 0 else { throw .eopnotsupp }
    var made: FaultQueue?
    let identifier = context.add {
      let queue = FaultQueue(identifier: $0)
      made = queue
      return .faults(queue)
    }
    guard let made else { throw .enomem }
    let file = FaultQueueFile(made, of: context)
    let descriptor: Int32
    do throws(Errno) {
      descriptor = try host.files.add(file, named: "fault queue")
    } catch {
      host.close(file)
      context.remove(identifier)
      throw error
    }
    command.out_fault_id = identifier
    command.out_fault_fd = UInt32(bitPattern: descriptor)
    do throws(Errno) {
      try argument.store(command)
    } catch {
      host.close(descriptor)
      context.remove(identifier)
      throw error
    }
  }
}
