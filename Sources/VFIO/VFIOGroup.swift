internal import CLinux
internal import HostKernel
internal import SystemPackage

/// An open IOMMU group (`/dev/vfio/N`).
///
/// Used under the machine lock.
package final class VFIOGroup {
  package let number: Int
  private let kernel: any HostKernel
  /// The descriptor's number, as the proof of ownership for a hot reset.
  package let descriptorNumber: Int32
  private var descriptor: HostDescriptor?
  var container: Type1Container?

  init(number: Int, opening path: String, on kernel: any HostKernel) throws(Errno) {
    self.number = number
    let descriptor = try HostDescriptor(opening: path, .readWrite, on: kernel)
    self.kernel = kernel
    descriptorNumber = descriptor.rawValue
    self.descriptor = consume descriptor
  }

  /// Closes the descriptor; no call is made after that.
  func close() { descriptor = nil }

  /// Whether all of the group's functions are free for user space (`VFIO_GROUP_GET_STATUS`).
  func isViable() throws(Errno) -> Bool {
    var status = vfio_group_status()
    status.argsz = UInt32(MemoryLayout<vfio_group_status>.size)
    try kernel.control(descriptorNumber, UInt(VFIO_GROUP_GET_STATUS), on: &status)
    return status.flags & UInt32(VFIO_GROUP_FLAGS_VIABLE) != 0
  }

  /// Joins a container (`VFIO_GROUP_SET_CONTAINER`).
  func setContainer(_ container: Type1Container) throws(Errno) {
    var number = container.descriptorNumber
    try kernel.control(descriptorNumber, UInt(VFIO_GROUP_SET_CONTAINER), on: &number)
    self.container = container
  }

  /// Leaves the container (`VFIO_GROUP_UNSET_CONTAINER`); the last group takes its mappings along.
  func unsetContainer() {
    _ = try? kernel.control(descriptorNumber, UInt(VFIO_GROUP_UNSET_CONTAINER), value: 0)
    container = nil
  }

  /// Opens a function of the group (`VFIO_GROUP_GET_DEVICE_FD`).
  func device(named name: String) throws(Errno) -> HostDescriptor {
    var text = Array(name.utf8) + [0]
    let number = try kernel.control(
      descriptorNumber, UInt(VFIO_GROUP_GET_DEVICE_FD), on: &text)
    return HostDescriptor(taking: number, of: kernel)
  }
}
