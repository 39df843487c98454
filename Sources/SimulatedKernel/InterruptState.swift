internal import CLinux
internal import HostKernel
internal import SystemPackage

/// The eventfds of one device and which interrupt mode is on (section 9 of the contract).
///
/// Each eventfd is a duplicate, so it lives until it is replaced whatever the user closes.
package struct InterruptState {
  package enum Mode: Equatable {
    case none
    case intx
    case msi
    case msix
  }

  package private(set) var mode = Mode.none
  /// How many vectors were allocated when MSI or MSI-X was enabled.
  private(set) var allocated = 0
  private var triggers: [Int: Int32] = [:]
  /// The eventfd that unmasks INTx when signalled.
  package private(set) var unmask: Int32?
  /// The user's number of it.
  private(set) var unmaskOrigin: Int32?
  /// INTx is masked: by the kernel after a signal, or by the user.
  private(set) var isMasked = false
  private(set) var error: Int32?
  private(set) var request: Int32?

  /// How many eventfds are held.
  var heldEvents: Int {
    triggers.count + [unmask, error, request].count { $0 != nil }
  }

  package init() {}

  // MARK: One mode at a time

  /// Turns INTx on with a trigger or none.
  mutating func enableINTx(_ event: Int32?) {
    mode = .intx
    isMasked = false
    triggers[0] = event
  }

  /// Turns MSI or MSI-X on without triggers.
  mutating func enableMessages(_ mode: Mode, count: Int) {
    self.mode = mode
    allocated = count
  }

  /// Lets all triggers of the active mode go.
  mutating func disable() {
    for event in triggers.values { _ = clinux_close(event) }
    triggers.removeAll()
    setUnmask(nil)
    mode = .none
    allocated = 0
    isMasked = false
  }

  /// Lets everything go, as the last close does.
  package mutating func disableAll() {
    disable()
    setError(nil)
    setRequest(nil)
  }

  // MARK: Events

  /// Replaces the trigger of a vector; takes the descriptor over.
  mutating func setTrigger(_ vector: Int, _ event: Int32?) {
    if let old = triggers[vector] { _ = clinux_close(old) }
    triggers[vector] = event
  }

  /// Replaces the eventfd that unmasks; takes the descriptor over. `origin` is the user's.
  mutating func setUnmask(_ event: Int32?, from origin: Int32? = nil) {
    Self.replace(&unmask, event)
    unmaskOrigin = origin
  }

  mutating func setError(_ event: Int32?) { Self.replace(&error, event) }
  mutating func setRequest(_ event: Int32?) { Self.replace(&request, event) }

  private static func replace(_ slot: inout Int32?, _ event: Int32?) {
    if let old = slot { _ = clinux_close(old) }
    slot = event
  }

  func hasTrigger(_ vector: Int) -> Bool { triggers[vector] != nil }

  /// Signals a vector that has a trigger.
  func signal(_ vector: Int) {
    if let event = triggers[vector] { EventDescriptor.signal(event) }
  }

  // MARK: INTx masking

  /// The line is asserted: one signal, then masked until an unmask.
  mutating func raiseINTx(isDisabled: Bool) {
    guard mode == .intx, !isMasked, !isDisabled else { return }
    signal(0)
    isMasked = true
  }

  mutating func maskINTx() {
    if mode == .intx { isMasked = true }
  }

  /// Unmasks; a line that is still asserted signals again and stays masked.
  mutating func unmaskINTx(isAsserted: Bool, isDisabled: Bool) {
    guard mode == .intx, isMasked, !isDisabled else { return }
    isMasked = false
    if isAsserted { raiseINTx(isDisabled: false) }
  }
}
