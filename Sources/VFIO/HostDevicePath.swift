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

  /// The IOMMU instance in front of the function, such as `dmar0`, from the `iommu` link; nil when the
  /// kernel names none.
  package func iommuName(on kernel: any HostKernel) -> String? {
    guard let target = try? kernel.link(at: "\(path)/iommu") else { return nil }
    return target.split(separator: "/").last.map(String.init)
  }

  /// The driver bound to the function, or nil.
  package func driver(on kernel: any HostKernel) -> String? {
    guard let target = try? kernel.link(at: "\(path)/driver") else { return nil }
    return target.split(separator: "/").last.map(String.init)
  }

  /// Vendor and device number; nil when sysfs does not tell.
  package func identity(on kernel: any HostKernel) -> PCIIdentity? {
    guard let vendor = number(in: "vendor", on: kernel),
      let device = number(in: "device", on: kernel)
    else { return nil }
    return PCIIdentity(vendor: vendor, device: device)
  }

  /// A number that sysfs gives as `0x8086` and a newline.
  private func number(in file: String, on kernel: any HostKernel) -> UInt16? {
    guard let bytes = try? kernel.contents(of: "\(path)/\(file)") else { return nil }
    let text = String(decoding: bytes, as: UTF8.self)
    guard text.hasPrefix("0x"), text.hasSuffix("\n") else { return nil }
    return UInt16(text.dropFirst(2).dropLast(), radix: 16)
  }

  /// The function itself, with its driver.
  package func function(on kernel: any HostKernel) -> GroupMember {
    GroupMember(name: name, identity: identity(on: kernel), driver: driver(on: kernel))
  }

  /// All functions of the same IOMMU group with their drivers, by name; empty when unknown.
  package func groupMembers(on kernel: any HostKernel) -> [GroupMember] {
    guard let group = try? group(on: kernel),
      let names = try? kernel.entries(of: "/sys/kernel/iommu_groups/\(group)/devices")
    else { return [] }
    return names.sorted().map { HostDevicePath(pciAddress: $0).function(on: kernel) }
  }
}

/// A function of an IOMMU group, what it is, and who drives it.
package struct GroupMember: Sendable, Equatable {
  package let name: String
  package let identity: PCIIdentity?
  package let driver: String?

  package init(name: String, identity: PCIIdentity? = nil, driver: String?) {
    self.name = name
    self.identity = identity
    self.driver = driver
  }

  /// Its address, what it is, and its driver: `0000:81:00.1 (Intel Corporation 82574L Gigabit Network
  /// Connection [8086:10d3]) is bound to the driver e1000e`. `place` comes before the verb.
  package func state(_ place: String = "", names: PCINames) -> String {
    let what = identity.map { " (\(names.text(for: $0)))" } ?? ""
    let binding = driver.map { "bound to the driver \($0)" } ?? "bound to no driver"
    return "\(name)\(what)\(place) is \(binding)"
  }

  /// Whether a driver of VFIO has the function, so that it can be opened.
  package var isOnVFIO: Bool { driver?.contains("vfio") == true }

  /// Whether the kernel lets user space own the group while this driver is bound.
  package var isUserOwnable: Bool {
    guard let driver else { return true }
    return driver.contains("vfio") || driver == "pci-stub" || driver == "pcieport"
  }
}
