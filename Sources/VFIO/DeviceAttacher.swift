internal import CLinux
package import HostKernel
internal import SystemPackage
package import Tracing

/// Attaches host functions to this machine, through groups and containers or through iommufd.
///
/// Keeps what later functions share: open groups, containers, I/O address spaces. The two kinds are
/// kept apart, so a machine may mix them. Used under the machine lock.
package final class DeviceAttacher {
  private let kernel: any HostKernel
  let tracer: Tracer
  let host: any AttachmentHost
  var groups: [VFIOGroup] = []
  var containers: [Type1Container] = []
  /// Newest first, the order in which a further device tries them.
  var addressSpaces: [IOMMUFDContainer] = []
  var devices: [AttachedDevice] = []

  /// A device with what its detachment needs.
  struct AttachedDevice {
    let device: VFIODevice
    /// The address space and the page table of a device on an iommufd object.
    var table: (space: IOMMUFDContainer, id: UInt32)?
    /// What each attached PASID is attached to.
    var pasids: [UInt32: PASIDTable] = [:]
  }

  package init(kernel: any HostKernel, tracer: Tracer, host: any AttachmentHost) {
    self.kernel = kernel
    self.tracer = tracer
    self.host = host
  }

  /// The open groups of this machine, as proofs of ownership for a hot reset.
  package var openGroups: [VFIOGroup] { groups }

  // MARK: - Groups and containers

  /// Attaches a function through its group. Events: `vfio_device_attach` to `vfio_device_get`.
  package func attach(
    _ path: HostDevicePath
  ) throws(AssignmentError.Failure) -> VFIODevice {
    let number: Int
    do throws(Errno) { number = try path.group(on: kernel) } catch {
      throw .noIOMMUGroup(error)
    }
    tracer.emit(.vfioDeviceAttach, [.text(path.name), .number(number)])

    var newGroup: VFIOGroup?
    let group: VFIOGroup
    if let open = groups.first(where: { $0.number == number }) {
      group = open
    } else {
      group = try openGroup(number, of: path)
      newGroup = group
    }
    do throws(AssignmentError.Failure) {
      if devices.contains(where: { $0.device.path.name == path.name }) { throw .alreadyAttached }
      let descriptor: HostDescriptor
      do throws(Errno) { descriptor = try group.device(named: path.name) } catch {
        throw .noDeviceDescriptor(group: number, error)
      }
      let info: vfio_device_info
      do throws(Errno) { info = try VFIODevice.info(of: descriptor) } catch {
        throw .deviceInfo(error)
      }
      let device = VFIODevice(
        path: path, descriptor: descriptor, attachment: .group(group), info: info)
      tracer.emit(
        .vfioDeviceGet,
        [
          .text(path.name), .number(info.flags), .number(info.num_regions),
          .number(info.num_irqs),
        ])
      devices.append(AttachedDevice(device: device))
      return device
    } catch {
      if let newGroup { close(newGroup) }
      throw error
    }
  }

  private func openGroup(
    _ number: Int, of path: HostDevicePath
  ) throws(AssignmentError.Failure) -> VFIOGroup {
    let node = "/dev/vfio/\(number)"
    let group: VFIOGroup
    do throws(Errno) {
      group = try VFIOGroup(number: number, opening: node, on: kernel)
    } catch .resourceBusy {
      throw .groupAlreadyOpen(path: node)
    } catch {
      throw .cannotOpenGroup(path: node, error, function: path.function(on: kernel))
    }
    let isViable: Bool
    do throws(Errno) { isViable = try group.isViable() } catch {
      throw .groupStatus(group: number, error)
    }
    guard isViable else {
      throw .groupNotViable(
        group: number,
        blockers: path.groupMembers(on: kernel).filter { !$0.isUserOwnable })
    }
    for container in containers where (try? group.setContainer(container)) != nil {
      do throws(Errno) { try host.addFile(group.descriptorNumber) } catch {
        group.unsetContainer()
        throw .kvmFile(error)
      }
      groups.append(group)
      return group
    }
    let container = try makeContainer(for: group)
    groups.append(group)
    containers.insert(container, at: 0)
    return group
  }

  /// Makes a container, puts the group in, chooses the backend and maps guest memory.
  private func makeContainer(
    for group: VFIOGroup
  ) throws(AssignmentError.Failure) -> Type1Container {
    let container: Type1Container
    do throws(Errno) {
      container = try Type1Container(openingFor: group.number, on: kernel)
    } catch {
      throw .cannotOpenContainer(error)
    }
    let type: Int32?
    do throws(Errno) {
      let version = try container.version()
      guard version == VFIO_API_VERSION else { throw Errno.protocolNotSupported }
      type = try container.bestType()
    } catch {
      throw .cannotOpenContainer(error)
    }
    guard let type else { throw .noIOMMUType }
    do throws(Errno) { try group.setContainer(container) } catch {
      throw .cannotSetContainer(group: group.number, error)
    }
    do throws(Errno) { try container.setIOMMU(type) } catch {
      group.unsetContainer()
      throw .cannotSetIOMMU(error)
    }
    do throws(Errno) { try host.addFile(group.descriptorNumber) } catch {
      group.unsetContainer()
      throw .kvmFile(error)
    }
    do throws(AssignmentError.Failure) { try host.connect(container) } catch {
      host.removeFile(group.descriptorNumber)
      group.unsetContainer()
      throw error
    }
    return container
  }

  // MARK: - iommufd

  /// Attaches a function through its cdev to an iommufd object. Events: `iommufd_cdev_getfd` to
  /// `iommufd_cdev_device_info`.
  ///
  /// With `allowsPASIDs`, a device that has PASIDs gets a page table beside which they can be
  /// attached, as in QEMU with a vIOMMU that has `pasid-bits`.
  package func attach(
    _ path: HostDevicePath, to object: IOMMUFDObject, allowsPASIDs: Bool = false
  ) throws(AssignmentError.Failure) -> VFIODevice {
    let descriptor = try openCharacterDevice(of: path)
    let number = descriptor.rawValue
    do throws(Errno) { try object.connect() } catch { throw .cannotOpenIOMMUFD(error) }
    var isFileAdded = false
    do throws(AssignmentError.Failure) {
      do throws(Errno) { try host.addFile(number) } catch { throw .kvmFile(error) }
      isFileAdded = true
      let id = try bind(descriptor, path, to: object)
      let container = try attach(
        descriptor, path, id: id, to: object, allowsPASIDs: allowsPASIDs)
      let info: vfio_device_info
      do throws(Errno) { info = try VFIODevice.info(of: descriptor) } catch {
        detach(descriptor, path, from: container.space, container.table)
        throw .deviceInfo(error)
      }
      tracer.emit(
        .iommufdCdevDeviceInfo,
        [
          .text(path.name), .number(number), .number(info.num_irqs),
          .number(info.num_regions), .number(info.flags),
        ])
      let device = VFIODevice(
        path: path, descriptor: descriptor, attachment: .iommufd(object, deviceID: id),
        info: info)
      device.hardwareInfo = try? object.hardwareInfo(device: id)
      device.space = container.space
      devices.append(AttachedDevice(device: device, table: (container.space, container.table)))
      return device
    } catch {
      if isFileAdded { host.removeFile(number) }
      object.disconnect()
      throw error
    }
  }

  /// Finds and opens `/dev/vfio/devices/vfioN`, checking that it is the device that sysfs names.
  private func openCharacterDevice(
    of path: HostDevicePath
  ) throws(AssignmentError.Failure) -> HostDescriptor {
    let folder = "\(path.path)/vfio-dev"
    let names: [String]
    do throws(Errno) { names = try kernel.entries(of: folder) } catch {
      throw .noVFIODirectory(path: folder, error, function: path.function(on: kernel))
    }
    guard let name = names.filter({ $0.hasPrefix("vfio") }).sorted().first else {
      throw .noVFIODirectory(
        path: folder, .noSuchFileOrDirectory, function: path.function(on: kernel))
    }
    let numberFile = "\(folder)/\(name)/dev"
    let expected: DeviceNumber
    do throws(Errno) {
      expected = try DeviceNumber(text: try kernel.contents(of: numberFile))
    } catch {
      throw .noDeviceNode(path: numberFile, error)
    }
    let node = "/dev/vfio/devices/\(name)"
    do throws(Errno) {
      let descriptor = try HostDescriptor(opening: node, .readWrite, on: kernel)
      guard try kernel.status(of: node).device == expected else {
        throw Errno.noSuchAddressOrDevice
      }
      tracer.emit(.iommufdCdevGetfd, [.text(node), .number(descriptor.rawValue)])
      return descriptor
    } catch {
      tracer.emit(.iommufdCdevGetfd, [.text(node), .number(-error.rawValue)])
      throw .cannotOpenDevice(path: node, error)
    }
  }

  /// Binds the cdev to the context and gives the device's id (`VFIO_DEVICE_BIND_IOMMUFD`).
  private func bind(
    _ descriptor: borrowing HostDescriptor, _ path: HostDevicePath, to object: IOMMUFDObject
  ) throws(AssignmentError.Failure) -> UInt32 {
    var argument = vfio_device_bind_iommufd()
    argument.argsz = UInt32(MemoryLayout<vfio_device_bind_iommufd>.size)
    argument.iommufd = object.descriptorNumber
    do throws(Errno) {
      try descriptor.control(VFIO_DEVICE_BIND_IOMMUFD, on: &argument)
    } catch {
      if devices.contains(where: { $0.device.path.name == path.name }) { throw .alreadyAttached }
      throw .cannotBind(
        device: descriptor.rawValue, iommufd: object.descriptorNumber, error,
        blockers: path.groupMembers(on: kernel).filter { !$0.isUserOwnable })
    }
    tracer.emit(
      .iommufdCdevConnectAndBind,
      [
        .number(object.descriptorNumber), .text(path.name), .number(descriptor.rawValue),
        .number(argument.out_devid),
      ])
    return argument.out_devid
  }

  /// Attaches a bound device to an existing address space of the object, or to a new one.
  private func attach(
    _ descriptor: borrowing HostDescriptor, _ path: HostDevicePath, id: UInt32,
    to object: IOMMUFDObject, allowsPASIDs: Bool
  ) throws(AssignmentError.Failure) -> (space: IOMMUFDContainer, table: UInt32) {
    let needsPASIDs =
      allowsPASIDs && (try? object.hardwareInfo(device: id)).map { $0.maxPASIDLog2 > 0 } == true
    for space in addressSpaces where space.object === object {
      do throws(AssignmentError.Failure) {
        let table = try attach(
          descriptor, path, id: id, to: space, needsPASIDs: needsPASIDs)
        return (space, table)
      } catch {
        tracer.emit(.iommufdCdevFailAttachExistingContainer, [.text(error.message)])
      }
    }
    let ioas: UInt32
    do throws(Errno) { ioas = try object.allocateIOAS() } catch {
      throw .cannotAllocateIOAS(error)
    }
    tracer.emit(
      .iommufdCdevAllocIoas, [.number(object.descriptorNumber), .number(ioas)])
    let space = IOMMUFDContainer(object: object, ioas: ioas)
    var table: UInt32?
    do throws(AssignmentError.Failure) {
      let attached = try attach(descriptor, path, id: id, to: space, needsPASIDs: needsPASIDs)
      table = attached
      try host.connect(space)
      addressSpaces.insert(space, at: 0)
      return (space, attached)
    } catch {
      if let table { detach(descriptor, path, from: space, table) }
      object.free(ioas)
      throw error
    }
  }

  /// Attaches to a page table of the address space, trying those it has before making one.
  private func attach(
    _ descriptor: borrowing HostDescriptor, _ path: HostDevicePath, id: UInt32,
    to space: IOMMUFDContainer, needsPASIDs: Bool
  ) throws(AssignmentError.Failure) -> UInt32 {
    for place in space.pageTables.indices
    where !needsPASIDs || space.pageTables[place].allowsPASIDs {
      let table = space.pageTables[place].id
      do throws(Errno) {
        try attach(descriptor, path, toTable: table, of: space)
        space.pageTables[place].users += 1
        return table
      } catch .invalidArgument {
        // This table does not fit the device's IOMMU; another may.
        continue
      } catch {
        throw .cannotAttach(
          iommufd: space.object.descriptorNumber, device: descriptor.rawValue, to: table, error)
      }
    }
    let table: UInt32
    do throws(Errno) {
      table = try space.object.allocateHWPT(
        device: id, parent: space.ioas,
        flags: needsPASIDs ? UInt32(IOMMU_HWPT_ALLOC_PASID) : 0)
    } catch {
      throw .cannotAllocateHWPT(error)
    }
    do throws(Errno) {
      try attach(descriptor, path, toTable: table, of: space)
    } catch {
      space.object.free(table)
      throw .cannotAttach(
        iommufd: space.object.descriptorNumber, device: descriptor.rawValue, to: table, error)
    }
    space.pageTables.insert(.init(id: table, allowsPASIDs: needsPASIDs), at: 0)
    return table
  }

  /// Issues `VFIO_DEVICE_ATTACH_IOMMUFD_PT` for the whole device.
  private func attach(
    _ descriptor: borrowing HostDescriptor, _ path: HostDevicePath, toTable table: UInt32,
    of space: IOMMUFDContainer
  ) throws(Errno) {
    var argument = vfio_device_attach_iommufd_pt()
    argument.argsz = UInt32(MemoryLayout<vfio_device_attach_iommufd_pt>.size)
    argument.pt_id = table
    try descriptor.control(VFIO_DEVICE_ATTACH_IOMMUFD_PT, on: &argument)
    tracer.emit(
      .iommufdCdevPasidAttachIoasHwpt,
      [
        .number(space.object.descriptorNumber), .text(path.name),
        .number(descriptor.rawValue), .number(0), .number(argument.pt_id),
        .number(space.ioas),
      ])
  }

  /// Takes a device off its page table and frees the table with its last user
  /// (`VFIO_DEVICE_DETACH_IOMMUFD_PT`).
  private func detach(
    _ descriptor: borrowing HostDescriptor, _ path: HostDevicePath,
    from space: IOMMUFDContainer, _ table: UInt32
  ) {
    var argument = vfio_device_detach_iommufd_pt()
    argument.argsz = UInt32(MemoryLayout<vfio_device_detach_iommufd_pt>.size)
    if (try? descriptor.control(VFIO_DEVICE_DETACH_IOMMUFD_PT, on: &argument)) != nil {
      noteDetached(path.name, from: space)
    }
    release(table, of: space)
  }
}

extension DeviceNumber {
  /// Decodes a sysfs `dev` file, `MAJOR:MINOR` and a newline; throws `EINVAL` on anything else.
  init(text: [UInt8]) throws(Errno) {
    let words = String(decoding: text, as: UTF8.self).split { $0 == ":" || $0.isWhitespace }
    guard words.count == 2, let major = UInt32(words[0]), let minor = UInt32(words[1]) else {
      throw .invalidArgument
    }
    self.init(major: major, minor: minor)
  }
}
