internal import Board
internal import CommandLine
internal import EventLoop
internal import Hypervisor
internal import Passthrough
internal import Tracing
internal import VirtualIOMMU

extension VTdTranslation {
  /// What a guest switched on.
  fileprivate var name: String {
    switch self {
    case .dma: "DMA translation"
    case .interrupts: "interrupt remapping"
    }
  }

  /// What a user can do about a guest that does so.
  fileprivate var advice: String {
    switch self {
    case .dma:
      "Start the guest with intel_iommu=off on its kernel's command line, or the machine without "
        + "-device intel-iommu."
    case .interrupts:
      "Start the guest with intremap=off on its kernel's command line, or the machine with "
        + "intremap=off for -device intel-iommu."
    }
  }
}

extension Machine {
  // MARK: - Events

  package func observeEvents(_ observer: @escaping @VMMain (MachineEvent) -> Void) {
    observers.append(observer)
  }

  func tell(_ event: MachineEvent) {
    for observer in observers { observer(event) }
  }

  // MARK: - Stop and go

  package func stop() {
    guard runState == .running else { return }
    halt(.paused)
  }

  package func resume() throws(MachineRefusal) {
    switch runState {
    case .running: return
    case .prelaunch, .paused: break
    case .shutdown, .guestPanicked, .internalError:
      throw MachineRefusal("Resetting the Virtual Machine is required")
    }
    guard hasGuestCode else {
      throw MachineRefusal(
        "This machine has no firmware and no kernel to run: start it with -kernel FILE, or with "
          + "-accel qtest to drive it from a test.")
    }
    do throws(MachineError) { try freezeCapabilities() } catch {
      throw MachineRefusal(error.lines.joined(separator: "\n"))
    }
    runState = .running
    tell(.resumed)
    cpus?.resume()
  }

  /// Lets the guest run for the first time.
  func start() throws(MachineError) {
    try freezeCapabilities()
    runState = .running
    cpus?.resume()
  }

  /// Holds the CPUs and tells of the stop.
  func halt(_ state: RunState) {
    cpus?.pause()
    runState = state
    tell(.stopped)
  }

  // MARK: - Reset and end

  package func reset(_ cause: RunCause) {
    cpus?.pause()
    wish = nil
    do throws(MachineError) { try performReset() } catch {
      for line in error.lines { diagnostics.error(line) }
      halt(.internalError)
      return
    }
    if runState != .running { runState = .prelaunch }
    tell(.reset(cause))
    if runState == .running { cpus?.resume() }
  }

  package func shutdown(_ cause: RunCause) { end(cause, status: 0) }

  private func end(_ cause: RunCause, status: Int32) {
    guard !isEnding else { return }
    isEnding = true
    cpus?.pause()
    runState = .shutdown
    tell(.shutdown(cause))
    MainLoop.stop(status: status)
  }

  /// Resets all: first what needs others, then each function, then the board, then what the guest
  /// starts from.
  func performReset() throws(MachineError) {
    coordinator.resetDependents()
    board.reset()
    try loadPayload()
    do throws(AcceleratorError) { try cpus?.reset() } catch {
      throw MachineError(.accelerator(error))
    }
  }

  package func powerDown() {
    tell(.powerDown)
    chipset.power.pressPowerButton()
  }

  // MARK: - Wishes of the guest

  /// Notes what the guest asked for; its CPUs go no further. Fulfilled on the loop's next turn, outside
  /// its access. The first wish stands.
  func note(_ wish: GuestWish) {
    guard self.wish == nil else { return }
    self.wish = wish
    cpus?.requestPause()
    pendingWish = MainLoop.timer(milliseconds: 0) { [weak self] in self?.fulfilWish() }
  }

  private func fulfilWish() {
    pendingWish = nil
    guard let wish, !isEnding else { return }
    self.wish = nil
    switch wish {
    case .reset where actions.reboot == .shutdown: powerOff(.guestReset)
    case .reset: reset(.guestReset)
    case .powerOff: powerOff(.guestShutdown)
    case .panicPortShutdown:
      tell(.guestPanicPortShutdown)
      powerOff(.guestShutdown)
    case .suspendToDisk:
      tell(.suspendedToDisk)
      powerOff(.guestShutdown)
    case .quit: shutdown(.hostQMPQuit)
    case .exit(let status): end(.guestShutdown, status: status)
    case .panic: panic()
    case .crashLoaded:
      tell(.guestCrashLoaded)
      cpus?.resume()
    case .translation(let what):
      tracer.emit(.viommuGuestRequest, [.text(what.name)])
      diagnostics.error(
        "intel-iommu: the guest switches \(what.name) on, which this version does not do: its "
          + "\(what == .dma ? "DMA would go" : "interrupts would come") wrong")
      diagnostics.hint(what.advice)
      end(.hostError, status: 1)
    case .internalError(let text):
      for line in text.split(separator: "\n") { diagnostics.error(String(line)) }
      halt(.internalError)
    }
  }

  private func powerOff(_ cause: RunCause) {
    switch actions.shutdown {
    case .poweroff: shutdown(cause)
    case .pause:
      tell(.shutdown(cause))
      halt(.shutdown)
    }
  }

  private func panic() {
    switch actions.panic {
    case .none:
      tell(.guestPanicked(action: "run"))
      cpus?.resume()
    case .pause:
      tell(.guestPanicked(action: "pause"))
      halt(.guestPanicked)
    case .shutdown, .exitFailure:
      tell(.guestPanicked(action: "poweroff"))
      guard actions.shutdown == .poweroff else { return halt(.guestPanicked) }
      end(.guestPanic, status: actions.panic == .exitFailure ? 1 : 0)
    }
  }

  // MARK: - Accesses as the guest's

  package func readPort(_ port: UInt16, size: Int) -> UInt32 {
    board.ports.read(port, size: size)
  }

  package func writePort(_ port: UInt16, size: Int, value: UInt32) {
    board.ports.write(port, size: size, value: value)
  }

  package func readMemory(_ address: UInt64, size: Int) -> UInt64 {
    board.memory.read(address, size: size)
  }

  package func writeMemory(_ address: UInt64, size: Int, value: UInt64) {
    board.memory.write(address, size: size, value: value)
  }
}
