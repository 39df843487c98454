internal import Glibc
package import HostKernel
package import SystemPackage

/// An accelerator without CPUs, for tests that drive the machine from outside.
///
/// Guest memory is reached through the address space alone. With `irqfd` it stands in for KVM's
/// irqfds. Resampling ones: the trigger raises the line, `endOfInterrupt` lowers it and signals the
/// resample eventfds, as KVM does when the guest's interrupt controller sees the end. Those of
/// messages: the trigger sends the message. A message is handed to `onMessage`.
package final class QtestAccelerator: Accelerator {
  private struct Assignment {
    var resample: Int32
    var gsi: UInt32
    var watch: WatchToken
  }

  private let events: any EventSources
  /// By trigger descriptor.
  private var assignments: [Int32: Assignment] = [:]
  private let lines = InterruptLines()
  private let messages = MessageTable()
  /// Watches of triggers that send messages, by trigger descriptor.
  private var senders: [Int32: (gsi: UInt32, watch: WatchToken)] = [:]

  package let hasResampleIRQFD: Bool

  package init(events: any EventSources, irqfd: Bool = false) {
    self.events = events
    hasResampleIRQFD = irqfd
  }

  deinit {
    for assignment in assignments.values { events.cancel(assignment.watch) }
    for sender in senders.values { events.cancel(sender.watch) }
  }

  package var name: String { "qtest" }

  package var memoryFailure: AcceleratorError? { nil }

  /// Lines of the interrupt controller: as many as KVM's IOAPIC has.
  package static var lineCount: UInt32 { 24 }

  /// Whether a line is high.
  package func level(gsi: UInt32) -> Bool {
    lines.driven.contains(gsi) || lines.triggered.contains(gsi)
  }

  /// Throws `ENOSYS` without `irqfd`, `EBUSY` for a trigger in use, `EINVAL` for a line that is not
  /// there.
  package func assignResampleIRQFD(
    trigger: Int32, resample: Int32, gsi: UInt32
  ) throws(Errno) {
    guard hasResampleIRQFD else { throw .noFunction }
    guard gsi < Self.lineCount else { throw .invalidArgument }
    guard assignments[trigger] == nil, senders[trigger] == nil else { throw .resourceBusy }
    let watch = events.watch(trigger) { [lines] in
      if EventDescriptor.drain(trigger) { lines.triggered.insert(gsi) }
    }
    assignments[trigger] = Assignment(resample: resample, gsi: gsi, watch: watch)
  }

  package func deassignResampleIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    guard hasResampleIRQFD else { throw .noFunction }
    guard let assignment = assignments[trigger], assignment.gsi == gsi else { return }
    events.cancel(assignment.watch)
    assignments[trigger] = nil
    if !assignments.values.contains(where: { $0.gsi == gsi }) { lines.triggered.remove(gsi) }
  }

  /// What the guest's interrupt controller would tell at the end of an interrupt on this line.
  package func endOfInterrupt(gsi: UInt32) {
    lines.triggered.remove(gsi)
    for assignment in assignments.values where assignment.gsi == gsi {
      EventDescriptor.signal(assignment.resample)
    }
  }

  // MARK: - Messages

  /// Where messages go: a machine without CPUs writes them to the guest's memory, as a function does.
  package var onMessage: (MSIMessage) -> Void {
    get { messages.deliver }
    set { messages.deliver = newValue }
  }

  package var hasMessageRoutes: Bool { hasResampleIRQFD }

  package func addMSIRoute(_ message: MSIMessage) throws(Errno) -> UInt32 {
    guard hasMessageRoutes else { throw .noFunction }
    guard let gsi = messages.routes.add(message) else { throw .noSpace }
    return gsi
  }

  package func updateMSIRoute(_ gsi: UInt32, _ message: MSIMessage) {
    messages.routes.update(gsi, message)
  }

  package func removeMSIRoute(_ gsi: UInt32) { messages.routes.remove(gsi) }

  package func commitRoutes() { messages.commit() }

  /// Throws `ENOSYS` without `irqfd` and `EBUSY` for a trigger in use.
  package func assignIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    guard hasMessageRoutes else { throw .noFunction }
    guard senders[trigger] == nil, assignments[trigger] == nil else { throw .resourceBusy }
    let watch = events.watch(trigger) { [messages] in
      if EventDescriptor.drain(trigger) { messages.send(gsi) }
    }
    senders[trigger] = (gsi, watch)
  }

  package func deassignIRQFD(trigger: Int32, gsi: UInt32) throws(Errno) {
    guard hasMessageRoutes else { throw .noFunction }
    guard let sender = senders[trigger], sender.gsi == gsi else { return }
    events.cancel(sender.watch)
    senders[trigger] = nil
  }

  package func signal(_ message: MSIMessage) { messages.deliver(message) }

  package func addVFIOFile(_ descriptor: Int32) {}

  package func removeVFIOFile(_ descriptor: Int32) {}

  package func setLine(gsi: UInt32, level: Bool) {
    guard gsi < Self.lineCount else { return }
    if level { lines.driven.insert(gsi) } else { lines.driven.remove(gsi) }
  }

  package func regionRemoved(_ section: MemorySection) {}

  package func regionAdded(_ section: MemorySection) {}
}

/// Who holds which line high; a line is high while anyone does. Watch handlers hold on to this instead
/// of the accelerator, so that the accelerator can go.
private final class InterruptLines {
  var driven: Set<UInt32> = []
  var triggered: Set<UInt32> = []
}

/// Which interrupt sends which message. Watch handlers hold on to this, too.
private final class MessageTable {
  var deliver: (MSIMessage) -> Void = { _ in }
  /// What was asked for.
  var routes = InterruptRoutes(limit: 4096, hasKernelControllers: true)
  /// What counts.
  private var committed = InterruptRoutes(limit: 0, hasKernelControllers: true)

  func commit() {
    guard routes.isChanged else { return }
    routes.noteCommitted()
    committed = routes
  }

  func send(_ gsi: UInt32) {
    if let message = committed.message(of: gsi) { deliver(message) }
  }
}
