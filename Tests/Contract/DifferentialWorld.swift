internal import CLinux
internal import HostKernel
internal import PCI
internal import SystemPackage

/// One of the two hosts of a differential run: what its slots hold, and what operations answer there.
final class DifferentialWorld {
  typealias Operation = DifferentialOperation

  private let host: ContractHost
  /// The address of the buffer that both hosts map.
  private let memory: UInt64
  private var iommufds: [Int: Int32] = [:]
  private var devices: [Operation.Device: Int32] = [:]
  private var groups: [Fixture: Int32] = [:]
  private var container: Int32?
  /// Eventfds in the order in which they were handed out.
  private var events: [Int32] = []

  init(_ host: ContractHost, memory: UInt64) {
    self.host = host
    self.memory = memory
  }

  /// Closes what the sequence opened, and tells how often each eventfd was signalled.
  func finish() -> String {
    let counts = events.map { host.signals($0) }
    host.closeAll()
    return "signals \(counts)"
  }

  /// Performs an operation; the text says all that a caller can see of the answer.
  func perform(_ operation: Operation) -> String {
    do {
      return try answer(operation)
    } catch let error as Errno {
      return ErrnoName.of(error)
    } catch {
      return "\(error)"
    }
  }

  private func answer(_ operation: Operation) throws -> String {
    switch operation {
    case .openIOMMUFD, .closeIOMMUFD, .allocateIOAS, .destroy, .allocateTable, .map, .unmap, .copy,
      .ranges, .allow, .hardwareInfo:
      try answerOfIOMMUFD(operation)
    case .openNode, .bind, .attach, .detach, .closeDevice, .deviceInfo, .regionInfo,
      .interruptInfo, .setInterrupts, .writeConfig, .reset, .hotResetInfo, .hotReset:
      try answerOfDevice(operation)
    case .openContainer, .closeContainer, .openGroup, .closeGroup, .groupStatus, .setContainer,
      .unsetContainer, .setBackend, .checkExtension, .openFromGroup, .mapType1, .unmapType1:
      try answerOfGroup(operation)
    }
  }

  // MARK: iommufd

  private func answerOfIOMMUFD(_ operation: Operation) throws -> String {
    switch operation {
    case .openIOMMUFD(let slot):
      if let old = iommufds[slot] { host.close(old) }
      iommufds[slot] = try host.iommufd()
      return "0"
    case .closeIOMMUFD(let slot):
      if let old = iommufds.removeValue(forKey: slot) { host.close(old) }
      return "0"
    case .allocateIOAS(let slot): return "id \(try host.allocateIOAS(iommufd(slot)))"
    case .destroy(let slot, let identifier):
      try host.destroy(iommufd(slot), identifier)
      return "0"
    case .allocateTable(let slot, let device, let parent, let flags):
      return "id \(try host.allocateTable(iommufd(slot), device, parent, flags: flags))"
    case .map(let slot, let ioas, let page, let length, let iova, let flags):
      let address = memory + 4096 * UInt64(page)
      return hex(
        try host.map(iommufd(slot), ioas, address, length: length, at: iova, flags: flags))
    case .unmap(let slot, let ioas, let iova, let length):
      return hex(try host.unmap(iommufd(slot), ioas, at: iova, length: length))
    case .copy(let slot, let from, let to, let source, let length, let iova, let flags):
      var command = iommu_ioas_copy()
      command.size = 40
      command.flags = flags | (iova == nil ? 0 : 1)
      command.dst_ioas_id = to
      command.src_ioas_id = from
      command.length = length
      command.dst_iova = iova ?? 0
      command.src_iova = source
      try host.kernel.control(iommufd(slot), UInt(IOMMU_IOAS_COPY), on: &command)
      return hex(command.dst_iova)
    case .ranges(let slot, let ioas): return try ranges(iommufd(slot), ioas)
    case .allow(let slot, let ioas, let list):
      let table = try host.memory(pages: 1)
      let words = list.flatMap { [$0.lowerBound, $0.upperBound] }
      try store(words, at: table)
      var command = iommu_ioas_allow_iovas()
      command.size = 24
      command.ioas_id = ioas
      command.num_iovas = UInt32(list.count)
      command.allowed_iovas = table
      try host.kernel.control(iommufd(slot), UInt(IOMMU_IOAS_ALLOW_IOVAS), on: &command)
      return "0"
    case .hardwareInfo(let slot, let device):
      var command = iommu_hw_info()
      command.size = UInt32(MemoryLayout<iommu_hw_info>.size)
      command.dev_id = device
      try host.kernel.control(iommufd(slot), UInt(IOMMU_GET_HW_INFO), on: &command)
      return "type \(command.out_data_type), pasid \(command.out_max_pasid_log2)"
    default: return "not of an iommufd"
    }
  }

