internal import CLinux

/// A part of a CPU's state that KVM gives and takes as a block of bytes.
struct CPUStatePart: Equatable {
  /// What the kernel commands are called after `KVM_GET_` and `KVM_SET_`.
  var name: String
  var get: UInt32
  var set: UInt32
  /// Length in bytes.
  var size: Int

  static let registers = CPUStatePart(
    name: "REGS", get: UInt32(KVM_GET_REGS), set: UInt32(KVM_SET_REGS),
    size: MemoryLayout<kvm_regs>.size)
  static let systemRegisters = CPUStatePart(
    name: "SREGS", get: UInt32(KVM_GET_SREGS), set: UInt32(KVM_SET_SREGS),
    size: MemoryLayout<kvm_sregs>.size)

  /// The parts in the order in which they are set: nothing of a guest's own guest first, the interrupt
  /// controller after its base address in the system registers.
  ///
  /// - Parameters:
  ///   - extendedStateSize: What `KVM_CAP_XSAVE2` says, or 0 where it is not known.
  ///   - hasNestedState: Whether guests may run guests of their own here.
  static func all(extendedStateSize: Int, hasNestedState: Bool) -> [CPUStatePart] {
    var parts: [CPUStatePart] = []
    if hasNestedState {
      parts.append(
        CPUStatePart(
          name: "NESTED_STATE", get: UInt32(KVM_GET_NESTED_STATE),
          set: UInt32(KVM_SET_NESTED_STATE), size: 128))
    }
    parts.append(.registers)
    let isLong = extendedStateSize > 4096
    parts.append(
      CPUStatePart(
        name: isLong ? "XSAVE2" : "XSAVE", get: UInt32(isLong ? KVM_GET_XSAVE2 : KVM_GET_XSAVE),
        set: UInt32(KVM_SET_XSAVE), size: max(extendedStateSize, 4096)))
    parts.append(
      CPUStatePart(
        name: "XCRS", get: UInt32(KVM_GET_XCRS), set: UInt32(KVM_SET_XCRS), size: 392))
    parts.append(.systemRegisters)
    parts.append(
      CPUStatePart(
        name: "VCPU_EVENTS", get: UInt32(KVM_GET_VCPU_EVENTS), set: UInt32(KVM_SET_VCPU_EVENTS),
        size: 64))
    parts.append(
      CPUStatePart(
        name: "MP_STATE", get: UInt32(KVM_GET_MP_STATE), set: UInt32(KVM_SET_MP_STATE), size: 4))
    parts.append(
      CPUStatePart(
        name: "LAPIC", get: UInt32(KVM_GET_LAPIC), set: UInt32(KVM_SET_LAPIC), size: 1024))
    parts.append(
      CPUStatePart(
        name: "DEBUGREGS", get: UInt32(KVM_GET_DEBUGREGS), set: UInt32(KVM_SET_DEBUGREGS),
        size: 128))
    return parts
  }

  /// A buffer for `get`; nested state wants to be told its length there.
  var buffer: [UInt8] {
    var bytes = [UInt8](repeating: 0, count: size)
    if get == UInt32(KVM_GET_NESTED_STATE) {
      StructureBytes.store(UInt32(size), in: &bytes, at: 4)
    }
    return bytes
  }
}
