package import HostKernel
package import SystemPackage

/// A host function as sysfs names it.
package struct HostDevicePath: Sendable, Hashable {
  /// The sysfs folder, such as `/sys/bus/pci/devices/0000:81:00.0`.
  package let path: String

  package init(path: String) { self.path = path }

  /// The folder of a PCI function given as `0000:81:00.0`.
  package init(pciAddress: String) { path = "/sys/bus/pci/devices/\(pciAddress)" }

  /// The name in traces and messages: the last component of the path.
  package var name: String {
    path.split(separator: "/").last.map(String.init) ?? path
  }

  /// Whether the folder belongs to a mediated device (its `subsystem` link ends in `mdev`).
  package func isMediated(on kernel: any HostKernel) -> Bool {
    guard let target = try? kernel.link(at: "\(path)/subsystem") else { return false }
    return target.hasSuffix("/mdev")
  }

  /// The IOMMU group's number, from the `iommu_group` link.
  package func group(on kernel: any HostKernel) throws(Errno) -> Int {
    let target = try kernel.link(at: "\(path)/iommu_group")
    guard let last = target.split(separator: "/").last, let number = Int(last) else {
      throw .invalidArgument
    }
    return number
  }

  /// The driver bound to the function, or nil.
  package func driver(on kernel: any HostKernel) -> String? {
    guard let target = try? kernel.link(at: "\(path)/driver") else { return nil }
    return target.split(separator: "/").last.map(String.init)
  }

  /// All functions of the same IOMMU group with their drivers, by name; empty when unknown.
  package func groupMembers(on kernel: any HostKernel) -> [GroupMember] {
    guard let group = try? group(on: kernel),
      let names = try? kernel.entries(of: "/sys/kernel/iommu_groups/\(group)/devices")
    else { return [] }
    return names.sorted().map { name in
      GroupMember(
        name: name, driver: HostDevicePath(pciAddress: name).driver(on: kernel))
    }
  }
}

/// A function of an IOMMU group and who drives it.
package struct GroupMember: Sendable, Equatable {
  package let name: String
  package let driver: String?

  package init(name: String, driver: String?) {
    self.name = name
    self.driver = driver
  }

  /// Whether the kernel lets user space own the group while this driver is bound.
  package var isUserOwnable: Bool {
    guard let driver else { return true }
    return driver.contains("vfio") || driver == "pci-stub" || driver == "pcieport"
  }
}
