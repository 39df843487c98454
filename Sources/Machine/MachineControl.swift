package import CommandLine
package import EventLoop
package import Tracing
package import VirtualIOMMU

/// Whether guest execution goes on, by QMP's names.
package enum RunState: String, Sendable {
  case prelaunch
  case running
  case paused
  case shutdown
  case guestPanicked = "guest-panicked"
  case internalError = "internal-error"
}

/// Who asked for a reset or a shutdown, by QMP's `ShutdownCause` names.
package enum RunCause: String, Sendable {
  case hostQMPQuit = "host-qmp-quit"
  case hostQMPSystemReset = "host-qmp-system-reset"
  case hostSignal = "host-signal"
  /// The machine cannot go on for a guest that asks of it what it does not do.
  case hostError = "host-error"
  case guestReset = "guest-reset"
  case guestShutdown = "guest-shutdown"
  case guestPanic = "guest-panic"

  /// QMP's `guest` member: whether the guest itself asked.
  package var isGuest: Bool {
    switch self {
    case .guestReset, .guestShutdown, .guestPanic: true
    case .hostError, .hostQMPQuit, .hostQMPSystemReset, .hostSignal: false
    }
  }
}

/// What happened to a machine, for those who watch it.
package enum MachineEvent: Sendable, Equatable {
  case reset(RunCause)
  case shutdown(RunCause)
  case stopped
  case resumed
  /// A power button was pressed for the guest.
  case powerDown
  /// The guest said that it panicked, and what becomes of the machine: `pause`, `shutdown` or `run`.
  case guestPanicked(action: String)
  /// The guest said that it panicked and goes on to save a dump.
  case guestCrashLoaded
  /// The guest asked through `pvpanic` to be shut down; the shutdown follows.
  case guestPanicPortShutdown
  /// The guest saved its state to its disk to be powered off (S4); the shutdown follows.
  case suspendedToDisk
  /// A device is gone for good; its id, when it had one.
  case deviceDeleted(id: String?)
  /// A function of the host, `host` by its name there, reported an error that it cannot recover from.
  /// The machine stops next, or it goes on (`x-err=report`).
  case deviceError(id: String?, host: String, stopsMachine: Bool)
}

/// One character device, as QMP's `query-chardev` tells of it.
package struct CharacterDeviceStatus: Sendable, Equatable {
  package let label: String

  /// What it is over, for example `pty:/dev/pts/3`.
  package let filename: String

  /// Whether a device uses it.
  package let isFrontEndOpen: Bool

  package init(label: String, filename: String, isFrontEndOpen: Bool) {
    self.label = label
    self.filename = filename
    self.isFrontEndOpen = isFrontEndOpen
  }
}

/// What a monitor or a test may ask of a machine.
@VMMain package protocol MachineControl: AnyObject {
  var name: String? { get }
  var runState: RunState { get }
  var tracer: Tracer { get }

  /// Called with each event, in order, on the main loop, after it happened.
  func observeEvents(_ observer: @escaping @VMMain (MachineEvent) -> Void)

  /// Stops guest execution; nothing happens when it is stopped already.
  func stop()

  /// Lets guest execution go on; throws a sentence for the user when it cannot.
  func resume() throws(MachineRefusal)

  /// Resets the machine now and tells the observers; a stopped machine is as before its start then.
  /// Never from inside a guest access.
  func reset(_ cause: RunCause)

  /// Presses the guest's power button.
  func powerDown()

  /// The character devices there are.
  var characterDevices: [CharacterDeviceStatus] { get }

  /// What a device that is added now may link to.
  var knownDevices: KnownDevices { get }

  /// Adds a device while the machine runs or is paused; throws a sentence for the user, with nothing
  /// left behind, when it cannot be.
  func addDevice(_ device: DeviceConfiguration) throws(MachineRefusal)

  /// Asks the guest to let a device go; `deviceDeleted` follows when it did. Throws a sentence for the
  /// user when the device cannot go, or `unknownDevice` for an id that no device has.
  func removeDevice(_ id: String) throws(MachineRefusal)

  /// The functions that the guest finds on its root bus, in their order there.
  var pciDevices: [PCIDeviceStatus] { get }

  /// What the vIOMMU can do and who limited it; nil in a machine without one.
  var capabilityReport: CapabilityReport? { get }

  /// Ends the machine, tells the observers and stops the main loop after its present turn.
  func shutdown(_ cause: RunCause)

  /// Reads a port as the guest would; `size` is 1, 2 or 4 bytes.
  func readPort(_ port: UInt16, size: Int) -> UInt32

  /// Writes a port as the guest would; `size` is 1, 2 or 4 bytes.
  func writePort(_ port: UInt16, size: Int, value: UInt32)

  /// Reads guest-physical memory as the guest would, device registers included; `size` is 1, 2, 4 or 8.
  func readMemory(_ address: UInt64, size: Int) -> UInt64

  /// Writes guest-physical memory as the guest would; `size` is 1, 2, 4 or 8.
  func writeMemory(_ address: UInt64, size: Int, value: UInt64)
}

/// Why a request to a machine was refused, as a sentence for the user.
package struct MachineRefusal: Error, Sendable, Equatable {
  package let message: String
  /// Whether the request named a device that there is not.
  package let isUnknownDevice: Bool

  package init(_ message: String, isUnknownDevice: Bool = false) {
    self.message = message
    self.isUnknownDevice = isUnknownDevice
  }
}
