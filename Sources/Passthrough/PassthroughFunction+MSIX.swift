internal import Hypervisor
internal import PCI
internal import SystemPackage
internal import Tracing
internal import VFIO

extension PassthroughFunction {
  static let msixIndex: UInt32 = 2

  /// Follows a guest's write of the MSI-X capability, which the copy has taken in already.
  func followMSIXWrite(_ capability: MSIXCapability, wasEnabled: Bool) {
    let isEnabled = capability.isEnabled(in: image)
    msixTable?.setFunctionMasked(capability.isFunctionMasked(in: image), isEnabled: isEnabled)
    if !wasEnabled, isEnabled { enableMSIX() }
    if wasEnabled, !isEnabled { disableMSIX() }
  }

  /// Turns MSI-X on in place of what was on, with the vectors that are not masked; with none of them
  /// it is on at the host all the same, for functions that look at it. Event: `vfio_msix_enable`,
  /// after those of the vectors.
  private func enableMSIX() {
    guard let msixTable else { return }
    disableInterrupts()
    messages.begin(.msix, capacity: msixTable.count)
    messages.isDeferred = true
    messages.followsMasks = true
    for number in 0..<msixTable.count where !msixTable.isMasked(number) { useVector(number) }
    connectRoutes()
    messages.isDeferred = false
    do throws(Errno) {
      if messages.count > 0 {
        _ = try enableVectors(Self.msixIndex)
      } else {
        try device.setEvent(-1, Self.msixIndex, .trigger)
      }
    } catch {
      environment.diagnostics.error(
        "vfio \(name): failed to enable MSI-X, \(error.description)")
    }
    environment.tracer.emit(.vfioMsixEnable, [.text(name)])
  }

  /// Turns MSI-X off and INTx on. Events: `vfio_msix_vector_release` for each vector that the guest
  /// has left unmasked and again for each that was used, those of INTx, `vfio_msix_disable`.
  func disableMSIX() {
    guard messages.mode == .msix, let msixTable else { return }
    for number in 0..<msixTable.count where !msixTable.isMasked(number) { releaseVector(number) }
    messages.followsMasks = false
    for number in 0..<messages.count where messages[number] != nil {
      releaseVector(number)
      msixTable.setPending(number, false)
    }
    try? device.disableInterrupts(Self.msixIndex)
    messages.end()
    fallBackToINTx()
    environment.tracer.emit(.vfioMsixDisable, [.text(name)])
  }

  /// The guest masked or unmasked a vector.
  func vectorMaskChanged(_ number: Int, isMasked: Bool) {
    if messages.mode == .msix, messages.followsMasks {
      if isMasked { releaseVector(number) } else { useVector(number) }
    }
    guard !isMasked, let msixTable, msixTable.isPending(number) else { return }
    msixTable.setPending(number, false)
    deliver(number, msixTable.message(of: number))
  }

  // MARK: - Vectors

  /// Puts an unmasked vector to work: its message gets a route where possible, and the host signals
  /// it from now on. Events: `vfio_msix_vector_do_use`, then `vfio_msix_pba_disable` when no vector
  /// waits.
  private func useVector(_ number: Int) {
    environment.tracer.emit(.vfioMsixVectorDoUse, [.text(name), .number(number)])
    guard let msixTable, let vector = messages[number] ?? firstUse(of: number) else { return }
    route(vector, msixTable.message(of: number))
    let isGrown = messages.reach(number)
    if !messages.isDeferred { signalThroughHost(vector, number, isGrown: isGrown) }
    if messages.clearWaiting(number) {
      setPendingBitsEmulated(false)
      environment.tracer.emit(.vfioMsixPbaDisable, [.text(name)])
    }
  }

  private func firstUse(of number: Int) -> MessageVector? {
    guard let vector = makeVector(number) else { return nil }
    messages.use(vector, at: number)
    return vector
  }

  private func route(_ vector: MessageVector, _ message: MSIMessage) {
    if vector.hasRoute {
      vector.updateRoute(message)
    } else {
      guard options.isMSIXAccelerationAllowed, environment.accelerator.hasMessageRoutes else {
        return
      }
      vector.addRoute(message)
    }
    guard !messages.isDeferred else { return }
    do throws(Errno) {
      try environment.accelerator.commitRoutes()
      vector.connect()
    } catch {
      vector.removeRoute()
      reportRoutes(error)
    }
  }

  /// Has the host signal a vector. A host that cannot add vectors while MSI-X is on has to turn it
  /// off and on for one above those it has.
  private func signalThroughHost(_ vector: MessageVector, _ number: Int, isGrown: Bool) {
    do throws(Errno) {
      if isGrown, !hasDynamicVectors {
        try? device.disableInterrupts(Self.msixIndex)
        _ = try enableVectors(Self.msixIndex)
      } else {
        try device.setEvent(
          vector.bestTrigger, Self.msixIndex, .trigger, start: UInt32(number))
      }
    } catch {
      reportVector(number, error)
    }
  }

  /// Has a masked vector come to this process, so that it can wait; its route stays, since guests
  /// mask and unmask a lot. Event: `vfio_msix_vector_release`.
  private func releaseVector(_ number: Int) {
    environment.tracer.emit(.vfioMsixVectorRelease, [.text(name), .number(number)])
    guard let vector = messages[number], vector.hasRoute else { return }
    do throws(Errno) {
      try device.setEvent(vector.ownTrigger, Self.msixIndex, .trigger, start: UInt32(number))
    } catch {
      reportVector(number, error)
    }
  }

  private func reportVector(_ number: Int, _ error: Errno) {
    let setting = InterruptSetting(
      index: Self.msixIndex, subindex: UInt32(number), action: .trigger, isSetUp: true)
    let failure = AssignmentError.Failure.cannotMakeInterrupt(setting, error)
    environment.diagnostics.error("vfio \(name): \(failure.message)")
  }

  /// Has the guest read our pending bits instead of the device's, or the device's again.
  func setPendingBitsEmulated(_ isEmulated: Bool) {
    if let pendingBits { environment.addressSpace.setEnabled(pendingBits, isEmulated) }
  }
}
