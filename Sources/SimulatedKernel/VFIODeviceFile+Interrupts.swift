internal import CLinux
internal import PCI
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
    let result = try device.setInterrupts(
      order, index: Int32(header.index), action: header.flags & 0x38)
    if device.interrupts.unmask != nil { host.hasNewWatchedEvent = true }
    return result
  }
}

extension FunctionState {
  var isExpress: Bool { config.capability(.pcie) != nil }
}
