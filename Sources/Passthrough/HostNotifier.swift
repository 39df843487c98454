internal import HostKernel
internal import SystemPackage
internal import Tracing
internal import VFIO

/// An eventfd by which the host tells of an error (index 3) or asks for the device back (index 4).
///
/// Used under the machine lock; ends with its owner.
final class HostNotifier {
  private let index: UInt32
  private let device: VFIODevice
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
    self.index = index
    self.device = device
    self.event = event
    self.environment = environment
    watch = environment.events.watch(number) {
      if EventDescriptor.drain(number) { handler() }
    }
  }

  /// Takes the eventfd back from the device; a failure is told.
  func end() {
    do throws(Errno) { try device.setEvent(-1, index, .trigger) } catch {
      let setting = InterruptSetting(index: index, action: .trigger, isSetUp: false)
      let failure = AssignmentError.Failure.cannotMakeInterrupt(setting, error)
      environment.diagnostics.error("vfio \(device.name): \(failure.message)")
    }
    if let watch { environment.events.cancel(watch) }
    watch = nil
  }

  deinit {
    if let watch { environment.events.cancel(watch) }
  }
}
