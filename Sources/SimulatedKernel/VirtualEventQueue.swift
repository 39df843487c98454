internal import CLinux
internal import SystemPackage

/// A queue (VEVENTQ) of what a virtual IOMMU has to tell its guest, of one type of event.
final class VirtualEventQueue: UserQueue {
  private struct Event {
    let sequence: UInt32
    let contents: [UInt8]
  }

  let kind = "virtual event queue"
  let identifier: UInt32
  let type: UInt32
  /// Stays while it has a queue.
  unowned let virtualIOMMU: VirtualIOMMU
  var descriptor: QueueDescriptor?
  /// How many events may wait.
  private let depth: UInt32
  private var waiting: [Event] = [] { didSet { updateDescriptor() } }
  /// The number of the last event that was lost behind all that wait; nil when none was.
  private var lost: UInt32? { didSet { updateDescriptor() } }
  private var sequence: UInt32 = 0

  init(identifier: UInt32, type: UInt32, virtualIOMMU: VirtualIOMMU, depth: UInt32) {
    self.identifier = identifier
    self.type = type
    self.virtualIOMMU = virtualIOMMU
    self.depth = depth
  }

  private func updateDescriptor() { descriptor?.isReadable = !waiting.isEmpty || lost != nil }

  /// Adds an event. One that finds the queue full is lost, which the reader learns after the others
  /// unless the next one finds room first.
  func add(_ contents: [UInt8]) {
    if waiting.count < Int(depth) {
      lost = nil
      waiting.append(Event(sequence: sequence, contents: contents))
    } else {
      lost = sequence
    }
    sequence = (sequence + 1) & UInt32(Int32.max)
  }

  /// Hands out whole events, as many as fit. `EINVAL` when there are some and none fits.
  func read(_ count: Int) throws(Errno) -> [UInt8] {
    let size = MemoryLayout<iommufd_vevent_header>.size
    var bytes: [UInt8] = []
    while let event = waiting.first, size + event.contents.count <= count - bytes.count {
      waiting.removeFirst()
      bytes += UserMemory.bytes(of: iommufd_vevent_header(flags: 0, sequence: event.sequence))
      bytes += event.contents
    }
    if waiting.isEmpty, let number = lost, size <= count - bytes.count {
      lost = nil
      bytes += UserMemory.bytes(
        of: iommufd_vevent_header(
          flags: UInt32(IOMMU_VEVENTQ_FLAG_LOST_EVENTS), sequence: number))
    }
    guard !bytes.isEmpty || (waiting.isEmpty && lost == nil) else { throw .einval }
    return bytes
  }
}

extension IOMMUFDFile {
  /// `IOMMU_VEVENTQ_ALLOC`.
  func allocateEventQueue(
    _ argument: inout UserArgument, size: Int, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(iommu_veventq_alloc.self, count: size)
    guard command.flags == 0, command.__reserved == 0, command.type != 0 else {
      throw .eopnotsupp
    }
    guard command.veventq_depth > 0, command.veventq_depth <= 1 << 19 else { throw .einval }
    let virtual = try context.virtualIOMMU(command.viommu_id)
    guard virtual.eventQueues[command.type] == nil else { throw .eexist }
    let descriptor = try QueueDescriptor(isWritable: false)
    let queue = VirtualEventQueue(
      identifier: context.freeIdentifier, type: command.type, virtualIOMMU: virtual,
      depth: command.veventq_depth)
    queue.descriptor = descriptor
    virtual.eventQueues[queue.type] = queue
    context.add(.events(queue), as: queue.identifier)
    host.files.add(QueueFile(queue, of: context), as: descriptor.descriptor)
    command.out_veventq_id = queue.identifier
    command.out_veventq_fd = UInt32(bitPattern: descriptor.descriptor)
    do throws(Errno) {
      try argument.store(command, count: size)
    } catch {
      host.close(descriptor.descriptor)
      virtual.eventQueues[queue.type] = nil
      context.remove(queue.identifier)
      throw error
    }
  }
}
