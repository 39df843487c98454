internal import CLinux
internal import HostKernel
internal import SystemPackage

/// A descriptor of a device: from its own node without access until bound, or from a group with
/// access at once (2.6 and 2.7 of the contract).
final class VFIODeviceFile: OpenFile {
  let kind = "device"
  let device: VFIODevice
  /// The group file it came from; nil for the device's own node.
  private let groupFile: VFIOGroupFile?
  private(set) var isGranted = false
  /// Whether the group's file must outlive this one.
  private var holdsGroupFile = false
  private var mappingCount = 0
  private var isClosed = false

  init(device: VFIODevice, group: VFIOGroupFile?) {
    self.device = device
    groupFile = group
  }

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    if request == UInt(VFIO_DEVICE_BIND_IOMMUFD) {
      try bind(&argument, on: host)
      return 0
    }
    guard isGranted else { throw .einval }
    switch request {
    case UInt(VFIO_DEVICE_ATTACH_IOMMUFD_PT), UInt(VFIO_DEVICE_DETACH_IOMMUFD_PT):
      guard groupFile == nil, let bound = device.binding else { throw .enotty }
      if request == UInt(VFIO_DEVICE_ATTACH_IOMMUFD_PT) {
        try attach(bound, &argument, on: host)
      } else {
        try detach(bound, argument)
      }
    case UInt(VFIO_DEVICE_GET_INFO): try info(&argument)
    case UInt(VFIO_DEVICE_GET_REGION_INFO): try regionInfo(&argument)
    case UInt(VFIO_DEVICE_GET_IRQ_INFO): try interruptInfo(&argument)
    case UInt(VFIO_DEVICE_SET_IRQS):
      defer { device.interruptsChanged(on: host) }
      return try setInterrupts(argument, on: host)
    case UInt(VFIO_DEVICE_RESET): try resetFunction(on: host)
    case UInt(VFIO_DEVICE_GET_PCI_HOT_RESET_INFO): try hotResetInfo(&argument, on: host)
    case UInt(VFIO_DEVICE_PCI_HOT_RESET): try hotReset(argument, on: host)
    case UInt(VFIO_DEVICE_FEATURE): return try feature(argument, on: host)
    case UInt(VFIO_DEVICE_IOEVENTFD): try setIOEvent(argument, on: host)
    default: throw .enotty
    }
    return 0
  }

  // MARK: Opening

  /// `VFIO_GROUP_GET_DEVICE_FD`: binds and attaches through an iommufd in place of a container.
  func openThroughGroup(
    _ container: VFIOGroupFile.Container, on host: SimulatedHost
  ) throws(Errno) {
    if case .native = container {
      groupFile?.retainDeviceFile()
      holdsGroupFile = true
    }
    do throws(Errno) {
      try grant(container, on: host)
    } catch {
      releaseGroupFile(on: host)
      throw error
    }
  }

  private func releaseGroupFile(on host: SimulatedHost) {
    guard holdsGroupFile else { return }
    holdsGroupFile = false
    groupFile?.releaseDeviceFile(on: host)
  }

  private func grant(
    _ container: VFIOGroupFile.Container, on host: SimulatedHost
  ) throws(Errno) {
    guard device.openCount == 0, !device.function.group.isArtificial,
      case .context(let context) = container
    else {
      try device.open(on: host)
      isGranted = true
      return
    }
    let bound = try host.bind(device, to: context)
    do throws(Errno) {
      try device.open(on: host)
    } catch {
      host.unbind(bound)
      throw error
    }
    do throws(Errno) {
      guard let ioas = context.compatibilityIOAS else { throw .enodev }
      _ = try context.attach(bound, to: ioas.identifier, pasid: 0, host: host)
    } catch {
      device.close(on: host)
      host.unbind(bound)
      throw error
    }
    isGranted = true
  }

  private func bind(_ argument: inout UserArgument, on host: SimulatedHost) throws(Errno) {
    let size = Int(try argument.load(UInt32.self))
    guard size >= 16 else { throw .einval }
    if size > 24 {
      let excess = try argument.bytes(at: 24, count: min(size - 24, 4096))
      guard size - 24 <= 4096, excess.allSatisfy({ $0 == 0 }) else { throw .e2big }
    }
    var command = try argument.load(vfio_device_bind_iommufd.self, count: min(size, 24))
    guard command.iommufd >= 0, command.flags & ~UInt32(VFIO_DEVICE_BIND_FLAG_TOKEN) == 0 else {
      throw .einval
    }
    guard groupFile == nil else { throw .einval }
    let group = device.function.group
    guard group.openFile == nil else { throw .ebusy }
    guard !isGranted else { throw .einval }
    let hasToken = command.flags & UInt32(VFIO_DEVICE_BIND_FLAG_TOKEN) != 0
    let token =
      hasToken
      ? try UserMemory.bytes(at: command.token_uuid_ptr, count: VFIODevice.tokenSize) : nil
    try device.check(token, on: host)
    let file = host.files[command.iommufd]
    if file == nil { _ = try ProcessDescriptor.kind(of: command.iommufd) }
    guard let context = (file as? IOMMUFDFile)?.context else { throw .ebadfd }
    guard device.openCount == 0 else { throw .einval }
    guard !device.isLeaving else { throw .enodev }

    let bound = try host.bind(device, to: context)
    do throws(Errno) {
      try device.open(on: host)
    } catch {
      host.unbind(bound)
      throw error
    }
    command.out_devid = bound.identifier
    do throws(Errno) {
      try argument.store(UserMemory.bytes(of: bound.identifier), at: 12)
    } catch {
      device.close(on: host)
      host.unbind(bound)
      throw error
    }
    device.isBoundByNode = true
    group.boundCount += 1
    isGranted = true
  }

  // MARK: Address spaces

  private func attach(
    _ bound: BoundDevice, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) {
    let size = try argument.argumentSize(minimum: 12)
    var command = try argument.load(vfio_device_attach_iommufd_pt.self, count: 12)
    guard command.flags & ~UInt32(VFIO_DEVICE_ATTACH_PASID) == 0 else { throw .einval }
    var pasid: UInt32 = 0
    let namesPASID = command.flags & UInt32(VFIO_DEVICE_ATTACH_PASID) != 0
    if namesPASID {
      guard size >= 16 else { throw .einval }
      pasid = try argument.load(UInt32.self, at: 12)
      guard pasid < 1 << 31 else { throw .enospc }
    }
    if pasid == 0, bound.isAttachedAsPASIDZero != namesPASID, bound.hasAttachment {
      throw .ebusy
    }
    let table = try bound.context.attach(bound, to: command.pt_id, pasid: pasid, host: host)
    command.pt_id = table.identifier
    if pasid == 0 { bound.isAttachedAsPASIDZero = namesPASID }
    do throws(Errno) {
      try argument.store(command, count: 12)
    } catch {
      bound.context.detach(bound, pasid: 0)
      throw error
    }
  }

  private func detach(_ bound: BoundDevice, _ argument: UserArgument) throws(Errno) {
    let size = try argument.argumentSize(minimum: 8)
    let command = try argument.load(vfio_device_detach_iommufd_pt.self, count: 8)
    guard command.flags & ~UInt32(VFIO_DEVICE_DETACH_PASID) == 0 else { throw .einval }
    var pasid: UInt32 = 0
    let namesPASID = command.flags & UInt32(VFIO_DEVICE_DETACH_PASID) != 0
    if namesPASID {
      guard size >= 12 else { throw .einval }
      pasid = try argument.load(UInt32.self, at: 8)
    }
    guard pasid != 0 || bound.isAttachedAsPASIDZero == namesPASID else { return }
    if pasid == 0 { bound.isAttachedAsPASIDZero = false }
    bound.context.detach(bound, pasid: pasid)
  }

  // MARK: Mapping and closing

  func map(_ request: MappingRequest, on host: SimulatedHost) throws(Errno) -> UInt {
    guard isGranted else { throw .einval }
    let address = try mapRegion(request, on: host)
    mappingCount += 1
    return address
  }

  func unmapped(_ address: UInt, on host: SimulatedHost) {
    device.mappings.remove(address)
    mappingCount -= 1
    releaseIfUnused(on: host)
  }

  func closed(on host: SimulatedHost) {
    isClosed = true
    releaseIfUnused(on: host)
  }

  /// The file ends with its descriptor and its last mapping.
  private func releaseIfUnused(on host: SimulatedHost) {
    guard isClosed, mappingCount == 0 else { return }
    if isGranted {
      isGranted = false
      device.close(on: host)
      if device.openCount == 0, let bound = device.binding { host.unbind(bound) }
      if groupFile == nil {
        device.isBoundByNode = false
        device.function.group.boundCount -= 1
      }
    }
    releaseGroupFile(on: host)
    host.finishLeaving(device)
  }
}
