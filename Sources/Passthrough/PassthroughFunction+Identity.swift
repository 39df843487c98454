internal import PCI
internal import Tracing
internal import VFIO

extension PassthroughFunction {
  /// Puts the identity that was asked for over the device's. Events: `vfio_pci_emulated_*`. Throws for
  /// a number that its register cannot hold.
  func setUpIdentity() throws(AssignmentError.Failure) {
    let identity = options.identity
    let words: [(value: UInt32?, offset: Int, limit: UInt32, event: TraceEvent, name: String)] = [
      (identity.vendor, 0x00, 0xfffe, .vfioPciEmulatedVendorId, "vendor ID"),
      (identity.device, 0x02, 0xffff, .vfioPciEmulatedDeviceId, "device ID"),
      (
        identity.subsystemVendor, 0x2c, 0xffff, .vfioPciEmulatedSubVendorId, "subsystem vendor ID"
      ),
      (identity.subsystem, 0x2e, 0xffff, .vfioPciEmulatedSubDeviceId, "subsystem device ID"),
    ]
    for word in words {
      guard let value = word.value else { continue }
      guard value <= word.limit else { throw .invalidIdentity(word.name) }
      image.apply(ConfigEdit(offset: word.offset, value: value, mask: 0xffff))
      environment.tracer.emit(word.event, [.text(name), .number(value)])
    }
    guard let code = identity.classCode else { return }
    guard code <= 0xff_ffff else { throw .invalidIdentity("class code") }
    image.apply(ConfigEdit(offset: 0x08, value: code << 8, mask: 0xffff_ff00))
    environment.tracer.emit(.vfioPciEmulatedClassCode, [.text(name), .number(code)])
  }
}
