/// Where the machine's interrupt controllers run (`-machine kernel-irqchip=`).
package enum InterruptControllerPlace: String, CaseIterable, Sendable {
  /// All of them in the kernel (`on`).
  case kernel = "on"
  /// The CPUs' own in the kernel; I/O APIC, 8259 pair and 8254 timer in this process (`split`).
  case split

  /// Pins of the I/O APIC.
  static let pinCount = 24
}
