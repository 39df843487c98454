internal import CLinux
internal import HostKernel
internal import PCI
package import SystemPackage

/// A function whose interrupts go to the eventfds of its user, whoever serves it.
package protocol InterruptSource: AnyObject {
  var function: FunctionState { get }
  var interrupts: InterruptState { get set }
  /// 0 for none, 1 to 4 for INTA to INTD, as the user sees it.
  var interruptPin: UInt8 { get }
  /// Bit 10 of the command register as the user sees it.
  var disablesInterrupt: Bool { get }
  /// Whether vectors beyond those that enabled MSI or MSI-X can be added while it is on.
  func takesMoreVectors(_ mode: InterruptState.Mode) -> Bool
}

/// What `VFIO_DEVICE_SET_IRQS` does to each kind of interrupt (9.3 to 9.6 of the contract).
extension InterruptSource {
  /// Carries an order out. Gives 0, or how many vectors could be had when there were too few.
  package func setInterrupts(
    _ order: InterruptOrder, index: Int32, action: UInt32
  ) throws(Errno) -> Int32 {
    switch (index, Int32(action)) {
    case (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_MASK): try maskINTx(order)
    case (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK): try unmaskINTx(order)
    case (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER): try triggerINTx(order)
    case (VFIO_PCI_MSI_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER):
      return try triggerMessages(order, .msi)
    case (VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER):
      return try triggerMessages(order, .msix)
    case (VFIO_PCI_ERR_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER):
      try triggerSingle(order, current: interrupts.error) { interrupts.setError($0) }
    case (VFIO_PCI_REQ_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER):
      try triggerSingle(order, current: interrupts.request) { interrupts.setRequest($0) }
    default: throw .enotty
    }
    return 0
  }

  /// How many interrupts an index has.
  package func interruptCount(_ index: Int32) -> UInt32 {
    switch index {
    case VFIO_PCI_INTX_IRQ_INDEX: return interruptPin == 0 ? 0 : 1
    case VFIO_PCI_MSI_IRQ_INDEX:
      guard let offset = function.config.capability(.msi) else { return 0 }
      return 1 << UInt32(function.config.word(at: offset + 2) >> 1 & 7)
    case VFIO_PCI_MSIX_IRQ_INDEX:
      guard let offset = function.config.capability(.msix) else { return 0 }
      return UInt32(function.config.word(at: offset + 2) & 0x7FF) + 1
    case VFIO_PCI_ERR_IRQ_INDEX: return function.isExpress ? 1 : 0
    case VFIO_PCI_REQ_IRQ_INDEX: return 1
    default: return 0
    }
  }

  // MARK: INTx

  private func maskINTx(_ order: InterruptOrder) throws(Errno) {
    guard interrupts.mode == .intx, order.start == 0, order.count == 1 else { throw .einval }
    if case .events = order.data { throw .enotty }
    if order.acts(at: 0) { interrupts.maskINTx() }
  }

  private func unmaskINTx(_ order: InterruptOrder) throws(Errno) {
    guard interrupts.mode == .intx, order.start == 0, order.count == 1 else { throw .einval }
    guard case .events(let events) = order.data else {
      if order.acts(at: 0) { unmaskINTx() }
      return
    }
    if events[0] < 0 {
      interrupts.setUnmask(nil)
    } else {
      let event = try ProcessDescriptor.duplicate(event: events[0])
      guard interrupts.unmask == nil else {
        _ = clinux_close(event)
        throw .ebusy
      }
      interrupts.setUnmask(event, from: events[0])
    }
  }

  private func triggerINTx(_ order: InterruptOrder) throws(Errno) {
    let isOn = interrupts.mode == .intx
    if isOn, case .none = order.data, order.count == 0 {
      interrupts.disable()
      return
    }
    guard isOn || interrupts.mode == .none, order.start == 0, order.count == 1 else {
      throw .einval
    }
    guard case .events(let events) = order.data else {
      guard isOn else { throw .einval }
      if order.acts(at: 0), !disablesInterrupt { interrupts.signal(0) }
      return
    }
    let event = events[0] < 0 ? nil : try ProcessDescriptor.duplicate(event: events[0])
    if isOn {
      interrupts.setTrigger(0, event)
    } else {
      interrupts.enableINTx(event)
      if disablesInterrupt { interrupts.maskINTx() }
    }
    interruptLineChanged()
  }

  // MARK: MSI and MSI-X

  private func triggerMessages(
    _ order: InterruptOrder, _ mode: InterruptState.Mode
  ) throws(Errno) -> Int32 {
    let isOn = interrupts.mode == mode
    if isOn, case .none = order.data, order.count == 0 {
      disableMessages()
      return 0
    }
    guard isOn || interrupts.mode == .none else { throw .einval }
    guard case .events(let events) = order.data else {
      guard isOn else { throw .einval }
      for place in 0..<order.count where order.acts(at: place) {
        interrupts.signal(order.start + place)
      }
      return 0
    }
    if isOn {
      try setVectors(events, from: order.start)
      return 0
    }
    let wanted = order.start + order.count
    guard wanted > 0 else { throw .erange }
    // Without interrupt remapping an x86 host has one vector for a function's MSI.
    if mode == .msi, wanted > 1, !function.group.iommu.remapsInterrupts { return 1 }
    interrupts.enableMessages(mode, count: wanted)
    setHardwareEnable(mode, true)
    do throws(Errno) {
      try setVectors(events, from: order.start)
    } catch {
      disableMessages()
      throw error
    }
    return 0
  }

