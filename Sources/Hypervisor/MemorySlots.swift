internal import CLinux

/// One of KVM's windows from guest-physical addresses to memory of this process.
struct MemorySlot: Equatable {
  var number: UInt32
  /// First guest-physical address and length in bytes, both multiples of the page size.
  var start: UInt64
  var size: UInt64
  var hostAddress: UInt64
  var isReadOnly: Bool
  /// Size 0 takes the slot away.
  var isEmptied = false

  /// The same slot without memory.
  var emptied: MemorySlot {
    var slot = self
    slot.isEmptied = true
    return slot
  }

  /// The slot as `KVM_SET_USER_MEMORY_REGION` takes it.
  var abi: kvm_userspace_memory_region {
    var region = kvm_userspace_memory_region()
    region.slot = number
    region.flags = isReadOnly && !isEmptied ? UInt32(KVM_MEM_READONLY) : 0
    region.guest_phys_addr = start
    region.memory_size = isEmptied ? 0 : size
    region.userspace_addr = hostAddress
    return region
  }
}

/// Which slot holds which section: the lowest free number each time.
struct MemorySlots {
  private let count: UInt32
  /// By the first address of the section.
  private var used: [UInt64: MemorySlot] = [:]
  private var free: [UInt32] = []
  private var firstUnused: UInt32 = 0

  init(count: UInt32) { self.count = count }

  /// A slot for the whole pages of a section, or nil when it has none or is not memory.
  mutating func take(
    for section: MemorySection
  ) -> Result<MemorySlot?, AcceleratorError> {
    let page: UInt64 = 4096
    guard let host = section.hostAddress else { return .success(nil) }
    let skipped = (page - section.start % page) % page
    guard section.size > skipped else { return .success(nil) }
    let size = (section.size - skipped) / page * page
    guard size > 0 else { return .success(nil) }
    let start = section.start + skipped
    guard let number = takeNumber() else {
      return .failure(AcceleratorError(.findMemorySlot(start: start, size: size)))
    }
    let slot = MemorySlot(
      number: number, start: start, size: size, hostAddress: UInt64(host) &+ skipped,
      isReadOnly: section.isReadOnly)
    used[section.start] = slot
    return .success(slot)
  }

  /// Gives a section's slot back and says which it was.
  mutating func release(_ section: MemorySection) -> MemorySlot? {
    guard let slot = used.removeValue(forKey: section.start) else { return nil }
    free.append(slot.number)
    free.sort(by: >)
    return slot
  }

  private mutating func takeNumber() -> UInt32? {
    if let number = free.popLast() { return number }
    guard firstUnused < count else { return nil }
    defer { firstUnused += 1 }
    return firstUnused
  }
}
