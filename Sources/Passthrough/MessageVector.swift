internal import HostKernel
internal import Hypervisor
internal import SystemPackage

/// One MSI or MSI-X vector in use: an eventfd that this process hears, and where the accelerator can,
/// another one that sends the vector's message without this process.
///
/// Used under the machine lock; everything ends with the object.
final class MessageVector {
  private let environment: FunctionEnvironment
  private let event: EventDescriptor
  private var watch: WatchToken?
  private var directEvent: EventDescriptor?
  private var gsi: UInt32?

  /// Makes the eventfd that this process hears; `handler` is called when it was signalled, with the
  /// count taken. Throws as `eventfd(2)`.
  init(
    environment: FunctionEnvironment, _ handler: @escaping () -> Void
  ) throws(Errno) {
    self.environment = environment
    event = try EventDescriptor(on: environment.kernel)
    let number = event.rawValue
    watch = environment.events.watch(number) {
      if EventDescriptor.drain(number) { handler() }
    }
  }

  deinit {
    removeRoute()
    if let watch { environment.events.cancel(watch) }
  }

  /// The eventfd that this process hears.
  var ownTrigger: Int32 { event.rawValue }

  /// The eventfd that sends the message at once, else the one that this process hears.
  var bestTrigger: Int32 { directEvent?.rawValue ?? event.rawValue }

  /// Whether the message has a route, connected or not yet.
  var hasRoute: Bool { gsi != nil }

  // MARK: - The accelerator's part

  /// Gives the message a route, which counts after the next commit. Without one this process
  /// delivers.
  func addRoute(_ message: MSIMessage) {
    guard gsi == nil else { return }
    gsi = try? environment.accelerator.addMSIRoute(message)
  }

  /// Changes the message of the route, which counts after the next commit.
  func updateRoute(_ message: MSIMessage) {
    if let gsi { environment.accelerator.updateMSIRoute(gsi, message) }
  }

  /// Ties a second eventfd to a committed route; the route goes when that fails.
  func connect() {
    guard let gsi, directEvent == nil else { return }
    do throws(Errno) {
      let direct = try EventDescriptor(on: environment.kernel)
      try environment.accelerator.assignIRQFD(trigger: direct.rawValue, gsi: gsi)
      directEvent = consume direct
    } catch {
      removeRoute()
    }
  }

  /// Takes the message back from the accelerator: trigger, then route.
  func removeRoute() {
    guard let gsi else { return }
    if let trigger = directEvent?.rawValue {
      try? environment.accelerator.deassignIRQFD(trigger: trigger, gsi: gsi)
    }
    environment.accelerator.removeMSIRoute(gsi)
    directEvent = nil
    self.gsi = nil
  }
}
