internal import CLinux
internal import HostKernel
internal import SystemPackage
internal import Tracing

extension DeviceAttacher {
  /// Gives a device back to the host, with all that only it used. Nothing is asked of it after that.
  /// Events: `vfio_device_detach` to `vfio_group_put`, or `iommufd_cdev_pasid_detach_ioas_hwpt` to
  /// `iommufd_backend_disconnect`.
  package func detach(_ device: VFIODevice) {
    guard let index = devices.firstIndex(where: { $0.device === device }) else { return }
    let attached = devices.remove(at: index)
    device.space = nil
    switch device.attachment {
    case .group(let group):
      tracer.emit(.vfioDeviceDetach, [.text(device.name), .number(group.number)])
      tracer.emit(.vfioDevicePut, [.number(device.descriptorNumber)])
      device.close()
      if !devices.contains(where: { $0.device.isIn(group) }) { close(group) }
    case .iommufd(let object, _):
      if let (space, table) = attached.table {
        detachPASIDs(of: attached, from: space)
        detach(device, from: space, table)
      }
      host.removeFile(device.descriptorNumber)
      object.disconnect()
      device.close()
    }
  }

  /// Takes a device off its page table, and frees the address space with its last device.
  private func detach(_ device: VFIODevice, from space: IOMMUFDContainer, _ table: UInt32) {
    do throws(Errno) {
      try device.detachFromPageTable()
      noteDetached(device.name, from: space)
    } catch {}
    release(table, of: space)
    guard space.pageTables.isEmpty else { return }
    addressSpaces.removeAll { $0 === space }
    host.disconnect(space)
    space.object.free(space.ioas)
  }

  /// Gives a group back that has no function open any more, with the container if it was the last.
  func close(_ group: VFIOGroup) {
    groups.removeAll { $0 === group }
    host.removeFile(group.descriptorNumber)
    let container = group.container
    let isLast = !groups.contains { $0.container === container }
    if let container, isLast { host.disconnect(container) }
    group.unsetContainer()
    if let container, isLast {
      containers.removeAll { $0 === container }
      tracer.emit(.vfioContainerDisconnect, [.number(container.descriptorNumber)])
    }
    tracer.emit(.vfioGroupPut, [.number(group.descriptorNumber)])
    group.close()
  }

  func noteDetached(_ name: String, pasid: UInt32 = 0, from space: IOMMUFDContainer) {
    tracer.emit(
      .iommufdCdevPasidDetachIoasHwpt,
      [
        .number(space.object.descriptorNumber), .text(name), .number(pasid), .number(space.ioas),
      ])
  }

  /// Frees a page table with its last user.
  func release(_ table: UInt32, of space: IOMMUFDContainer) {
    guard let place = space.pageTables.firstIndex(where: { $0.id == table }) else { return }
    space.pageTables[place].users -= 1
    if space.pageTables[place].users == 0 {
      space.pageTables.remove(at: place)
      space.object.free(table)
    }
  }
}

extension VFIODevice {
  /// Whether the device was opened through a group.
  fileprivate func isIn(_ group: VFIOGroup) -> Bool {
    if case .group(let own) = attachment { own === group } else { false }
  }
}
