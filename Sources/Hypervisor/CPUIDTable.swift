internal import CLinux

/// What a CPU answers to CPUID.
package struct CPUIDTable: Equatable, Sendable {
  /// One leaf, or one sub-leaf of a leaf that has several.
  package struct Entry: Equatable, Sendable {
    package var leaf: UInt32
    package var index: UInt32
    /// Whether the leaf's answer depends on the index (`KVM_CPUID_FLAG_SIGNIFCANT_INDEX`).
    package var isIndexed: Bool
    package var eax: UInt32
    package var ebx: UInt32
    package var ecx: UInt32
    package var edx: UInt32

    package init(
      leaf: UInt32, index: UInt32 = 0, isIndexed: Bool = false, eax: UInt32 = 0, ebx: UInt32 = 0,
      ecx: UInt32 = 0, edx: UInt32 = 0
    ) {
      self.leaf = leaf
      self.index = index
      self.isIndexed = isIndexed
      self.eax = eax
      self.ebx = ebx
      self.ecx = ecx
      self.edx = edx
    }
  }

  package enum Register: Equatable, Sendable { case eax, ebx, ecx, edx }

  package var entries: [Entry]

  package init(_ entries: [Entry] = []) { self.entries = entries }

  /// A leaf by number and index, or nil when the table lacks it.
  package subscript(leaf: UInt32, index: UInt32) -> Entry? {
    entries.first { $0.leaf == leaf && $0.index == index }
  }

  /// A register of a leaf; one that is not there reads as 0 and takes no value.
  package subscript(leaf: UInt32, index: UInt32, register: Register) -> UInt32 {
    get {
      guard let entry = self[leaf, index] else { return 0 }
      return switch register {
      case .eax: entry.eax
      case .ebx: entry.ebx
      case .ecx: entry.ecx
      case .edx: entry.edx
      }
    }
    set {
      guard let place = entries.firstIndex(where: { $0.leaf == leaf && $0.index == index }) else {
        return
      }
      switch register {
      case .eax: entries[place].eax = newValue
      case .ebx: entries[place].ebx = newValue
      case .ecx: entries[place].ecx = newValue
      case .edx: entries[place].edx = newValue
      }
    }
  }

  /// Puts an entry in the place of the one for its leaf and index, or at the end.
  package mutating func set(_ entry: Entry) {
    if let place = entries.firstIndex(where: {
      $0.leaf == entry.leaf && $0.index == entry.index
    }) {
      entries[place] = entry
    } else {
      entries.append(entry)
    }
  }

  /// Takes every entry of a leaf out.
  package mutating func remove(leaf: UInt32) { entries.removeAll { $0.leaf == leaf } }

  /// Whether the table is that of an AMD processor or one of its family (Hygon).
  package var isAMD: Bool {
    guard let vendor = self[0, 0] else { return false }
    return [0x6874_7541, 0x6f67_7948].contains(vendor.ebx)
  }
}

extension CPUIDTable {
  /// Most entries that `KVM_SET_CPUID2` takes.
  static let capacity = 256
  private static let headerSize = 8
  private static var entrySize: Int { MemoryLayout<kvm_cpuid_entry2>.stride }

  /// A `struct kvm_cpuid2` with room for as many entries as KVM can give.
  static var emptyBytes: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: headerSize + capacity * entrySize)
    StructureBytes.store(UInt32(capacity), in: &bytes, at: 0)
    return bytes
  }

  /// Reads what `KVM_GET_SUPPORTED_CPUID` gave; entries beyond the buffer are not there.
  init(bytes: [UInt8]) {
    let said = Int(StructureBytes.load(UInt32.self, from: bytes, at: 0) ?? 0)
    self.init()
    for number in 0..<min(said, Self.capacity) {
      let place = Self.headerSize + number * Self.entrySize
      guard let entry = StructureBytes.load(kvm_cpuid_entry2.self, from: bytes, at: place) else {
        break
      }
      entries.append(
        Entry(
          leaf: entry.function, index: entry.index,
          isIndexed: entry.flags & UInt32(KVM_CPUID_FLAG_SIGNIFCANT_INDEX) != 0, eax: entry.eax,
          ebx: entry.ebx, ecx: entry.ecx, edx: entry.edx))
    }
  }

  /// The `struct kvm_cpuid2` for `KVM_SET_CPUID2`.
  var bytes: [UInt8] {
    let used = entries.prefix(Self.capacity)
    var bytes = [UInt8](repeating: 0, count: Self.headerSize + used.count * Self.entrySize)
    StructureBytes.store(UInt32(used.count), in: &bytes, at: 0)
    for (number, entry) in used.enumerated() {
      var abi = kvm_cpuid_entry2()
      abi.function = entry.leaf
      abi.index = entry.index
      abi.flags = entry.isIndexed ? UInt32(KVM_CPUID_FLAG_SIGNIFCANT_INDEX) : 0
      (abi.eax, abi.ebx, abi.ecx, abi.edx) = (entry.eax, entry.ebx, entry.ecx, entry.edx)
      StructureBytes.store(abi, in: &bytes, at: Self.headerSize + number * Self.entrySize)
    }
    return bytes
  }
}
