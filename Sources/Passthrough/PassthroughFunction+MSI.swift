internal import Hypervisor
internal import PCI
internal import SystemPackage
internal import Tracing
internal import VFIO

extension PassthroughFunction {
  static let msiIndex: UInt32 = 1

  /// What a vector of MSI sends.
  func msiMessage(_ msi: MSICapability, of vector: Int) -> MSIMessage {
    MSIMessage(address: msi.address(in: image), data: msi.data(of: vector, in: image))
  }

  /// Follows a guest's write of the MSI capability, which the copy has taken in already.
  func followMSIWrite(_ msi: MSICapability, wasEnabled: Bool) {
    let isEnabled = msi.isEnabled(in: image)
    if isEnabled {
      msi.settle(in: &image)
      deliverPendingMSI(msi)
    }
    switch (wasEnabled, isEnabled) {
    case (false, true): enableMSI(msi)
    case (true, false): disableMSI()
    case (true, true): updateMSI(msi)
    case (false, false): break
    }
  }

  /// Sends what waited for a mask bit that is cleared now.
  private func deliverPendingMSI(_ msi: MSICapability) {
    for vector in 0..<msi.enabledCount(in: image)
    where msi.isPending(vector, in: image) && !msi.isMasked(vector, in: image) {
      msi.setPending(vector, false, in: &image)
      deliver(vector, msiMessage(msi, of: vector))
    }
  }

  /// Turns MSI on in place of what was on, with as many vectors as the guest has enabled, or fewer
  /// when the host says so. Event: `vfio_msi_enable`. When the host refuses, no interrupt is on.
  private func enableMSI(_ msi: MSICapability) {
    disableInterrupts()
    var wanted = msi.enabledCount(in: image)
    while true {
      setUpMSI(msi, count: wanted)
      do throws(Errno) {
        let possible = Int(try enableVectors(Self.msiIndex))
        if possible == 0 { break }
        messages.end()
        environment.diagnostics.error(
          "vfio \(name): Failed to enable \(wanted) MSI vectors, retry with \(possible)")
        // Fewer each time, whatever the host says.
        guard possible > 0, possible < wanted else { return }
        wanted = possible
      } catch {
        messages.end()
        environment.diagnostics.error(
          "vfio \(name): Failed to setup MSI fds: \(error.description)")
        environment.diagnostics.error("vfio \(name): Failed to enable MSI")
        return
      }
    }
    environment.tracer.emit(.vfioMsiEnable, [.text(name), .number(messages.count)])
  }

  private func setUpMSI(_ msi: MSICapability, count: Int) {
    messages.begin(.msi, capacity: count)
    let isDirect = options.isMSIAccelerationAllowed && environment.accelerator.hasMessageRoutes
    for number in 0..<count {
      _ = messages.reach(number)
      guard let vector = makeVector(number) else { continue }
      messages.use(vector, at: number)
      if isDirect { vector.addRoute(msiMessage(msi, of: number)) }
    }
    connectRoutes()
  }

  /// Turns MSI off and INTx on. Event: `vfio_msi_disable`.
  func disableMSI() {
    guard messages.mode == .msi else { return }
    try? device.disableInterrupts(Self.msiIndex)
    messages.end()
    fallBackToINTx()
    environment.tracer.emit(.vfioMsiDisable, [.text(name)])
  }

  /// Takes over a changed message; the host's interrupts stay as they are.
  private func updateMSI(_ msi: MSICapability) {
    guard messages.mode == .msi else { return }
    messages.forEachUsed { number, vector in
      vector.updateRoute(msiMessage(msi, of: number))
    }
    do throws(Errno) { try environment.accelerator.commitRoutes() } catch { reportRoutes(error) }
  }
}
