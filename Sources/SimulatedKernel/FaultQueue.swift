internal import CLinux
internal import SystemPackage

/// A fault queue object (FAULT) of an iommufd context: page requests of devices that wait for the user,
/// and those that wait for the user's answer.
final class FaultQueue: UserQueue {
  /// Requests that are delivered and answered together.
  struct Group {
    let requests: [PageRequest]
    let device: BoundDevice
    let table: PageTable
  }

  let kind = "fault queue"
  let identifier: UInt32
  var descriptor: QueueDescriptor?
  /// How many page tables report to it.
  var tableCount = 0
  private var waiting: [Group] = [] { didSet { descriptor?.isReadable = !waiting.isEmpty } }
  /// What the user has read and not answered, by cookie.
  private var delivered: [UInt32: Group] = [:]

  init(identifier: UInt32) { self.identifier = identifier }

  func add(_ group: Group) { waiting.append(group) }

  /// Hands out whole groups, as many as fit, each under the lowest free cookie. `EINVAL` when there
  /// are some and none fits, `ESPIPE` for a part of a record.
  func read(_ count: Int) throws(Errno) -> [UInt8] {
    let size = MemoryLayout<iommu_hwpt_pgfault>.size
    guard count % size == 0 else { throw .espipe }
    var bytes: [UInt8] = []
    while let group = waiting.first, group.requests.count * size <= count - bytes.count {
      waiting.removeFirst()
      var cookie: UInt32 = 1
      while delivered[cookie] != nil { cookie += 1 }
      delivered[cookie] = group
      for (index, request) in group.requests.enumerated() {
        let record = request.record(
          device: group.device.identifier, cookie, isLast: index == group.requests.count - 1)
        bytes += UserMemory.bytes(of: record)
      }
    }
    guard !bytes.isEmpty || waiting.isEmpty else { throw .einval }
    return bytes
  }

  /// Takes answers up to the first wrong one. `EINVAL` when that is the first, with an unknown code or
  /// a cookie that nothing waits for, `ESPIPE` for a part of a record.
  func write(_ bytes: [UInt8]) throws(Errno) -> Int {
    let size = MemoryLayout<iommu_hwpt_page_response>.size
    guard bytes.count % size == 0 else { throw .espipe }
    var done = 0
    while done < bytes.count {
      let response = UserMemory.value(iommu_hwpt_page_response.self, from: bytes[done...])
      guard response.code <= UInt32(IOMMUFD_PAGE_RESP_INVALID),
        delivered.removeValue(forKey: response.cookie) != nil
      else {
        guard done > 0 else { throw .einval }
        return done
      }
      done += size
    }
    return done
  }

  /// Answers in the user's place what a device reported through a page table that it leaves.
  func drop(_ device: BoundDevice, _ table: PageTable) {
    waiting.removeAll { $0.device === device && $0.table === table }
    for (cookie, group) in delivered where group.device === device && group.table === table {
      delivered[cookie] = nil
    }
  }
}

/// A page that a device asks for.
package struct PageRequest: Sendable, Equatable {
  package var address: UInt64
  /// `IOMMU_PGFAULT_PERM_*`.
  package var permissions: UInt32
  /// The number by which the device knows what it asked for together.
  package var group: UInt32
  /// Nil for a request without PASID.
  package var pasid: UInt32?

  package init(address: UInt64, permissions: UInt32, group: UInt32, pasid: UInt32? = nil) {
    self.address = address
    self.permissions = permissions
    self.group = group
    self.pasid = pasid
  }

  fileprivate func record(
    device: UInt32, _ cookie: UInt32, isLast: Bool
  ) -> iommu_hwpt_pgfault {
    let flags =
      (isLast ? IOMMU_PGFAULT_FLAGS_LAST_PAGE : 0)
      | (pasid == nil ? 0 : IOMMU_PGFAULT_FLAGS_PASID_VALID)
    return iommu_hwpt_pgfault(
      flags: UInt32(flags), dev_id: device, pasid: pasid ?? 0, grpid: group, perm: permissions,
      __reserved: 0, addr: address, length: 0, cookie: cookie)
  }
}

extension IOMMUFDFile {
  /// `IOMMU_FAULT_QUEUE_ALLOC`.
  func allocateFaultQueue(
    _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) {
    var command = try argument.load(iommu_fault_alloc.self)
    guard command.flags == 0 else { throw .eopnotsupp }
    let descriptor = try QueueDescriptor(isWritable: true)
    let queue = FaultQueue(identifier: context.freeIdentifier)
    queue.descriptor = descriptor
    context.add(.faults(queue), as: queue.identifier)
    host.files.add(QueueFile(queue, of: context), as: descriptor.descriptor)
    command.out_fault_id = queue.identifier
    command.out_fault_fd = UInt32(bitPattern: descriptor.descriptor)
    do throws(Errno) {
      try argument.store(command)
    } catch {
      host.close(descriptor.descriptor)
      context.remove(queue.identifier)
      throw error
    }
  }
}
