internal import CLinux
internal import HostKernel
internal import SystemPackage

/// A CPU: its file, the area that it shares with the kernel, and the state that a reset returns to.
///
/// Its thread is alone with the file while it runs the guest; everything else happens with the machine
/// lock held.
@safe final class KVMCPU: @unchecked Sendable {
  let number: Int
  let group: CPUGroup
  let descriptor: HostDescriptor
  /// Valid for as long as this object, which owns the mapping. The kernel writes to it only during
  /// `KVM_RUN`.
  let run: UnsafeMutablePointer<kvm_run>
  /// Length of the area that `run` starts, in bytes.
  let runSize: Int
  private let mapping: HostMapping
  private let parts: [CPUStatePart]
  private let powerOnParts: [[UInt8]]
  private let powerOnRegisters: ModelSpecificRegisters
  /// What RDX holds after a reset.
  private let signature: UInt32
  var thread: HostThread?

  /// Whether it may not go on before a reset.
  var isHeld = false
  /// Whether the kernel has the rest of an access to do before the CPU's state is whole.
  var needsCompletion = false

  /// What all CPUs are made with.
  struct Plan {
    var parts: [CPUStatePart]
    /// Registers that KVM saves; those that CPU 0 has after it was made.
    var registerIndices: [UInt32]
    var runSize: Int
    var shape: CPUIDTable
    var topology: CPUTopology
  }

  /// Makes a CPU and reads what it is like after power-on. The first CPU shortens the plan's list of
  /// registers to those that there are.
  init(
    _ number: Int, _ plan: inout Plan, in vm: borrowing HostDescriptor, group: CPUGroup
  ) throws(AcceleratorError) {
    func perform<Value: ~Copyable>(
      _ step: AcceleratorError.CPUStep, _ body: () throws(Errno) -> Value
    ) throws(AcceleratorError) -> Value {
      do { return try body() } catch { throw AcceleratorError(.makeCPU(number, step), error) }
    }
    self.number = number
    self.group = group
    let id = plan.topology.apicID(of: number)
    let created: Int32
    do { created = try vm.control(KVM_CREATE_VCPU, value: UInt(id)) } catch {
      throw AcceleratorError(.makeCPU(number, .create), error)
    }
    descriptor = HostDescriptor(taking: created, of: vm.kernel)
    let request = MappingRequest(descriptor: created, length: plan.runSize)
    do { mapping = try HostMapping(request, on: vm.kernel) } catch {
      throw AcceleratorError(.makeCPU(number, .map), error)
    }
    guard let area = unsafe UnsafeMutablePointer<kvm_run>(bitPattern: mapping.address) else {
      throw AcceleratorError(.makeCPU(number, .map), .badAddress)
    }
    unsafe run = area
    runSize = plan.runSize
    let table = plan.shape.placed(at: number, in: plan.topology)
    signature = table[1, 0, .eax]
    parts = plan.parts
    var saved: [[UInt8]] = []
    do {
      var bytes = table.bytes
      do { try descriptor.control(KVM_SET_CPUID2, on: &bytes) } catch {
        throw AcceleratorError(.makeCPU(number, .setCPUID), error)
      }
      for part in plan.parts {
        var bytes = part.buffer
        do { try descriptor.control(part.get, on: &bytes) } catch {
          throw AcceleratorError(.makeCPU(number, .readState("KVM_GET_\(part.name)")), error)
        }
        saved.append(bytes)
      }
      do {
        powerOnRegisters = try ModelSpecificRegisters.read(
          plan.registerIndices, of: descriptor)
      } catch {
        throw AcceleratorError(.makeCPU(number, .readState("KVM_GET_MSRS")), error)
      }
    }
    powerOnParts = saved
    plan.registerIndices = powerOnRegisters.registers.map(\.index)
  }

  /// Makes the CPU leave the guest, or not enter it, and look what there is to do.
  func kick() {
    unsafe clinux_set_immediate_exit(run, 1)
    thread?.kick()
  }

  // MARK: - State, while the CPU does not run

  /// Puts the CPU in its state after power-on, or in `start` as far as that tells.
  func reset(to start: CPUState?) throws(AcceleratorError) {
    for (part, saved) in zip(parts, powerOnParts) {
      var bytes = saved
      if part == .registers {
        var state = start?.registers ?? Self.load(kvm_regs(), from: bytes)
        if start == nil || start == .realModeReset { state.rdx = UInt64(signature) }
        StructureBytes.store(state, in: &bytes, at: 0)
      } else if part == .systemRegisters, let start {
        var state = Self.load(kvm_sregs(), from: bytes)
        start.apply(to: &state)
        StructureBytes.store(state, in: &bytes, at: 0)
      }
      do { try descriptor.control(part.set, on: &bytes) } catch {
        throw AcceleratorError(.setCPUState(number, "KVM_SET_\(part.name)"), error)
      }
    }
    do { try powerOnRegisters.atReset.write(to: descriptor) } catch {
      throw AcceleratorError(.setCPUState(number, "KVM_SET_MSRS"), error)
    }
    unsafe run.pointee.ready_for_interrupt_injection = 0
    isHeld = false
    needsCompletion = false
  }

  /// What the CPU's registers hold.
  func state() throws(Errno) -> CPUState {
    var regs = kvm_regs()
    var sregs = kvm_sregs()
    try descriptor.control(KVM_GET_REGS, on: &regs)
    try descriptor.control(KVM_GET_SREGS, on: &sregs)
    return CPUState(regs, sregs)
  }

  /// Tells the guest's own clock that time stood still, so that its watchdogs do not bark. A guest that
  /// does not use the clock has no such need.
  func noteStoppedClock() { _ = try? descriptor.control(KVM_KVMCLOCK_CTRL) }

  private static func load<Structure: BitwiseCopyable>(
    _ empty: Structure, from bytes: [UInt8]
  ) -> Structure {
    StructureBytes.load(Structure.self, from: bytes, at: 0) ?? empty
  }
}
