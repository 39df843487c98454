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

  /// Tells KVM of a VFIO group or device descriptor that the guest uses; without KVM does nothing.
  func addVFIOFile(_ descriptor: Int32) throws(AcceleratorError)

  /// Takes back what `addVFIOFile` told; without KVM does nothing.
  func removeVFIOFile(_ descriptor: Int32) throws(AcceleratorError)

  /// Drives an interrupt line high or low. A line that the interrupt controller lacks is ignored.
  func setLine(gsi: UInt32, level: Bool)
}
