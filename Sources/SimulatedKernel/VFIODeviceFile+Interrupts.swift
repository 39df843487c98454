internal import CLinux
internal import SystemPackage

/// `VFIO_DEVICE_GET_IRQ_INFO` and `VFIO_DEVICE_SET_IRQS` (section 9 of the contract).
extension VFIODeviceFile {
  func interruptInfo(_ argument: inout UserArgument) throws(Errno) {
    _ = try argument.argumentSize(minimum: 16)
    var info = try argument.load(vfio_irq_info.self)
    guard info.index < UInt32(VFIO_PCI_NUM_IRQS) else { throw .einval }
    let index = Int32(info.index)
    if index == VFIO_PCI_ERR_IRQ_INDEX, !device.function.isExpress { throw .einval }
    info.flags = UInt32(VFIO_IRQ_INFO_EVENTFD)
    switch index {
    case VFIO_PCI_INTX_IRQ_INDEX:
      info.flags |= UInt32(VFIO_IRQ_INFO_MASKABLE | VFIO_IRQ_INFO_AUTOMASKED)
    case VFIO_PCI_MSIX_IRQ_INDEX where device.hasDynamicVectors: break
    default: info.flags |= UInt32(VFIO_IRQ_INFO_NORESIZE)
    }
    info.count = device.interruptCount(index)
    try argument.store(info)
  }

  /// Gives 0, or how many vectors could be had when there were too few.
  func setInterrupts(
    _ argument: UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    let fixed = MemoryLayout<vfio_irq_set>.size
    let header = try argument.load(vfio_irq_set.self)
    let known: UInt32 = 0x3F
    guard header.argsz >= UInt32(fixed), header.index < UInt32(VFIO_PCI_NUM_IRQS),
      header.count < UInt32.max - header.start, header.flags & ~known == 0
    else { throw .einval }
    let available = device.interruptCount(Int32(header.index))
    guard header.start < available, header.start + header.count <= available else {
      throw .einval
    }
    let width: Int
    switch Int32(header.flags & 7) {
    case VFIO_IRQ_SET_DATA_NONE: width = 0
    case VFIO_IRQ_SET_DATA_BOOL: width = 1
    case VFIO_IRQ_SET_DATA_EVENTFD: width = 4
    default: throw .einval
    }
    let count = Int(header.count)
    guard Int(header.argsz) - fixed >= count * width else { throw .einval }
    let data = try argument.bytes(at: fixed, count: count * width)
    let order = InterruptOrder(
      start: Int(header.start), count: count, data: InterruptOrder.Data(width: width, bytes: data))
    return try perform(order, index: Int32(header.index), action: header.flags & 0x38, on: host)
  }

  private func perform(
    _ order: InterruptOrder, index: Int32, action: UInt32, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    switch (index, Int32(action)) {
    case (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_MASK): try device.maskINTx(order)
    case (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_UNMASK):
      try device.unmaskINTx(order, on: host)
    case (VFIO_PCI_INTX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER): try device.triggerINTx(order)
    case (VFIO_PCI_MSI_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER):
      return try device.triggerMessages(order, .msi)
    case (VFIO_PCI_MSIX_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER):
      return try device.triggerMessages(order, .msix)
    case (VFIO_PCI_ERR_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER):
      try device.triggerSingle(order, current: device.interrupts.error) {
        device.interrupts.setError($0)
      }
    case (VFIO_PCI_REQ_IRQ_INDEX, VFIO_IRQ_SET_ACTION_TRIGGER):
      try device.triggerSingle(order, current: device.interrupts.request) {
        device.interrupts.setRequest($0)
      }
    default: throw .enotty
    }
    return 0
  }
}

/// The part of a `VFIO_DEVICE_SET_IRQS` that says which vectors and with what.
struct InterruptOrder {
  enum Data {
    case none
    case switches([Bool])
    case events([Int32])

    /// Elements of 0, 1 or 4 bytes.
    init(width: Int, bytes: [UInt8]) {
      switch width {
      case 0: self = .none
      case 1: self = .switches(bytes.map { $0 != 0 })
      default:
        self = .events(
          stride(from: 0, to: bytes.count, by: 4).map {
            UserMemory.value(Int32.self, from: bytes[$0..<$0 + 4])
          })
      }
    }
  }

  var start: Int
  var count: Int
  var data: Data

  /// Whether an order without events acts on the vector at a place.
  func acts(at place: Int) -> Bool {
    switch data {
    case .none: true
    case .switches(let switches): switches[place]
    case .events: false
    }
  }
}

extension FunctionState {
  var isExpress: Bool { config.capability(StandardCapability.pcie) != nil }
}
