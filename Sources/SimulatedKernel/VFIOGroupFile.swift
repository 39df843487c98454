internal import CLinux
internal import PCI
internal import SystemPackage

/// The open file of a group node (2.5 of the contract). Device files that came through a native
/// container hold it, so it ends with the last of them; those on an iommufd do not.
final class VFIOGroupFile: OpenFile {
  /// What `VFIO_GROUP_SET_CONTAINER` gave the group.
  enum Container {
    case native(VFIOContainer)
    case context(IOMMUFDContext)
  }

  let kind = "group"
  let group: GroupState
  private(set) var container: Container?
  /// The descriptor and the device files of a native container.
  private var references = 1
  private var deviceFiles = 0
  /// The last member has left its driver, and the node is gone: nothing can be had through it.
  private var isDead = false

  init(group: GroupState) { self.group = group }

  func control(
    _ request: UInt, _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) -> Int32 {
    switch request {
    case UInt(VFIO_GROUP_GET_STATUS): try status(&argument, on: host)
    case UInt(VFIO_GROUP_SET_CONTAINER): try setContainer(argument, on: host)
    case UInt(VFIO_GROUP_UNSET_CONTAINER): try unsetContainer(on: host)
    case UInt(VFIO_GROUP_GET_DEVICE_FD): return try openDevice(argument.string(), on: host)
    default: throw .enotty
    }
    return 0
  }

  func closed(on host: SimulatedHost) { release(on: host) }

  private func status(
    _ argument: inout UserArgument, on host: SimulatedHost
  ) throws(Errno) {
    _ = try argument.argumentSize(minimum: 8)
    guard !isDead else { throw .enodev }
    var status = try argument.load(vfio_group_status.self)
    if container != nil {
      status.flags = UInt32(VFIO_GROUP_FLAGS_VIABLE | VFIO_GROUP_FLAGS_CONTAINER_SET)
    } else {
      let isFree =
        group.isArtificial || group.ownership.owner == nil && !host.driversUseDMA(of: group)
      status.flags = isFree ? UInt32(VFIO_GROUP_FLAGS_VIABLE) : 0
    }
    try argument.store(status)
  }

  private func setContainer(_ argument: UserArgument, on host: SimulatedHost) throws(Errno) {
    let descriptor = try argument.load(Int32.self)
    let file = host.files[descriptor]
    if file == nil { _ = try ProcessDescriptor.kind(of: descriptor) }
    guard container == nil else { throw .einval }
    guard !isDead else { throw .enodev }
    switch file {
    case let native as VFIOContainer:
      guard !group.isArtificial || host.privileges.has(.sysRawIO) else { throw .eperm }
      // Nobody owns the DMA of a function without IOMMU.
      let usesDMA = !group.isArtificial && host.driversUseDMA(of: group)
      try group.ownership.claim(for: self, whileDriversUseIt: usesDMA)
      do throws(Errno) {
        try native.add(group, on: host)
      } catch {
        group.ownership.release()
        throw error
      }
      container = .native(native)
    case let file as IOMMUFDFile:
      try file.context.makeContainer(ofNoIOMMU: group.isArtificial)
      file.context.retain()
      container = .context(file.context)
    default: throw .ebadfd
    }
  }

  private func unsetContainer(on host: SimulatedHost) throws(Errno) {
    guard let container else { throw .einval }
    if case .native = container, deviceFiles > 0 { throw .ebusy }
    dropContainer(container, on: host)
  }

  private func dropContainer(_ dropped: Container, on host: SimulatedHost) {
    container = nil
    switch dropped {
    case .native(let native):
      native.remove(group)
      group.ownership.release()
    case .context(let context): host.release(context)
    }
  }

  /// The last member has left its driver: a native container loses the group, and with its last group
  /// its mappings. A member that comes back makes a new node.
  func loseLastMember(on host: SimulatedHost) {
    isDead = true
    group.openFile = nil
    if case .native = container, let container { dropContainer(container, on: host) }
  }

  /// `VFIO_GROUP_GET_DEVICE_FD`: the PCI name, then blanks and at most one token.
  private func openDevice(_ text: String, on host: SimulatedHost) throws(Errno) -> Int32 {
    let words = text.split(separator: " ", omittingEmptySubsequences: true)
    guard let name = words.first, !text.hasPrefix(" ") else { throw .enodev }
    var token: [UInt8]?
    for option in words.dropFirst() {
      guard token == nil, option.hasPrefix("vf_token="),
        let given = VFIODevice.token(option.dropFirst(9))
      else { throw .einval }
      token = given
    }
    guard let address = PCIAddress(sysfsName: String(name)), let device = host.device(at: address),
      device.function.group === group, !device.isLeaving
    else { throw .enodev }
    try device.check(token, on: host)
    guard let container else { throw .einval }
    if case .native(let native) = container, !native.hasBackend { throw .einval }
    // Who has the device open may open it again.
    if group.isArtificial, device.openCount == 0 {
      guard host.privileges.has(.sysRawIO) else { throw .eperm }
      if case .context(let context) = container, context.compatibilityIOAS != nil {
        throw .eperm
      }
    }
    let file = VFIODeviceFile(device: device, group: self)
    try file.openThroughGroup(container, on: host)
    do throws(Errno) {
      return try host.files.add(file, named: "vfio device \(address)")
    } catch {
      host.close(file)
      throw error
    }
  }

  /// A device file of a native container has come.
  func retainDeviceFile() {
    references += 1
    deviceFiles += 1
  }

  /// A device file of a native container has gone.
  func releaseDeviceFile(on host: SimulatedHost) {
    deviceFiles -= 1
    release(on: host)
  }

  private func release(on host: SimulatedHost) {
    references -= 1
    guard references == 0 else { return }
    if let container { dropContainer(container, on: host) }
    if group.openFile === self { group.openFile = nil }
  }
}