  private func ranges(_ iommufd: Int32, _ ioas: UInt32) throws -> String {
    let room = 16
    let table = try host.memory(pages: 1)
    var command = iommu_ioas_iova_ranges()
    command.size = 32
    command.ioas_id = ioas
    command.num_iovas = UInt32(room)
    command.allowed_iovas = table
    try host.kernel.control(iommufd, UInt(IOMMU_IOAS_IOVA_RANGES), on: &command)
    let words = try load(2 * min(room, Int(command.num_iovas)), at: table)
    let list = stride(from: 0, to: words.count, by: 2).map {
      "\(hex(words[$0]))-\(hex(words[$0 + 1]))"
    }
    return "\(list.joined(separator: " ")) alignment \(command.out_iova_alignment)"
  }

  // MARK: Devices

  private func answerOfDevice(_ operation: Operation) throws -> String {
    switch operation {
    case .openNode(let device):
      let new = try host.node(device.fixture)
      if let old = devices[device] { host.close(old) }
      devices[device] = new
      return "0"
    case .closeDevice(let device):
      if let old = devices.removeValue(forKey: device) { host.close(old) }
      return "0"
    case .bind(let device, let slot):
      return "id \(try host.bind(descriptor(device), iommufd(slot)))"
    case .attach(let device, let identifier):
      return "table \(try host.attach(descriptor(device), identifier))"
    case .detach(let device):
      try host.detach(descriptor(device))
      return "0"
    case .deviceInfo(let device):
      let words = try host.call(descriptor(device), VFIO_DEVICE_GET_INFO, [20, 0, 0, 0, 0])
      return "flags \(words[1]), \(words[2]) regions, \(words[3]) interrupts"
    case .regionInfo(let device, let index):
      let words = try host.call(
        descriptor(device), VFIO_DEVICE_GET_REGION_INFO, [32, 0, index, 0, 0, 0, 0, 0])
      return "size \(hex(UInt64(words[4]) | UInt64(words[5]) << 32)), flags \(words[1] & 7)"
    case .interruptInfo(let device, let index):
      let words = try host.call(
        descriptor(device), VFIO_DEVICE_GET_IRQ_INFO, [16, 0, index, 0])
      return "flags \(words[1]), count \(words[3])"
    case .setInterrupts(let device, let index, let action, let start, let data):
      return try setInterrupts(descriptor(device), index, action, start, data)
    case .writeConfig(let device, let offset, let width, let value):
      let file = descriptor(device)
      try host.setConfig(file, offset, value, width: width)
      return hex(try host.config(file, offset, width: width))
    case .reset(let device):
      try host.call(descriptor(device), VFIO_DEVICE_RESET)
      return "0"
    case .hotResetInfo(let device): return try hotResetInfo(descriptor(device))
    case .hotReset(let device, let fixtures):
      try host.hotReset(descriptor(device), fixtures.map { groups[$0] ?? host.closedDescriptor })
      return "0"
    default: return "not of a device"
    }
  }

  private func setInterrupts(
    _ device: Int32, _ index: UInt32, _ action: UInt32, _ start: UInt32,
    _ data: Operation.InterruptData
  ) throws -> String {
    let index = Int32(bitPattern: index)
    let action = Int32(bitPattern: action)
    switch data {
    case .none(let count):
      try host.setInterrupts(device, index: index, flags: action, start: start, count: count)
      return "0"
    case .switches(let switches):
      try host.setInterrupts(
        device, index: index, flags: action, start: start, switches: switches)
      return "0"
    case .events(let kinds):
      let events = try kinds.map { isGood in
        switch isGood {
        case true?: try event()
        case false?: -1 as Int32
        case nil: host.closedDescriptor
        }
      }
      let result = try host.setInterrupts(
        device, index: index, flags: action, start: start, events: events)
      return "\(result)"
    }
  }

  private func event() throws -> Int32 {
    let event = try host.event()
    events.append(event)
    return event
  }

