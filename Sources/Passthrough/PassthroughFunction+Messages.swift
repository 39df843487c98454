internal import Hypervisor
internal import PCI
internal import SystemPackage
internal import Tracing
internal import VFIO

/// What MSI and MSI-X have in common.
extension PassthroughFunction {
  /// Turns off whatever interrupts are on. MSI and MSI-X give way to INTx, which is turned off last.
  func disableInterrupts() {
    switch messages.mode {
    case .msi: disableMSI()
    case .msix: disableMSIX()
    case .off: break
    }
    interrupt.disable()
  }

  /// Turns INTx on after MSI or MSI-X; a failure is told and leaves the function without interrupts.
  func fallBackToINTx() {
    do throws(AssignmentError.Failure) { try enableINTx() } catch {
      environment.diagnostics.error("vfio \(name): \(error.message)")
    }
  }

  /// A new vector whose interrupts come here; nil, told, when there is no eventfd.
  func makeVector(_ number: Int) -> MessageVector? {
    do throws(Errno) {
      return try MessageVector(environment: environment) { [unowned self] in
        messageArrived(number)
      }
    } catch {
      environment.diagnostics.error(
        "vfio \(name): event_notifier_init failed for vector \(number): \(error.description)")
      return nil
    }
  }

  /// Makes the routes of all vectors count and ties eventfds to them. Where that fails this process
  /// delivers.
  func connectRoutes() {
    do throws(Errno) {
      try environment.accelerator.commitRoutes()
      messages.forEachUsed { _, vector in vector.connect() }
    } catch {
      messages.forEachUsed { _, vector in vector.removeRoute() }
      reportRoutes(error)
    }
  }

  /// Says that the accelerator does not take routes; interrupts come through this process then.
  func reportRoutes(_ error: Errno) {
    environment.diagnostics.warningOnce(
      "vfio \(name): failed to set up interrupt routes: \(error.description)")
  }

  /// Turns MSI (index 1) or MSI-X (index 2) on at the host with the eventfds of all vectors. Gives 0,
  /// or with how many vectors it could be done.
  func enableVectors(_ index: UInt32) throws(Errno) -> Int32 {
    let isMSIX = index == Self.msixIndex
    if isMSIX, hasDynamicVectors { try device.setEvent(-1, index, .trigger) }
    let events = (0..<messages.count).map { number -> Int32 in
      guard let vector = messages[number] else { return -1 }
      // The guest masks MSI in hardware; masked vectors of MSI-X are for the emulated table.
      let isMasked = isMSIX && msixTable?.isMasked(number) ?? true
      return isMasked ? vector.ownTrigger : vector.bestTrigger
    }
    return try device.setEvents(events, index)
  }

  /// An interrupt came to this process. Events: `vfio_msix_pba_enable` for one that is masked, then
  /// `vfio_msi_interrupt`.
  private func messageArrived(_ number: Int) {
    let message: MSIMessage
    switch messages.mode {
    case .off:
      return
    case .msi:
      guard let msi else { return }
      message = msiMessage(msi, of: number)
    case .msix:
      guard let msixTable else { return }
      if msixTable.isMasked(number) {
        messages.setWaiting(number)
        setPendingBitsEmulated(true)
        environment.tracer.emit(.vfioMsixPbaEnable, [.text(name)])
      }
      message = msixTable.message(of: number)
    }
    environment.tracer.emit(
      .vfioMsiInterrupt,
      [.text(name), .number(number), .number(message.address), .number(message.data)])
    deliver(number, message)
  }

  /// Sends a vector's message, or notes that it waits while it is masked.
  func deliver(_ number: Int, _ message: MSIMessage) {
    switch messages.mode {
    case .msi:
      if let msi, msi.isMasked(number, in: image) {
        msi.setPending(number, true, in: &image)
        return
      }
    case .msix:
      if let msixTable, msixTable.isMasked(number) {
        msixTable.setPending(number, true)
        return
      }
    case .off: return
    }
    // A message is a memory write of the function, which it may not make without being a bus master.
    guard image.byte(at: 0x04) & 4 != 0 else { return }
    environment.accelerator.signal(message)
  }
}
