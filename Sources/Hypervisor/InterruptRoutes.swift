internal import CLinux

/// What each global system interrupt leads to: pins of the interrupt controllers, fixed, and
/// messages, which come and go.
///
/// Pure: the table that the kernel is told of, as a whole, whenever it has changed.
struct InterruptRoutes {
  private let pins: [kvm_irq_route_to_pin]
  /// What the pins of an I/O APIC of this process send, by their number; nil for one that sends
  /// nothing, or that KVM shall not send by itself.
  private var pinMessages = [MSIMessage?](repeating: nil, count: InterruptControllerPlace.pinCount)
  /// By `gsi - firstMessage`; nil where no message is.
  private var messages: [MSIMessage?] = []
  private let firstMessage: UInt32
  private let largestCount: Int
  private(set) var messageCount = 0
  /// Whether the kernel has not been told of a change yet.
  private(set) var isChanged: Bool

  /// Routes without messages. `limit` is how many routes and how many interrupts the kernel takes.
  /// With controllers in the kernel the PC's pins are there, as QEMU wires them: the timer's
  /// interrupt 0 enters the I/O APIC at pin 2. Without, the same numbers are kept free for the pins of
  /// an I/O APIC of this process.
  init(limit: Int, hasKernelControllers: Bool) {
    pins = hasKernelControllers ? Self.controllerPins : []
    firstMessage = UInt32(InterruptControllerPlace.pinCount)
    largestCount = max(0, min(limit - pins.count, limit - Int(firstMessage)))
    isChanged = hasKernelControllers
  }

  private static var controllerPins: [kvm_irq_route_to_pin] {
    let first = (0..<8).map { pin($0, KVM_IRQCHIP_PIC_MASTER, $0) }
    let second = (8..<16).map { pin($0, KVM_IRQCHIP_PIC_SLAVE, $0 - 8) }
    let third = (0..<24).filter { $0 != 2 }.map { pin($0, KVM_IRQCHIP_IOAPIC, $0 == 0 ? 2 : $0) }
    return first + second + third
  }

  private static func pin(
    _ gsi: UInt32, _ controller: Int32, _ pin: UInt32
  ) -> kvm_irq_route_to_pin {
    var route = kvm_irq_route_to_pin()
    route.gsi = gsi
    route.type = UInt32(KVM_IRQ_ROUTING_IRQCHIP)
    route.irqchip = UInt32(controller)
    route.pin = pin
    return route
  }

  /// Gives a message the lowest free interrupt, or nil when none is free.
  mutating func add(_ message: MSIMessage) -> UInt32? {
    guard messageCount < largestCount else { return nil }
    let free = messages.firstIndex { $0 == nil }
    if let free { messages[free] = message } else { messages.append(message) }
    messageCount += 1
    isChanged = true
    return firstMessage + UInt32(free ?? messages.count - 1)
  }

  /// Replaces a message; the same message again is no change. An interrupt that has none is left
  /// without.
  mutating func update(_ gsi: UInt32, _ message: MSIMessage) {
    guard let index = index(of: gsi), messages[index] != message else { return }
    messages[index] = message
    isChanged = true
  }

  /// Frees an interrupt; nothing happens when it has no message.
  mutating func remove(_ gsi: UInt32) {
    guard let index = index(of: gsi) else { return }
    messages[index] = nil
    messageCount -= 1
    isChanged = true
  }

  /// Sets what a pin of an I/O APIC of this process sends; nothing happens for a pin that there is not.
  mutating func setPin(_ pin: Int, _ message: MSIMessage?) {
    guard pinMessages.indices.contains(pin), pinMessages[pin] != message else { return }
    pinMessages[pin] = message
    isChanged = true
  }

  /// The message that an interrupt sends, if any.
  func message(of gsi: UInt32) -> MSIMessage? {
    index(of: gsi).flatMap { messages[$0] }
  }

  /// Notes that the kernel knows the table.
  mutating func noteCommitted() { isChanged = false }

  private func index(of gsi: UInt32) -> Int? {
    guard gsi >= firstMessage, Int(gsi - firstMessage) < messages.count else { return nil }
    let index = Int(gsi - firstMessage)
    return messages[index] == nil ? nil : index
  }

  /// The argument of `KVM_SET_GSI_ROUTING`. A message whose address has bits 39:32 set, which KVM may
  /// refuse together with the whole table, is left out: no CPU listens there.
  var encoded: [UInt8] {
    var bytes: [UInt8] = []
    let usable = (pinMessages + messages).enumerated().compactMap { gsi, message in
      message.flatMap { $0.address >> 32 & 0xff == 0 ? (gsi, $0) : nil }
    }
    let count = pins.count + usable.count
    bytes.reserveCapacity(8 + 48 * count)
    Self.append(kvm_irq_routing(nr: UInt32(count), flags: 0), to: &bytes)
    for pin in pins { Self.append(pin, to: &bytes) }
    for (gsi, message) in usable {
      var route = kvm_irq_route_to_message()
      route.gsi = UInt32(gsi)
      route.type = UInt32(KVM_IRQ_ROUTING_MSI)
      route.address_lo = UInt32(truncatingIfNeeded: message.address)
      route.address_hi = UInt32(truncatingIfNeeded: message.address >> 32)
      route.data = message.data
      Self.append(route, to: &bytes)
    }
    return bytes
  }

  private static func append<Value: BitwiseCopyable>(_ value: Value, to bytes: inout [UInt8]) {
    unsafe withUnsafeBytes(of: value) { unsafe bytes.append(contentsOf: $0) }
  }
}
