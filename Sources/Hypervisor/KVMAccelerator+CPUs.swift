internal import CLinux
package import HostKernel
internal import SystemPackage

extension KVMAccelerator {
  /// Makes the machine's CPUs, paused and reset; threads of their own wait for `resume`.
  ///
  /// Called once, with the machine lock held. What CPUs access goes to `ports` and `memory` under
  /// `lock`; what no device answers goes to `observer`, which is not kept alive. In split mode the
  /// interrupt controllers of this process are put there too, and their timer waits on `events`. A
  /// failure leaves nothing open.
  package func makeCPUs(
    _ topology: CPUTopology, model: CPUModel, lock: MachineLock, ports: AddressSpace,
    memory: AddressSpace, events: (any EventSources)? = nil, observer: (any CPUObserver)?
  ) throws(AcceleratorError) -> VirtualCPUs {
    let maximum = Int(try Self.extent(of: KVM_CAP_MAX_VCPUS, "KVM_CAP_MAX_VCPUS", in: module))
    guard topology.count <= max(maximum, 1) else {
      throw AcceleratorError(.limitCPUs(count: topology.count, maximum: maximum))
    }
    let host = try hostCPU()
    let shape: CPUModel.Shape
    do throws(CPUModelError) { shape = try model.shape(on: host) } catch {
      if case .missing(let names) = error { throw AcceleratorError(.enforceCPUModel(names)) }
      throw AcceleratorError(.readCPUID)
    }
    let chips = interruptController == .kernel ? try InterruptControllerState(of: self) : nil
    let group = CPUGroup(
      lock: lock, ports: ports, memory: memory, chips: splitChips, observer: observer)
    var plan = try makePlan(shape.table, topology)
    var cpus: [KVMCPU] = []
    for number in 0..<topology.count {
      cpus.append(try KVMCPU(number, &plan, in: vm, group: group))
    }
    splitChips?.install(ports: ports, memory: memory, firstCPU: cpus.first, events: events)
    return try VirtualCPUs(
      cpus, group, accelerator: self, powerOnChips: chips, topology: topology,
      missingFeatures: model.isChecked ? shape.missing : [],
      addressBits: Int(shape.table[0x8000_0008, 0, .eax] & 0xff))
  }

  /// What the host's processor and KVM can give.
  private func hostCPU() throws(AcceleratorError) -> HostCPU {
    var bytes = CPUIDTable.emptyBytes
    try perform(.readCPUID) { () throws(Errno) in
      try module.control(KVM_GET_SUPPORTED_CPUID, on: &bytes)
    }
    let deadline = try Self.extent(
      of: KVM_CAP_TSC_DEADLINE_TIMER, "KVM_CAP_TSC_DEADLINE_TIMER", in: module)
    return HostCPU(
      supported: CPUIDTable(bytes: bytes), hasDeadlineTimer: deadline > 0,
      brand: (UInt32(0x8000_0002)...0x8000_0004).map(CPUIDTable.Entry.init(ofHost:)))
  }

  private func makePlan(
    _ table: CPUIDTable, _ topology: CPUTopology
  ) throws(AcceleratorError) -> KVMCPU.Plan {
    let nested = try Self.extent(of: KVM_CAP_NESTED_STATE, "KVM_CAP_NESTED_STATE", in: vm)
    let extendedState = try Self.extent(of: KVM_CAP_XSAVE2, "KVM_CAP_XSAVE2", in: vm)
    let indices: [UInt32]
    let runSize: Int32
    do {
      indices = try ModelSpecificRegisters.indices(of: module)
      runSize = try module.control(KVM_GET_VCPU_MMAP_SIZE)
    } catch {
      throw AcceleratorError(.readCPUProperties, error)
    }
    guard Int(runSize) >= MemoryLayout<kvm_run>.size else {
      throw AcceleratorError(.readCPUProperties)
    }
    return KVMCPU.Plan(
      parts: CPUStatePart.all(
        extendedStateSize: Int(extendedState), hasNestedState: nested > 0),
      registerIndices: indices, runSize: Int(runSize), shape: table, topology: topology)
  }
}

extension CPUIDTable.Entry {
  /// What this processor says itself.
  fileprivate init(ofHost leaf: UInt32) {
    var registers: [UInt32] = [0, 0, 0, 0]
    unsafe registers.withUnsafeMutableBufferPointer { buffer in
      guard let base = buffer.baseAddress else { return }
      unsafe clinux_cpuid(leaf, 0, base)
    }
    self.init(
      leaf: leaf, eax: registers[0], ebx: registers[1], ecx: registers[2], edx: registers[3])
  }
}
