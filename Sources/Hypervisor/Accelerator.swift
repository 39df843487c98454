package import SystemPackage

/// What carries interrupts and memory of the guest: KVM, or nothing but this process.
///
/// Called with the machine lock held. As a memory listener it follows the guest's memory.
package protocol Accelerator: MemoryListener {
  /// The name on the command line: `kvm` or `qtest`.
  var name: String { get }

  /// Whether an eventfd can raise a level-triggered line and another one hear of its end.
  var hasResampleIRQFD: Bool { get }

  /// The first section that could not be followed, if any. Asked after the accelerator is registered
  /// with an address space and after updates to it.
  var memoryFailure: AcceleratorError? { get }

  /// Raises line `gsi` whenever `trigger` is signalled; at the end of the interrupt lowers it and
  /// signals `resample`. Both eventfds stay the caller's and stay open until the deassignment.
  /// Throws the errno of `KVM_IRQFD`: `EBUSY` for a trigger in use.
  func assignResampleIRQFD(trigger: Int32, resample: Int32, gsi: UInt32) throws(Errno)

  /// Undoes an assignment; one that is not there is not an error.
  func deassignResampleIRQFD(trigger: Int32, gsi: UInt32) throws(Errno)

  /// Whether an eventfd can send a message without this process.
  var hasMessageRoutes: Bool { get }

  /// Gives a message an interrupt number of its own, which means something after `commitRoutes`.
  /// Throws `ENOSPC` when there is none left.
  func addMSIRoute(_ message: MSIMessage) throws(Errno) -> UInt32

  /// Changes the message of an interrupt, from the next `commitRoutes` on.
  func updateMSIRoute(_ gsi: UInt32, _ message: MSIMessage)

  /// Gives an interrupt number back, with nothing assigned to it any more. Other changes may come
  /// before the kernel hears of it.
  func removeMSIRoute(_ gsi: UInt32)

  /// Makes all changes of messages count, with one call; none when nothing has changed. Throws the
  /// errno of `KVM_SET_GSI_ROUTING`; the changes then wait for the next time.
  func commitRoutes() throws(Errno)

  /// Sends the interrupt's message whenever `trigger` is signalled. The eventfd stays the caller's
  /// and stays open until the deassignment. Throws the errno of `KVM_IRQFD`.
  func assignIRQFD(trigger: Int32, gsi: UInt32) throws(Errno)

  /// Undoes an assignment; one that is not there is not an error.
  func deassignIRQFD(trigger: Int32, gsi: UInt32) throws(Errno)

  /// Sends a message now, from this process; one that nobody takes is lost.
  func signal(_ message: MSIMessage)

  /// Tells KVM of a VFIO group or device descriptor that the guest uses; without KVM does nothing.
  func addVFIOFile(_ descriptor: Int32) throws(AcceleratorError)

  /// Takes back what `addVFIOFile` told; without KVM does nothing.
  func removeVFIOFile(_ descriptor: Int32) throws(AcceleratorError)

  /// Drives an interrupt line high or low. A line that the interrupt controller lacks is ignored.
  func setLine(gsi: UInt32, level: Bool)
}
