/// Where an interrupt pin of a function leads in the guest.
package struct InterruptRoute: Equatable, Sendable {
  /// Whether the chipset delivers the pin at all.
  package var isEnabled: Bool
  /// The global system interrupt, for `KVM_IRQ_LINE` and `KVM_IRQFD`.
  package var gsi: UInt32

  package init(isEnabled: Bool, gsi: UInt32) {
    self.isEnabled = isEnabled
    self.gsi = gsi
  }
}
