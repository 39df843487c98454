internal import CLinux
internal import HostKernel
internal import SystemPackage

/// Model-specific registers of a CPU with values.
struct ModelSpecificRegisters: Equatable {
  struct Register: Equatable {
    var index: UInt32
    var value: UInt64
  }

  var registers: [Register]

  private static let headerSize = 8
  private static var entrySize: Int { MemoryLayout<kvm_msr_entry>.stride }

  /// The registers that KVM saves (`KVM_GET_MSR_INDEX_LIST`).
  static func indices(of module: borrowing HostDescriptor) throws(Errno) -> [UInt32] {
    let capacity = 2048
    var bytes = [UInt8](repeating: 0, count: 4 + 4 * capacity)
    StructureBytes.store(UInt32(capacity), in: &bytes, at: 0)
    try module.control(KVM_GET_MSR_INDEX_LIST, on: &bytes)
    let count = Int(StructureBytes.load(UInt32.self, from: bytes, at: 0) ?? 0)
    return (0..<min(count, capacity)).compactMap {
      StructureBytes.load(UInt32.self, from: bytes, at: 4 + 4 * $0)
    }
  }

  /// Reads registers of a CPU; one that it does not have is left out.
  static func read(
    _ indices: [UInt32], of cpu: borrowing HostDescriptor
  ) throws(Errno) -> ModelSpecificRegisters {
    var result: [Register] = []
    var rest = indices[...]
    while !rest.isEmpty {
      var bytes = encode(rest.map { Register(index: $0, value: 0) })
      let count = min(rest.count, Int(try cpu.control(KVM_GET_MSRS, on: &bytes)))
      for place in 0..<count {
        let entry = StructureBytes.load(
          kvm_msr_entry.self, from: bytes, at: headerSize + place * entrySize)
        if let entry { result.append(Register(index: entry.index, value: entry.data)) }
      }
      // The one at which the kernel stopped is what the CPU lacks.
      rest = rest.dropFirst(count + 1)
    }
    return ModelSpecificRegisters(registers: result)
  }

  /// Sets the registers of a CPU in order; one that it does not take is left as it is.
  func write(to cpu: borrowing HostDescriptor) throws(Errno) {
    var rest = registers[...]
    while !rest.isEmpty {
      var bytes = Self.encode(Array(rest))
      let count = Int(try cpu.control(KVM_SET_MSRS, on: &bytes))
      rest = rest.dropFirst(count + 1)
    }
  }

  private static func encode(_ registers: [Register]) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: headerSize + registers.count * entrySize)
    StructureBytes.store(UInt32(registers.count), in: &bytes, at: 0)
    for (place, register) in registers.enumerated() {
      var entry = kvm_msr_entry()
      entry.index = register.index
      entry.data = register.value
      StructureBytes.store(entry, in: &bytes, at: headerSize + place * entrySize)
    }
    return bytes
  }
}

extension ModelSpecificRegisters {
  private static let timeStampCounter: UInt32 = 0x10
  private static let miscellaneousEnable: UInt32 = 0x1a0
  private static let memoryTypeDefault: UInt32 = 0x2ff

  /// What a machine reset sets, from the values that a new CPU has: time counters start at 0, string
  /// operations are fast, and the memory type ranges are empty with write-back as the type of all
  /// memory, which is what firmware leaves to a kernel.
  var atReset: ModelSpecificRegisters {
    var result = [Register(index: Self.timeStampCounter, value: 0)]
    for register in registers where register.index != Self.timeStampCounter {
      var register = register
      if register.index == Self.miscellaneousEnable { register.value |= 1 }
      result.append(register)
    }
    for index in Self.memoryTypeRanges { result.append(Register(index: index, value: 0)) }
    result.append(Register(index: Self.memoryTypeDefault, value: 0x806))
    return ModelSpecificRegisters(registers: result)
  }

  /// The variable ranges, then the fixed ones (SDM volume 3, 12.11).
  private static let memoryTypeRanges: [UInt32] =
    Array(0x200...0x20f) + [0x250, 0x258, 0x259] + Array(0x268...0x26f)
}
