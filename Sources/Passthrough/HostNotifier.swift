internal import HostKernel
internal import SystemPackage
internal import VFIO

/// An eventfd by which the host tells of an error (index 3) or asks for the device back (index 4).
///
/// Used under the machine lock; ends with its owner.
final class HostNotifier {
  private let event: EventDescriptor
  private let environment: FunctionEnvironment
  private var watch: WatchToken?

  /// Registers the eventfd with the device and the main loop. Throws as `VFIO_DEVICE_SET_IRQS`.
  init(
    index: UInt32, device: VFIODevice, environment: FunctionEnvironment,
    _ handler: @escaping () -> Void
  ) throws(Errno) {
    let event = try EventDescriptor(on: environment.kernel)
    let number = event.rawValue
    try device.setEvent(number, index, .trigger)
    self.event = event
    self.environment = environment
    watch = environment.events.watch(number) {
      if EventDescriptor.drain(number) { handler() }
    }
  }

  deinit {
    if let watch { environment.events.cancel(watch) }
  }
}
