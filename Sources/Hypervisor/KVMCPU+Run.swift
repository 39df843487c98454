internal import CLinux
internal import HostKernel
internal import SystemPackage

extension KVMCPU {
  /// The body of the CPU's thread: runs the guest while the group does, until the group ends.
  func runUntilEnd() {
    group.lock.lock()
    group.activeCount += 1
    while !group.isEnding {
      if !needsCompletion, isHeld || !group.isRunning {
        park()
        continue
      }
      // Under the lock: whoever wants the CPU back later sets it again.
      unsafe clinux_set_immediate_exit(run, isHeld || !group.isRunning ? 1 : 0)
      if let chips = group.chips { chips.prepareEntry(of: self) }
      group.lock.unlock()
      let failure = enterGuest()
      group.lock.lock()
      needsCompletion = false
      switch failure {
      case nil: handleExit()
      // A signal came, or a waiting CPU was started by another one.
      case Errno.interrupted?, Errno.resourceTemporarilyUnavailable?: break
      case let errno?: fail(.runFailed(errno))
      }
    }
    group.activeCount -= 1
    group.threadCount -= 1
    group.lock.notifyAll()
    group.lock.unlock()
  }

  private func park() {
    group.activeCount -= 1
    group.lock.notifyAll()
    group.lock.wait { !group.isEnding && (isHeld || !group.isRunning) }
    group.activeCount += 1
  }

  private func enterGuest() -> Errno? {
    do {
      try descriptor.control(KVM_RUN)
      return nil
    } catch {
      return error
    }
  }

  private func fail(_ failure: CPUFailure) {
    isHeld = true
    group.observer?.cpuFailed(cpu: number, failure)
  }

  // MARK: - Exits

  private func handleExit() {
    switch Int32(bitPattern: unsafe run.pointee.exit_reason) {
    case KVM_EXIT_IO:
      needsCompletion = true
      accessPorts()
    case KVM_EXIT_MMIO:
      needsCompletion = true
      accessMemory()
    case KVM_EXIT_INTR, KVM_EXIT_IRQ_WINDOW_OPEN: break
    case KVM_EXIT_IOAPIC_EOI: group.chips?.endOfInterrupt(vector: unsafe run.pointee.eoi.vector)
    // Nothing wakes a CPU whose interrupt controller is not in the kernel.
    case KVM_EXIT_HLT: isHeld = true
    case KVM_EXIT_SHUTDOWN:
      isHeld = true
      group.observer?.guestTripleFault(cpu: number)
    case KVM_EXIT_SYSTEM_EVENT:
      group.observer?.guestSystemEvent(
        cpu: number, GuestSystemEvent(number: unsafe run.pointee.system_event.type))
    case KVM_EXIT_INTERNAL_ERROR:
      let count = min(Int(unsafe run.pointee.internal.ndata), 16)
      let data = unsafe withUnsafeBytes(of: run.pointee.internal.data) { bytes in
        unsafe Array(bytes.bindMemory(to: UInt64.self).prefix(count))
      }
      fail(.internalError(suberror: unsafe run.pointee.internal.suberror, data: data))
    case KVM_EXIT_FAIL_ENTRY:
      let reason = unsafe run.pointee.fail_entry.hardware_entry_failure_reason
      fail(.entryFailed(hardwareReason: reason))
    case KVM_EXIT_UNKNOWN:
      fail(.unknownExit(hardwareReason: unsafe run.pointee.hw.hardware_exit_reason))
    default: fail(.unhandledExit(reason: unsafe run.pointee.exit_reason))
    }
  }

  /// One port access, or the elements of a string instruction one after the other.
  private func accessPorts() {
    let io = unsafe run.pointee.io
    let size = Int(io.size)
    // The kernel keeps the data inside the area; nothing else is believed.
    guard io.data_offset <= UInt64(runSize), [1, 2, 4].contains(size),
      Int(io.count) <= (runSize - Int(io.data_offset)) / size
    else { return }
    let port = UInt64(io.port)
    var element = unsafe UnsafeMutableRawPointer(run) + Int(io.data_offset)
    let isWrite = Int32(io.direction) == KVM_EXIT_IO_OUT
    for _ in 0..<Int(io.count) {
      if isWrite {
        let value = unsafe clinux_io_element(element, UInt32(size))
        group.ports.write(port, size: size, value: UInt64(value))
      } else {
        let value = group.ports.read(port, size: size)
        unsafe clinux_set_io_element(element, UInt32(size), UInt32(truncatingIfNeeded: value))
      }
      unsafe element += size
    }
  }

  private func accessMemory() {
    let address = unsafe run.pointee.mmio.phys_addr
    let length = min(Int(unsafe run.pointee.mmio.len), 8)
    let isWrite = unsafe run.pointee.mmio.is_write != 0
    if isWrite {
      let value = unsafe clinux_mmio_data(run)
      forEachAccess(length) { offset, size in
        group.memory.write(
          address &+ UInt64(offset), size: size, value: value >> UInt64(8 * offset))
      }
    } else {
      var value: UInt64 = 0
      forEachAccess(length) { offset, size in
        let part = group.memory.read(address &+ UInt64(offset), size: size)
        value |= part << UInt64(8 * offset)
      }
      unsafe clinux_set_mmio_data(run, value)
    }
  }

  /// An access of 1, 2, 4 or 8 bytes whole; one of another length, cut by a page's end, in pieces.
  @inline(__always)
  private func forEachAccess(_ length: Int, _ body: (_ offset: Int, _ size: Int) -> Void) {
    var offset = 0
    while offset < length {
      var size = 8
      while size > length - offset { size /= 2 }
      body(offset, size)
      offset += size
    }
  }
}

extension GuestSystemEvent {
  init(number: UInt32) {
    self =
      switch number {
      case 1: .shutdown
      case 2: .reset
      case 3: .crash
      default: .other(number)
      }
  }
}
