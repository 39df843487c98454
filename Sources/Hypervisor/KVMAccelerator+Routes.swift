internal import CLinux
internal import HostKernel
package import SystemPackage

/// Messages as interrupts, and eventfds that send them.
extension KVMAccelerator {
  package var hasMessageRoutes: Bool { true }

  package func addMSIRoute(_ message: MSIMessage) throws(Errno) -> UInt32 {
    guard let gsi = routes.add(message) else { throw .noSpace }
    return gsi
  }

  package func updateMSIRoute(_ gsi: UInt32, _ message: MSIMessage) {
    routes.update(gsi, message)
  }

  package func removeMSIRoute(_ gsi: UInt32) { routes.remove(gsi) }

  package func commitRoutes() throws(Errno) {
    guard routes.isChanged else { return }
    var argument = routes.encoded
    try vm.control(KVM_SET_GSI_ROUTING, on: &argument)
    routes.noteCommitted()
  }

  package func assignIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    try setIRQFD(trigger, gsi, flags: 0)
  }

  package func deassignIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    try setIRQFD(trigger, gsi, flags: UInt32(KVM_IRQFD_FLAG_DEASSIGN))
  }

  private func setIRQFD(_ trigger: Int32, _ gsi: UInt32, flags: UInt32) throws(Errno) {
    var request = kvm_irqfd()
    request.fd = UInt32(bitPattern: trigger)
    request.gsi = gsi
    request.flags = flags
    try vm.control(KVM_IRQFD, on: &request)
  }

  package func signal(_ message: MSIMessage) {
    var request = kvm_msi()
    request.address_lo = UInt32(truncatingIfNeeded: message.address)
    request.address_hi = UInt32(truncatingIfNeeded: message.address >> 32)
    request.data = message.data
    // What no CPU takes is lost, as on hardware.
    _ = try? vm.control(KVM_SIGNAL_MSI, on: &request)
  }
}
