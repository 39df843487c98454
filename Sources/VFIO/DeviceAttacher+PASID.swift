internal import CLinux
internal import HostKernel
internal import SystemPackage
internal import Tracing

extension DeviceAttacher {
  /// A page table that a PASID is attached to.
  struct PASIDTable {
    let id: UInt32
    /// One of the device's address space, to be freed with its last user.
    let isOwn: Bool
  }

  /// The PASIDs of a device that are attached, ascending.
  package func attachedPASIDs(of device: VFIODevice) -> [UInt32] {
    devices.first { $0.device === device }?.pasids.keys.sorted() ?? []
  }

  /// Attaches a PASID of a device to a page table, or moves it there
  /// (`VFIO_DEVICE_ATTACH_IOMMUFD_PT` with `VFIO_DEVICE_ATTACH_PASID`).
  ///
  /// `table` is a page table made for PASIDs that outlives the attachment; without it the PASID sees
  /// what the device's other requests see. Nothing changes when it throws. The device must have been
  /// attached with `allowsPASIDs`. Event: `iommufd_cdev_pasid_attach_ioas_hwpt`.
  package func attach(
    pasid: UInt32, of device: VFIODevice, to table: UInt32? = nil
  ) throws(PASIDAttachmentError) {
    let index = try check(pasid, of: device)
    guard let (space, _) = devices[index].table else {
      throw failure(.attach, pasid, of: device, .notAttached)
    }
    let before = devices[index].pasids[pasid]
    let new: PASIDTable
    if let table {
      new = PASIDTable(id: table, isOwn: false)
    } else if let before, before.isOwn {
      return
    } else {
      new = PASIDTable(id: try useTable(of: space, for: pasid, of: device), isOwn: true)
    }
    do throws(Errno) {
      try device.attach(pasid: pasid, toTable: new.id)
    } catch {
      if new.isOwn { release(new.id, of: space) }
      throw failure(.attach, pasid, of: device, .init(error), table: new.id, error)
    }
    devices[index].pasids[pasid] = new
    if let before, before.isOwn { release(before.id, of: space) }
    tracer.emit(
      .iommufdCdevPasidAttachIoasHwpt,
      [
        .number(space.object.descriptorNumber), .text(device.name),
        .number(device.descriptorNumber), .number(pasid), .number(new.id), .number(space.ioas),
      ])
  }

  /// Takes a PASID off its page table (`VFIO_DEVICE_DETACH_IOMMUFD_PT` with
  /// `VFIO_DEVICE_DETACH_PASID`); one that is not attached is no error. Nothing changes when it throws.
  /// Event: `iommufd_cdev_pasid_detach_ioas_hwpt`.
  package func detach(
    pasid: UInt32, of device: VFIODevice
  ) throws(PASIDAttachmentError) {
    guard let index = devices.firstIndex(where: { $0.device === device }),
      let table = devices[index].pasids[pasid], let (space, _) = devices[index].table
    else { return }
    do throws(Errno) { try device.detach(pasid: pasid) } catch {
      throw failure(.detach, pasid, of: device, .init(error), table: table.id, error)
    }
    devices[index].pasids[pasid] = nil
    noteDetached(device.name, pasid: pasid, from: space)
    if table.isOwn { release(table.id, of: space) }
  }

  /// Takes every PASID of a device off, as far as the kernel lets it; what is left goes when the device
  /// is closed.
  func detachPASIDs(of attached: AttachedDevice, from space: IOMMUFDContainer) {
    for (pasid, table) in attached.pasids.sorted(by: { $0.key < $1.key }) {
      if (try? attached.device.detach(pasid: pasid)) != nil {
        noteDetached(attached.device.name, pasid: pasid, from: space)
      }
      if table.isOwn { release(table.id, of: space) }
    }
  }

  /// The device's place among the attached ones, if it has such a PASID.
  ///
  /// The kernel does not say: it takes any PASID for a device without PASIDs.
  private func check(
    _ pasid: UInt32, of device: VFIODevice
  ) throws(PASIDAttachmentError) -> Int {
    guard case .iommufd = device.attachment else {
      throw failure(.attach, pasid, of: device, .notIOMMUFD)
    }
    guard let index = devices.firstIndex(where: { $0.device === device }) else {
      throw failure(.attach, pasid, of: device, .notAttached)
    }
    let width = Int(device.hardwareInfo?.maxPASIDLog2 ?? 0)
    guard width > 0 else { throw failure(.attach, pasid, of: device, .deviceHasNone) }
    guard pasid > 0 else { throw failure(.attach, pasid, of: device, .reserved) }
    guard pasid.leadingZeroBitCount >= UInt32.bitWidth - width else {
      throw failure(.attach, pasid, of: device, .beyondWidth(width))
    }
    return index
  }

  /// Adds a user to the newest page table of the address space that takes PASIDs, or makes one.
  private func useTable(
    of space: IOMMUFDContainer, for pasid: UInt32, of device: VFIODevice
  ) throws(PASIDAttachmentError) -> UInt32 {
    let own = devices.first { $0.device === device }?.table?.id
    let tables = space.pageTables
    let place =
      tables.firstIndex { $0.allowsPASIDs && $0.id == own }
      ?? tables.firstIndex { $0.allowsPASIDs }
    if let place {
      space.pageTables[place].users += 1
      return tables[place].id
    }
    guard case .iommufd(let object, let id) = device.attachment else {
      throw failure(.attach, pasid, of: device, .notIOMMUFD)
    }
    do throws(Errno) {
      let table = try object.allocateHWPT(
        device: id, parent: space.ioas, flags: UInt32(IOMMU_HWPT_ALLOC_PASID))
      space.pageTables.insert(.init(id: table, allowsPASIDs: true), at: 0)
      return table
    } catch {
      throw failure(.attach, pasid, of: device, .init(error), error)
    }
  }

  private func failure(
    _ operation: PASIDAttachmentError.Operation, _ pasid: UInt32, of device: VFIODevice,
    _ cause: PASIDAttachmentError.Cause, table: UInt32? = nil, _ errno: Errno? = nil
  ) -> PASIDAttachmentError {
    let iommufd: Int32 =
      if case .iommufd(let object, _) = device.attachment { object.descriptorNumber } else { -1 }
    return PASIDAttachmentError(
      operation: operation, device: device.name, deviceDescriptor: device.descriptorNumber,
      iommufd: iommufd, pasid: pasid, table: table, cause: cause, errno: errno)
  }
}
