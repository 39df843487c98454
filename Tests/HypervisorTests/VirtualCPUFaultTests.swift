import CLinux
import Glibc
import HostKernel
import Hypervisor
import SystemPackage
import Testing

/// What is left of CPUs that could not be made, that could not go on, or that ended.
@Suite(.needsKVM, .timeLimit(.minutes(1))) struct VirtualCPUFaultTests {
  private func locked(_ body: (MachineLock) throws -> Void) rethrows {
    let lock = MachineLock()
    lock.lock()
    defer { lock.unlock() }
    try body(lock)
  }

  @Test func whicheverCallFailsNothingIsLeft() throws {
    try locked { lock in
      let counting = FailingKernel()
      do { _ = try TinyGuest(cpus: 2, lock: lock, on: counting) }
      #expect(counting.leftovers == 0)
      // The calls up to the reset of the last CPU; taking the memory back comes after.
      #expect(counting.calls > 60)
      for call in 0..<counting.calls - 1 {
        let kernel = FailingKernel(failingCall: call)
        do {
          let guest = try TinyGuest(cpus: 2, lock: lock, on: kernel)
          #expect(guest.accelerator.memoryFailure != nil, "call \(call)")
        } catch let error as AcceleratorError {
          #expect(error.errno == .ioError, "call \(call): \(error)")
          #expect(!error.message.isEmpty)
        } catch {
          // The guest's memory, which is not the accelerator's.
          #expect(error is Errno, "call \(call)")
        }
        #expect(kernel.leftovers == 0, "call \(call)")
      }
    }
  }

  @Test func theFailingStepIsNamedWithItsCPU() {
    let steps: [(Int32, AcceleratorError.Operation)] = [
      (Int32(KVM_CREATE_VCPU), .makeCPU(0, .create)),
      (KVM_SET_CPUID2, .makeCPU(0, .setCPUID)),
      (KVM_GET_LAPIC.asNumber, .makeCPU(0, .readState("KVM_GET_LAPIC"))),
      (KVM_GET_MSRS.asNumber, .makeCPU(0, .readState("KVM_GET_MSRS"))),
      (KVM_SET_SREGS, .setCPUState(0, "KVM_SET_SREGS")),
      (KVM_SET_MSRS, .setCPUState(0, "KVM_SET_MSRS")),
      (KVM_GET_SUPPORTED_CPUID.asNumber, .readCPUID),
      (KVM_GET_MSR_INDEX_LIST.asNumber, .readCPUProperties),
      (KVM_GET_IRQCHIP.asNumber, .saveInterruptController),
    ]
    locked { lock in
      for (request, operation) in steps {
        let kernel = FailingKernel()
        kernel.fail(UInt(UInt32(bitPattern: request)), with: .noMemory)
        #expect(throws: AcceleratorError(operation, .noMemory)) {
          _ = try TinyGuest(lock: lock, on: kernel)
        }
        #expect(kernel.leftovers == 0)
      }
    }
  }

  @Test func aCPUThatCannotRunIsToldAndLeavesTheOthersAlone() throws {
    try locked { lock in
      let kernel = FailingKernel()
      let guest = try TinyGuest(lock: lock, on: kernel)
      guest.load(GuestCode.twoWrites, at: 0x1000)
      try guest.startInRealMode(at: 0x1000)
      kernel.fail(UInt(KVM_RUN), with: .badAddress)
      guest.cpus.resume()
      lock.wait { guest.observer.events.isEmpty }
      #expect(
        guest.observer.events == ["failure of 0: error: kvm run failed Bad address"])
      kernel.fail(nil, with: .ioError)
      guest.cpus.pause()
      try guest.startInRealMode(at: 0x1000)
      guest.cpus.resume()
      guest.waitForAccesses(2)
    }
  }

  @Test func aSignalIsNoFailure() throws {
    try locked { lock in
      let kernel = FailingKernel()
      let guest = try TinyGuest(lock: lock, on: kernel)
      guest.load(GuestCode.twoWrites, at: 0x1000)
      try guest.startInRealMode(at: 0x1000)
      kernel.fail(UInt(KVM_RUN), with: .resourceTemporarilyUnavailable)
      guest.cpus.resume()
      lock.unlock()
      while kernel.calls < 1000 { sched_yield() }
      lock.lock()
      #expect(guest.observer.events.isEmpty && guest.device.log.isEmpty)
      kernel.fail(nil, with: .ioError)
      guest.waitForAccesses(2)
    }
  }

  @Test func moreCPUsThanKVMRunsAreRefused() throws {
    try locked { lock in
      let kernel = ScriptedKVM { $0.slotCount = 32 }
      let accelerator = try KVMAccelerator(on: kernel)
      let error = #expect(throws: AcceleratorError.self) {
        // This KVM says 1 of every capability.
        _ = try accelerator.makeCPUs(
          CPUTopology(count: 2), model: CPUModel(.host), lock: lock, ports: AddressSpace(),
          memory: AddressSpace(), observer: nil)
      }
      #expect(error == AcceleratorError(.limitCPUs(count: 2, maximum: 1)))
      #expect(error?.message.contains("exceeds the maximum cpus") == true)
    }
  }

  @Test func whatIsEnforcedAndMissingIsNamed() throws {
    try locked { lock in
      var model = CPUModel(.host)
      model.isEnforced = true
      model.changes = [CPUModel.Change(name: "3dnow", isOn: true)]
      #expect(throws: AcceleratorError(.enforceCPUModel(["3dnow"]))) {
        _ = try TinyGuest(model: model, lock: lock)
      }
      model.isEnforced = false
      let guest = try TinyGuest(model: model, lock: lock)
      #expect(guest.cpus.missingFeatures == ["3dnow"])
    }
  }

  @Test func runningCPUsEndWithTheirMachine() throws {
    try locked { lock in
      let kernel = FailingKernel()
      for count in [1, 2, 4, 16] {
        let guest = try TinyGuest(cpus: count, lock: lock, on: kernel)
        guest.load(GuestCode.spinning, at: 0x1000)
        try guest.startInRealMode(at: 0x1000)
        guest.cpus.resume()
        lock.unlock()
        sched_yield()
        lock.lock()
      }
      #expect(kernel.leftovers == 0)
    }
  }

  /// In a process of its own, whose threads and descriptors nobody else changes.
  @Test func aHundredMachinesLeaveNoThreadAndNoDescriptor() async {
    await #expect(processExitsWith: .success) {
      let lock = MachineLock()
      lock.lock()
      func census() throws -> [Int] {
        let linux = LinuxKernel()
        return try ["/proc/self/task", "/proc/self/fd"].map { try linux.entries(of: $0).count }
      }
      var before: [Int] = []
      for round in 0..<100 {
        do {
          let guest = try TinyGuest(cpus: 2, lock: lock)
          guest.load(GuestCode.startOfSecondCPU, at: 0x1000)
          guest.load(GuestCode.secondCPU, at: 0x2000)
          try guest.start32(at: 0x1000)
          guest.cpus.resume()
          guest.waitForAccesses(2)
        }
        if round == 0 { before = try census() }
      }
      let after = try census()
      precondition(zip(before, after).allSatisfy { $0 >= $1 }, "\(before), then \(after)")
    }
  }
}

extension UInt32 {
  fileprivate var asNumber: Int32 { Int32(bitPattern: self) }
}