  private func disableMessages() {
    setHardwareEnable(interrupts.mode, false)
    interrupts.disable()
  }

  /// Sets triggers in order; a bad one clears all from the first up to itself.
  private func setVectors(_ events: [Int32], from start: Int) throws(Errno) {
    for (place, event) in events.enumerated() {
      do throws(Errno) {
        try setVector(start + place, event)
      } catch {
        for cleared in start...start + place { interrupts.setTrigger(cleared, nil) }
        throw error
      }
    }
  }

  private func setVector(_ vector: Int, _ event: Int32) throws(Errno) {
    interrupts.setTrigger(vector, nil)
    guard event >= 0 else { return }
    guard vector < interrupts.allocated || takesMoreVectors(interrupts.mode) else { throw .einval }
    interrupts.setTrigger(vector, try ProcessDescriptor.duplicate(event: event))
  }

  /// The enable bits of the hardware follow `SET_IRQS`.
  private func setHardwareEnable(_ mode: InterruptState.Mode, _ isOn: Bool) {
    switch mode {
    case .msi:
      guard let offset = function.config.capability(.msi) else { return }
      let control = function.config.word(at: offset + 2) & ~1
      function.config.write(word: control | (isOn ? 1 : 0), at: offset + 2)
    case .msix:
      guard let offset = function.config.capability(.msix) else { return }
      let control = function.config.word(at: offset + 2) & ~0xC000
      function.config.write(word: control | (isOn ? 0x8000 : 0), at: offset + 2)
    case .none, .intx: break
    }
  }

  // MARK: Error and request

  private func triggerSingle(
    _ order: InterruptOrder, current: Int32?, set: (Int32?) -> Void
  ) throws(Errno) {
    switch order.data {
    case .none:
      guard let current else { throw .einval }
      if order.count == 0 { set(nil) } else { EventDescriptor.signal(current) }
    case .switches(let switches):
      guard let isOn = switches.first else { throw .einval }
      if isOn, let current { EventDescriptor.signal(current) }
    case .events(let events):
      guard let event = events.first, event >= -1 else { throw .einval }
      set(event < 0 ? nil : try ProcessDescriptor.duplicate(event: event))
    }
  }

  // MARK: Delivery

  /// The interrupt line changed: delivers what INTx lets through.
  package func interruptLineChanged() {
    guard function.isInterruptAsserted else { return }
    interrupts.raiseINTx(isDisabled: disablesInterrupt)
  }

  /// Unmasks INTx, by call or by eventfd.
  package func unmaskINTx() {
    interrupts.unmaskINTx(
      isAsserted: function.isInterruptAsserted, isDisabled: disablesInterrupt)
  }

  /// The kind of message interrupts that is enabled, nil for none.
  package var messages: MessageKind? {
    switch interrupts.mode {
    case .none, .intx: nil
    case .msi: .msi
    case .msix: .msix
    }
  }

  /// Signals the eventfd of a message vector unless something masks it.
  package func send(_ vector: Int) -> MessageOutcome {
    guard let messages, vector >= 0 else { return .absent }
    switch messages {
    case .msi:
      guard interrupts.hasTrigger(vector) else { return .absent }
      guard function.isMaster, function.messageMasks & 1 << UInt32(vector % 32) == 0 else {
        return .masked
      }
    case .msix:
      guard vector < Int(interruptCount(VFIO_PCI_MSIX_IRQ_INDEX)) else { return .absent }
      // The table entry of a vector that has no trigger is masked.
      guard function.isMaster, interrupts.hasTrigger(vector) else { return .masked }
    }
    interrupts.signal(vector)
    return .sent
  }
}

extension VFIODevice: InterruptSource {
  var interruptPin: UInt8 { config?.interruptPin ?? 0 }
  var disablesInterrupt: Bool { config?.disablesInterrupt ?? true }

  /// Vectors can be added while MSI-X is on; a function without MSI-X says no.
  var hasDynamicVectors: Bool {
    function.description.hasDynamicMSIX
      && function.config.capability(.msix) != nil
  }

  func takesMoreVectors(_ mode: InterruptState.Mode) -> Bool { mode == .msix && hasDynamicVectors }

  /// The user closed an eventfd. The kernel listens to one that unmasks only while it is open, unlike
  /// those that it signals itself, which it holds on to.
  func eventClosed(_ descriptor: Int32) {
    guard interrupts.unmaskOrigin == descriptor, let event = interrupts.unmask else { return }
    if EventDescriptor.drain(event) { unmaskINTx() }
    interrupts.setUnmask(nil)
  }
}
