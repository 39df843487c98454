internal import HostKernel

/// What the CPUs of a machine share. All of it is touched only while the machine lock is held.
final class CPUGroup {
  let lock: MachineLock
  let ports: AddressSpace
  let memory: AddressSpace
  /// Chips of this process that look at CPUs before they enter the guest, in split mode.
  let chips: SplitInterruptChips?
  weak var observer: (any CPUObserver)?

  /// Whether CPUs may run guest code.
  var isRunning = false
  /// Whether their threads are to end.
  var isEnding = false
  /// Threads that are not parked.
  var activeCount = 0
  /// Threads that have not ended.
  var threadCount = 0

  init(
    lock: MachineLock, ports: AddressSpace, memory: AddressSpace, chips: SplitInterruptChips?,
    observer: (any CPUObserver)?
  ) {
    self.lock = lock
    self.ports = ports
    self.memory = memory
    self.chips = chips
    self.observer = observer
  }
}
