/// `-action`: what follows when a guest asks for a reset, powers off or panics.
package struct RunActions: Sendable, Equatable {
  /// After a guest's reset, by the words of `reboot=`.
  package enum Reboot: String, Sendable, CaseIterable {
    case reset, shutdown
  }

  /// After a power-off, by the words of `shutdown=`.
  package enum Shutdown: String, Sendable, CaseIterable {
    case poweroff, pause
  }

  /// After a guest's panic, by the words of `panic=`.
  package enum Panic: String, Sendable, CaseIterable {
    case pause, shutdown, none
    case exitFailure = "exit-failure"
  }

  package var reboot: Reboot = .reset
  package var shutdown: Shutdown = .poweroff
  package var panic: Panic = .shutdown

  package init() {}
}

extension RunActions: PropertySet {
  static let table = PropertyTable<RunActions>(
    owner: "action", wording: .parameter,
    properties: [
      .word("reboot", type: "RebootAction", \.reboot, "what a guest's reset does"),
      .word("shutdown", type: "ShutdownAction", \.shutdown, "what a power-off does"),
      .word("panic", type: "PanicAction", \.panic, "what a guest's panic does"),
    ],
    unsupported: "watchdog")
}