  /// Group numbers differ from host to host: they are told by the first fixture of the group.
  private func hotResetInfo(_ device: Int32) throws -> String {
    let information = try host.hotResetInfo(device)
    let entries = try information.entries.map { entry in
      let number =
        information.flags & 1 != 0
        ? "\(Int32(bitPattern: entry.number))" : try groupName(Int(entry.number))
      return "\(functionName(entry.address)) \(number)"
    }
    return "flags \(information.flags): \(entries.joined(separator: ", "))"
  }

  private func groupName(_ number: Int) throws -> String {
    for fixture in Fixture.allCases where host.platform.fixtures.contains(fixture) {
      if fixture != .mock, try host.groupNumber(fixture) == number {
        return "group of \(fixture.rawValue)"
      }
    }
    return "another group"
  }

  private func functionName(_ address: String) -> String {
    Fixture.allCases.first {
      (try? host.platform.fixtures[$0].description) == address
    }?.rawValue ?? "another function"
  }

  // MARK: Groups and containers

  private func answerOfGroup(_ operation: Operation) throws -> String {
    switch operation {
    case .openContainer:
      if let container { host.close(container) }
      container = try host.container()
    case .closeContainer:
      if let container { host.close(container) }
      container = nil
    case .openGroup(let fixture):
      let new = try host.group(fixture)
      if let old = groups[fixture] { host.close(old) }
      groups[fixture] = new
    case .closeGroup(let fixture):
      if let old = groups.removeValue(forKey: fixture) { host.close(old) }
    case .groupStatus(let fixture):
      let words = try host.call(group(fixture), VFIO_GROUP_GET_STATUS, [8, 0])
      return "flags \(words[1])"
    case .setContainer(let fixture, let container):
      try host.setContainer(group(fixture), descriptor(container))
    case .unsetContainer(let fixture):
      try host.call(group(fixture), VFIO_GROUP_UNSET_CONTAINER)
    case .setBackend(let container, let backend):
      try host.call(descriptor(container), VFIO_SET_IOMMU, value: backend)
    case .checkExtension(let container, let number):
      return "\(try host.call(descriptor(container), VFIO_CHECK_EXTENSION, value: number))"
    case .openFromGroup(let device):
      let new = try host.device(group(device.fixture), device.fixture)
      if let old = devices[device] { host.close(old) }
      devices[device] = new
    case .mapType1(let container, let page, let length, let iova, let flags):
      var command = vfio_iommu_type1_dma_map()
      command.argsz = 32
      command.flags = flags
      command.vaddr = memory + 4096 * UInt64(page)
      command.iova = iova
      command.size = length
      try host.kernel.control(descriptor(container), UInt(VFIO_IOMMU_MAP_DMA), on: &command)
    case .unmapType1(let container, let iova, let length, let flags):
      var command = vfio_iommu_type1_dma_unmap()
      command.argsz = 24
      command.flags = flags
      command.iova = iova
      command.size = length
      try host.kernel.control(descriptor(container), UInt(VFIO_IOMMU_UNMAP_DMA), on: &command)
      return hex(command.size)
    default: return "not of a group"
    }
    return "0"
  }

  // MARK: Slots

  private func iommufd(_ slot: Int) -> Int32 { iommufds[slot] ?? host.closedDescriptor }

  private func descriptor(_ device: Operation.Device) -> Int32 {
    devices[device] ?? host.closedDescriptor
  }

  private func descriptor(_ container: Operation.Container) -> Int32 {
    switch container {
    case .native: self.container ?? host.closedDescriptor
    case .iommufd(let slot): iommufd(slot)
    }
  }

  private func group(_ fixture: Fixture) -> Int32 { groups[fixture] ?? host.closedDescriptor }

  private func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }

  private func store(_ words: [UInt64], at address: UInt64) throws {
    let result = unsafe words.withUnsafeBytes { bytes in
      guard let base = bytes.baseAddress else { return Int32(0) }
      return unsafe clinux_copy_to_user(address, base, bytes.count)
    }
    guard result == 0 else { throw Errno.badAddress }
  }

  private func load(_ count: Int, at address: UInt64) throws -> [UInt64] {
    var words = [UInt64](repeating: 0, count: count)
    let result = unsafe words.withUnsafeMutableBytes { bytes in
      guard let base = bytes.baseAddress else { return Int32(0) }
      return unsafe clinux_copy_from_user(base, address, bytes.count)
    }
    guard result == 0 else { throw Errno.badAddress }
    return words
  }
}
