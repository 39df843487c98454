internal import CLinux
internal import SimulatedKernel
internal import SystemPackage

/// One connection: what each message does to the function, and the reply to it.
///
/// Knows nothing of sockets. Whatever the bytes are, a message is answered or ends the connection; nothing
/// that a client sends makes the session grow but the maps of `DMAMap`, which are bounded.
final class Session {
  /// What became of a message.
  enum Outcome: Equatable {
    /// A whole reply, and a descriptor to send along that stays the function's.
    case reply([UInt8], descriptor: Int32?)
    case silence
    /// Whoever sent this cannot be talked to: a last reply, and why.
    case end([UInt8], Breach)
  }

  /// Why a connection ends.
  enum Breach: Equatable {
    /// The first message was not a version message.
    case noVersion
    /// The client speaks another major version.
    case version(major: UInt16, minor: UInt16)
    /// The version message is too short, or its text is not what it has to be.
    case versionText
  }

  /// A reply in the making.
  private struct Answer {
    var payload: [UInt8] = []
    var descriptor: Int32?
  }

  private let served: ServedFunction
  private var client: ClientCapabilities?

  init(_ served: ServedFunction) { self.served = served }

  /// Does what a message asks for.
  func answer(_ message: borrowing Message) -> Outcome {
    let header = message.header
    // The server asks nothing, so there is nothing to answer it.
    guard header.isRequest else { return .silence }
    guard client != nil else { return negotiate(message) }
    do throws(Errno) {
      guard let command = Command(rawValue: header.command) else { throw .notSupported }
      try checkDescriptors(message, command)
      let answer = try perform(command, message)
      guard header.wantsReply else { return .silence }
      return .reply(header.reply(answer.payload), descriptor: answer.descriptor)
    } catch {
      return header.wantsReply
        ? .reply(header.refusal(error.rawValue), descriptor: nil) : .silence
    }
  }

  // MARK: Version

  private func negotiate(_ message: borrowing Message) -> Outcome {
    let header = message.header
    let refusal = header.refusal(Errno.invalidArgument.rawValue)
    guard Command(rawValue: header.command) == .version else { return .end(refusal, .noVersion) }
    guard message.payload.count >= 4, message.descriptors.isEmpty, !message.lostDescriptors else {
      return .end(refusal, .versionText)
    }
    let major: UInt16 = message.payload.field(at: 0)
    let minor: UInt16 = message.payload.field(at: 2)
    guard major == 0 else { return .end(refusal, .version(major: major, minor: minor)) }
    guard let capabilities = ClientCapabilities(Array(message.payload.dropFirst(4))) else {
      return .end(refusal, .versionText)
    }
    client = capabilities
    // Version 0.0, whatever later minor version the client has.
    return .reply(header.reply([0, 0, 0, 0] + ClientCapabilities.server), descriptor: nil)
  }

  // MARK: Commands

  private func checkDescriptors(
    _ message: borrowing Message, _ command: Command
  ) throws(Errno) {
    let limit =
      switch command {
      case .mapDMA: 1
      case .setInterrupts: Limit.descriptors
      default: 0
      }
    guard !message.lostDescriptors, message.descriptors.count <= limit else {
      throw .invalidArgument
    }
  }

  private func perform(
    _ command: Command, _ message: borrowing Message
  ) throws(Errno) -> Answer {
    let payload = message.payload
    switch command {
    case .version: throw .invalidArgument
    case .deviceInfo: return try deviceInfo(payload)
    case .regionInfo: return try regionInfo(payload)
    case .regionDescriptors: return try regionDescriptors(payload)
    case .interruptInfo: return try interruptInfo(payload)
    case .setInterrupts: try setInterrupts(payload, message.descriptors)
    case .readRegion: return try readRegion(payload)
    case .writeRegion: return try writeRegion(payload)
    case .mapDMA: try mapDMA(payload, message.descriptors.first)
    case .unmapDMA: return try unmapDMA(payload)
    case .resetDevice:
      guard payload.isEmpty else { throw .invalidArgument }
      served.reset()
    }
    return Answer()
  }

