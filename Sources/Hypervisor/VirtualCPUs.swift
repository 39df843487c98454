internal import CLinux
internal import HostKernel
package import SystemPackage

/// The CPUs of a machine, each with a thread of its own that runs guest code while the machine does.
///
/// Every call is made with the machine lock held. `stop` comes before the last reference goes.
package final class VirtualCPUs {
  private let group: CPUGroup
  private let cpus: [KVMCPU]
  private let accelerator: KVMAccelerator
  private let powerOnChips: InterruptControllerState?
  private var startState: CPUState?
  /// The guest's clock while it stands.
  private var stoppedClock: kvm_clock_data?

  package let topology: CPUTopology
  /// Features that were asked for and that the host lacks, for a warning.
  package let missingFeatures: [String]
  /// Width of guest-physical addresses, as CPUID leaf 0x80000008 has it; 0 when it says nothing.
  package let addressBits: Int

  init(
    _ cpus: [KVMCPU], _ group: CPUGroup, accelerator: KVMAccelerator,
    powerOnChips: InterruptControllerState?, topology: CPUTopology, missingFeatures: [String],
    addressBits: Int
  ) throws(AcceleratorError) {
    self.cpus = cpus
    self.group = group
    self.accelerator = accelerator
    self.powerOnChips = powerOnChips
    self.topology = topology
    self.missingFeatures = missingFeatures
    self.addressBits = addressBits
    do throws(AcceleratorError) {
      for cpu in cpus { try start(cpu) }
      for cpu in cpus { try cpu.reset(to: nil) }
    } catch {
      stop()
      throw error
    }
  }

  deinit { stop() }

  private func start(_ cpu: KVMCPU) throws(AcceleratorError) {
    do {
      cpu.thread = try HostThread(name: "CPU \(cpu.number)/KVM") { cpu.runUntilEnd() }
    } catch {
      throw AcceleratorError(.makeCPU(cpu.number, .startThread), error)
    }
    group.threadCount += 1
  }

  // MARK: - Run state

  /// Whether guest code may run.
  package var isRunning: Bool { group.isRunning }

  /// Lets the CPUs run guest code.
  package func resume() {
    guard !group.isRunning, !group.isEnding else { return }
    if var clock = stoppedClock {
      stoppedClock = nil
      clock.flags = 0
      _ = try? accelerator.vm.control(KVM_SET_CLOCK, on: &clock)
      for cpu in cpus { cpu.noteStoppedClock() }
    }
    group.isRunning = true
    group.lock.notifyAll()
  }

  /// Returns when no CPU runs guest code or a device's answer to it; each is between two instructions
  /// then. Gives the machine lock up while it waits. On a CPU's own thread it is `requestPause`.
  package func pause() {
    requestPause()
    guard !isOnCPUThread else { return }
    group.lock.wait { !group.isRunning && group.activeCount > 0 }
    if !group.isRunning { stopClock() }
  }

  /// Asks every CPU to leave the guest. The one whose access is being answered executes no further
  /// instruction; the others follow soon. For devices that end or restart the machine.
  package func requestPause() {
    guard group.isRunning else { return }
    group.isRunning = false
    for cpu in cpus { cpu.kick() }
  }

  /// Whether the calling thread is that of a CPU.
  package var isOnCPUThread: Bool { cpus.contains { $0.thread?.isCurrent ?? false } }

  /// The time that the guest's clock shows stands from here to `resume`.
  private func stopClock() {
    guard stoppedClock == nil else { return }
    var clock = kvm_clock_data()
    if (try? accelerator.vm.control(KVM_GET_CLOCK, on: &clock)) != nil { stoppedClock = clock }
  }

  // MARK: - State

  /// What CPU 0 starts from after the next `reset`; nil is a processor's own reset state. The others
  /// wait to be started by it.
  package func setStartState(_ state: CPUState?) { startState = state }

  /// Puts all CPUs and the interrupt controllers in the kernel back to power-on, CPU 0 in its start
  /// state. Pauses for that long; never from inside a guest's access. A CPU that could not go on can
  /// again.
  package func reset() throws(AcceleratorError) {
    let wasRunning = group.isRunning
    pause()
    try powerOnChips?.restore(on: accelerator)
    group.chips?.reset()
    for cpu in cpus { try cpu.reset(to: cpu.number == 0 ? startState : nil) }
    if wasRunning { resume() }
  }

  /// What a CPU's registers hold: while the CPUs are paused, or on its own thread. Throws `EINVAL` for
  /// a CPU that there is not, `EBUSY` while it may run.
  package func state(of cpu: Int) throws(Errno) -> CPUState {
    guard cpus.indices.contains(cpu) else { throw .invalidArgument }
    let cpu = cpus[cpu]
    guard !group.isRunning || cpu.thread?.isCurrent ?? false else { throw .resourceBusy }
    return try cpu.state()
  }

  /// Delivers a non-maskable interrupt to every CPU, as a message to all of them.
  package func sendNMI() { accelerator.signal(MSIMessage(address: 0xfeef_f000, data: 0x400)) }

  // MARK: - End

  /// Ends the threads and joins them; the CPUs do not run again. Gives the machine lock up while it
  /// waits; never on a CPU's own thread.
  package func stop() {
    group.lock.withLock {
      group.isRunning = false
      group.isEnding = true
      for cpu in cpus { cpu.kick() }
      group.lock.notifyAll()
      group.lock.wait { group.threadCount > 0 }
      for cpu in cpus {
        cpu.thread?.join()
        cpu.thread = nil
      }
      group.observer = nil
      group.chips?.tearDown()
    }
  }
}
