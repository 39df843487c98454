internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Where one I/O virtual address leads: to the process's memory, and how far from there.
struct DMATarget {
  enum Place {
    /// Memory of the process at this address.
    case memory(UInt64)
    /// A memory file at this offset.
    case file(UserPages, UInt64)
  }

  var place: Place
  /// Bytes until the mapping ends.
  var length: UInt64
}

extension GroupState {
  /// Translates an address for the requester IDs of the group. Throws a fault as the IOMMU would
  /// record it.
  func translate(_ address: UInt64, isWrite: Bool) throws(DMAFault) -> DMATarget {
    let target: DMATarget?
    if let table = attachments[0]?.table {
      target = table.ioas.target(of: address, isWrite: isWrite)
    } else if case .native(let container) = openFile?.container, let backend = container.backend {
      target = backend.target(of: address, isWrite: isWrite)
    } else {
      throw DMAFault(address: address, isWrite: isWrite, reason: .blocked)
    }
    guard let target else {
      throw DMAFault(address: address, isWrite: isWrite, reason: .notAllowed)
    }
    return target
  }

  /// Copies bytes from I/O virtual addresses.
  func readMemory(at address: UInt64, count: Int) throws(DMAFault) -> [UInt8] {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(count)
    while bytes.count < count {
      let position = address &+ UInt64(bytes.count)
      let target = try translate(position, isWrite: false)
      let piece = Int(min(target.length, UInt64(count - bytes.count)))
      do throws(Errno) {
        bytes += try target.place.withMemory(count: piece) { address throws(Errno) in
          try UserMemory.bytes(at: address, count: piece)
        }
      } catch {
        throw DMAFault(address: position, isWrite: false, reason: .memoryGone)
      }
    }
    return bytes
  }

  /// Copies bytes to I/O virtual addresses, piece by piece up to the first fault.
  func writeMemory(_ bytes: [UInt8], at address: UInt64) throws(DMAFault) {
    var done = 0
    while done < bytes.count {
      let position = address &+ UInt64(done)
      let target = try translate(position, isWrite: true)
      let piece = Int(min(target.length, UInt64(bytes.count - done)))
      do throws(Errno) {
        try target.place.withMemory(count: piece) { address throws(Errno) in
          try UserMemory.write(Array(bytes[done..<done + piece]), to: address)
        }
      } catch {
        throw DMAFault(address: position, isWrite: true, reason: .memoryGone)
      }
      done += piece
    }
  }
}

extension DMATarget.Place {
  /// Gives the address at which the bytes are; a file is mapped for as long.
  ///
  /// The copy itself goes through a system call, so memory that went meanwhile is an error.
  fileprivate func withMemory<Value>(
    count: Int, _ body: (UInt64) throws(Errno) -> Value
  ) throws(Errno) -> Value {
    switch self {
    case .memory(let address): return try body(address)
    case .file(let pages, let offset):
      guard let file = pages.file, !pages.isRevoked else { throw .efault }
      let offset = offset &+ file.start
      let start = offset & ~(file.pageSize - 1)
      let (end, overflow) = offset.addingReportingOverflow(UInt64(count) + file.pageSize - 1)
      guard !overflow else { throw .efault }
      let length = Int((end & ~(file.pageSize - 1)) - start)
      let address = try MemoryCalls.map(
        MappingRequest(descriptor: file.descriptor, offset: start, length: length))
      defer { MemoryCalls.unmap(address: address, length: length) }
      return try body(UInt64(address) + (offset - start))
    }
  }
}

extension IOAS {
  /// Where an address leads; nil when it is not mapped for the direction.
  func target(of address: UInt64, isWrite: Bool) -> DMATarget? {
    guard let mapping = mappings.holding(address, by: \.iova),
      isWrite ? mapping.isWritable : mapping.isReadable
    else { return nil }
    let distance = address - mapping.iova.lowerBound
    let length = (mapping.iova.upperBound - address).addingReportingOverflow(1).partialValue
    switch mapping.source {
    case .memory(let start):
      return DMATarget(place: .memory(start &+ distance), length: length)
    case .file(let start, _):
      return DMATarget(place: .file(mapping.pages, start &+ distance), length: length)
    }
  }
}

extension Type1Backend {
  /// Where an address leads; nil when it is not mapped for the direction.
  func target(of address: UInt64, isWrite: Bool) -> DMATarget? {
    guard let mapping = mappings.holding(address, by: \.iova),
      isWrite ? mapping.isWritable : mapping.isReadable
    else { return nil }
    return DMATarget(
      place: .memory(mapping.address &+ (address - mapping.iova.lowerBound)),
      length: mapping.iova.upperBound - address + 1)
  }
}

extension Array {
  /// The element whose range holds an address, among ascending ranges without overlap.
  fileprivate func holding(
    _ address: UInt64, by range: (Element) -> ClosedRange<UInt64>
  ) -> Element? {
    var low = 0
    var high = count
    while low < high {
      let middle = (low + high) / 2
      if range(self[middle]).lowerBound <= address { low = middle + 1 } else { high = middle }
    }
    guard low > 0, range(self[low - 1]).contains(address) else { return nil }
    return self[low - 1]
  }
}