  /// A payload has to be exactly as long as its structure, and `argsz` at its start at least that.
  private func check(
    _ payload: [UInt8], size: Int, argument: UInt32? = nil
  ) throws(Errno) {
    guard payload.count == size else { throw .invalidArgument }
    guard payload.field(at: 0, as: UInt32.self) >= argument ?? UInt32(size) else {
      throw .invalidArgument
    }
  }

  private func deviceInfo(_ payload: [UInt8]) throws(Errno) -> Answer {
    try check(payload, size: 16)
    var reply: [UInt8] = []
    reply.append(field: UInt32(16))
    reply.append(field: UInt32(VFIO_DEVICE_FLAGS_PCI | VFIO_DEVICE_FLAGS_RESET))
    reply.append(field: UInt32(VFIO_PCI_NUM_REGIONS))
    reply.append(field: UInt32(VFIO_PCI_NUM_IRQS))
    return Answer(payload: reply)
  }

  private func regionInfo(_ payload: [UInt8]) throws(Errno) -> Answer {
    try check(payload, size: 32)
    let room: UInt32 = payload.field(at: 0)
    let index: UInt32 = payload.field(at: 8)
    let region = try served.region(index)
    var flags =
      (region.isReadable ? UInt32(VFIO_REGION_INFO_FLAG_READ) : 0)
      | (region.isWritable ? UInt32(VFIO_REGION_INFO_FLAG_WRITE) : 0)
    var chain: [UInt8] = []
    var descriptor: Int32?
    if let areas = region.areas, let client, client.descriptors > 0 {
      flags |= UInt32(VFIO_REGION_INFO_FLAG_MMAP)
      if !areas.isEmpty {
        flags |= UInt32(VFIO_REGION_INFO_FLAG_CAPS)
        chain = Self.sparse(areas)
      }
      descriptor = try served.descriptor(ofBAR: index)
    }
    let needed = UInt32(32 + chain.count)
    // A client that has no room for all asks again with the room that it is told of. QEMU wants the place of
    // the capabilities in the first reply, too.
    let hasRoom = room >= needed
    var reply: [UInt8] = []
    reply.append(field: needed)
    reply.append(field: flags)
    reply.append(field: index)
    reply.append(field: UInt32(chain.isEmpty ? 0 : 32))
    reply.append(field: region.size)
    // Where the region begins in its descriptor.
    reply.append(field: UInt64(0))
    return Answer(
      payload: hasRoom ? reply + chain : reply, descriptor: hasRoom ? descriptor : nil)
  }

  /// The capability that tells which areas can be mapped.
  private static func sparse(_ areas: [HostArea]) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.append(field: UInt16(VFIO_REGION_INFO_CAP_SPARSE_MMAP))
    bytes.append(field: UInt16(1))
    bytes.append(field: UInt32(0))
    bytes.append(field: UInt32(areas.count))
    bytes.append(field: UInt32(0))
    for area in areas {
      bytes.append(field: area.offset)
      bytes.append(field: area.size)
    }
    return bytes
  }

  /// No region has descriptors that stand for accesses to it.
  private func regionDescriptors(_ payload: [UInt8]) throws(Errno) -> Answer {
    try check(payload, size: 16)
    let index: UInt32 = payload.field(at: 8)
    guard payload.field(at: 4, as: UInt32.self) == 0 else { throw .invalidArgument }
    _ = try served.region(index)
    var reply: [UInt8] = []
    reply.append(field: UInt32(16))
    reply.append(field: UInt32(0))
    reply.append(field: index)
    reply.append(field: UInt32(0))
    return Answer(payload: reply)
  }

  private func readRegion(_ payload: [UInt8]) throws(Errno) -> Answer {
    guard payload.count == 16 else { throw .invalidArgument }
    let bytes = try served.read(
      payload.field(at: 8), at: payload.field(at: 0), count: payload.field(at: 12))
    return Answer(payload: payload + bytes)
  }

  private func writeRegion(_ payload: [UInt8]) throws(Errno) -> Answer {
    guard payload.count >= 16, payload.count - 16 == Int(payload.field(at: 12, as: UInt32.self))
    else { throw .invalidArgument }
    try served.write(
      Array(payload.dropFirst(16)), payload.field(at: 8), at: payload.field(at: 0))
    return Answer(payload: Array(payload.prefix(16)))
  }
}

