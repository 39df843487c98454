internal import HostKernel
internal import SystemPackage

/// The nodes below `/dev` that the simulated host has.
enum DeviceNumbers {
  /// Of `/dev/vfio/devices/vfioX`; Linux gives it out dynamically.
  static let deviceMajor: UInt32 = 511
  /// Of `/dev/vfio/N`.
  static let groupMajor: UInt32 = 510
  /// Of miscellaneous devices, such as `/dev/vfio/vfio` and `/dev/iommu`.
  static let miscellaneousMajor: UInt32 = 10

  /// The number of a node, nil for a directory. Throws `ENOENT`.
  static func number(of path: String, on host: SimulatedHost) throws(Errno) -> DeviceNumber? {
    switch path {
    case "/dev/vfio", "/dev/vfio/devices": return nil
    case "/dev/vfio/vfio": return DeviceNumber(major: miscellaneousMajor, minor: 196)
    case "/dev/kvm": return DeviceNumber(major: miscellaneousMajor, minor: 232)
    case "/dev/iommu": return DeviceNumber(major: miscellaneousMajor, minor: 125)
    default: break
    }
    if let device = host.devices.first(where: { path == "/dev/vfio/devices/vfio\($0.index)" }),
      !device.isLeaving, !device.function.group.isArtificial
    {
      return DeviceNumber(major: deviceMajor, minor: UInt32(device.index))
    }
    if let group = host.group(ofNode: path) {
      return DeviceNumber(major: groupMajor, minor: group.number)
    }
    throw .enoent
  }

  /// The names in a directory of nodes.
  static func entries(of path: String, on host: SimulatedHost) throws(Errno) -> [String] {
    switch path {
    case "/dev/vfio/devices":
      return host.devices.filter { !$0.isLeaving && !$0.function.group.isArtificial }
        .map { "vfio\($0.index)" }
    case "/dev/vfio":
      return ["vfio", "devices"] + Set(host.devices.map(\.function.group.node)).sorted()
    default:
      _ = try number(of: path, on: host)
      throw .enotdir
    }
  }
}