// MARK: - Interrupts and DMA

extension Session {
  private func interruptInfo(_ payload: [UInt8]) throws(Errno) -> Answer {
    try check(payload, size: 16)
    let index: UInt32 = payload.field(at: 8)
    guard index < UInt32(VFIO_PCI_NUM_IRQS) else { throw .invalidArgument }
    var flags = UInt32(VFIO_IRQ_INFO_EVENTFD)
    switch Int32(index) {
    case VFIO_PCI_INTX_IRQ_INDEX:
      flags |= UInt32(VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED)
    case VFIO_PCI_MSIX_IRQ_INDEX where served.function.description.hasDynamicMSIX: break
    default: flags |= UInt32(VFIO_IRQ_INFO_NORESIZE)
    }
    var reply: [UInt8] = []
    reply.append(field: UInt32(16))
    reply.append(field: flags)
    reply.append(field: index)
    reply.append(field: served.interruptCount(Int32(index)))
    return Answer(payload: reply)
  }

  private func setInterrupts(_ payload: [UInt8], _ descriptors: [Int32]) throws(Errno) {
    let size = 20
    guard payload.count >= size, payload.field(at: 0, as: UInt32.self) >= UInt32(size) else {
      throw .invalidArgument
    }
    let flags: UInt32 = payload.field(at: 4)
    let index: UInt32 = payload.field(at: 8)
    let start: UInt32 = payload.field(at: 12)
    let count: UInt32 = payload.field(at: 16)
    guard index < UInt32(VFIO_PCI_NUM_IRQS), flags & ~0x3F == 0,
      case let available = served.interruptCount(Int32(index)), start < available,
      count <= available - start
    else { throw .invalidArgument }
    let data: InterruptOrder.Data
    switch Int32(flags & 7) {
    case VFIO_IRQ_SET_DATA_NONE:
      guard payload.count == size, descriptors.isEmpty else { throw .invalidArgument }
      data = .none
    case VFIO_IRQ_SET_DATA_BOOL:
      guard payload.count == size + Int(count), descriptors.isEmpty else { throw .invalidArgument }
      data = .switches(payload.dropFirst(size).map { $0 != 0 })
    case VFIO_IRQ_SET_DATA_EVENTFD:
      // No descriptors at all stand for as many -1 as there are interrupts.
      guard payload.count == size, descriptors.isEmpty || descriptors.count == Int(count) else {
        throw .invalidArgument
      }
      data = .events(
        descriptors.isEmpty ? Array(repeating: -1, count: Int(count)) : descriptors)
    default: throw .invalidArgument
    }
    let order = InterruptOrder(start: Int(start), count: Int(count), data: data)
    guard
      try served.setInterrupts(order, index: Int32(index), action: flags & 0x38) == 0
    else { throw .noSpace }
    served.function.model?.interruptsChanged(on: served.bus)
  }

  private func mapDMA(_ payload: [UInt8], _ descriptor: Int32?) throws(Errno) {
    try check(payload, size: 32)
    let flags: UInt32 = payload.field(at: 4)
    guard flags & ~3 == 0 else { throw .invalidArgument }
    let request = DMAMap.Request(
      address: payload.field(at: 16), size: payload.field(at: 24), offset: payload.field(at: 8),
      isReadable: flags & UInt32(VFIO_DMA_MAP_FLAG_READ) != 0,
      isWritable: flags & UInt32(VFIO_DMA_MAP_FLAG_WRITE) != 0)
    try served.memory.map(request, descriptor)
  }

  private func unmapDMA(_ payload: [UInt8]) throws(Errno) -> Answer {
    try check(payload, size: 24)
    let flags: UInt32 = payload.field(at: 4)
    let bytes: UInt64
    switch flags {
    case 0:
      bytes = try served.memory.unmap(address: payload.field(at: 8), size: payload.field(at: 16))
    case UInt32(VFIO_DMA_UNMAP_FLAG_ALL): bytes = served.memory.unmapAll()
    default: throw .notSupported
    }
    var reply = Array(payload.prefix(16))
    reply.append(field: bytes)
    return Answer(payload: reply)
  }
}
