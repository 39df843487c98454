import HostKernel
import SystemPackage
import Testing

@testable import VFIO

@Suite struct HostDevicePathTests {
  private let kernel = ScriptedVFIO()
  private let path = HostDevicePath(pciAddress: "0000:81:00.0")

  @Test(arguments: [
    ("/sys/bus/pci/devices/0000:81:00.0", "0000:81:00.0"),
    (
      "/sys/bus/mdev/devices/83b8f4f2-509f-382f-3c1e-e6bfe0fa1001/",
      "83b8f4f2-509f-382f-3c1e-e6bfe0fa1001"
    ),
    ("name", "name"), ("/", "/"), ("", ""),
  ])
  func theNameIsTheLastPart(_ path: String, _ name: String) {
    #expect(HostDevicePath(path: path).name == name)
  }

  @Test func anAddressIsAFolderOfSysfs() {
    #expect(path.path == "/sys/bus/pci/devices/0000:81:00.0")
  }

  @Test(arguments: [
    ("../../../../kernel/iommu_groups/12", 12), ("12", 12), ("../iommu_groups/x", nil),
    ("", nil), ("../iommu_groups/99999999999999999999", nil),
  ])
  func theGroupIsTheNumberThatTheLinkEndsIn(_ link: String, _ group: Int?) throws {
    kernel.arrange { $0.links["/sys/bus/pci/devices/0000:81:00.0/iommu_group"] = link }
    if let group {
      #expect(try path.group(on: kernel) == group)
    } else {
      #expect(throws: Errno.invalidArgument) { try path.group(on: kernel) }
    }
  }

  @Test func withoutALinkThereIsNoGroup() {
    #expect(throws: Errno.noSuchFileOrDirectory) { try path.group(on: kernel) }
    #expect(path.groupMembers(on: kernel) == [])
    #expect(path.driver(on: kernel) == nil)
    #expect(!path.isMediated(on: kernel))
  }

  @Test func theGroupsMembersComeByNameWithTheirDrivers() {
    kernel.arrange { state in
      let devices = "/sys/bus/pci/devices"
      state.links["\(devices)/0000:81:00.0/iommu_group"] = "../iommu_groups/12"
      state.links["\(devices)/0000:81:00.0/driver"] = "../../bus/pci/drivers/vfio-pci"
      state.links["\(devices)/0000:81:00.1/driver"] = "../../bus/pci/drivers/e1000e"
      state.folders["/sys/kernel/iommu_groups/12/devices"] = [
        "0000:81:00.1", "0000:82:00.0", "0000:81:00.0",
      ]
    }
    #expect(
      path.groupMembers(on: kernel) == [
        GroupMember(name: "0000:81:00.0", driver: "vfio-pci"),
        GroupMember(name: "0000:81:00.1", driver: "e1000e"),
        GroupMember(name: "0000:82:00.0", driver: nil),
      ])
  }

  @Test(arguments: [
    ("../../../../bus/mdev", true), ("../../../../bus/pci", false), ("mdev", false),
  ])
  func aMediatedDeviceIsOnTheMediatedBus(_ link: String, _ isMediated: Bool) {
    kernel.arrange { $0.links["/sys/bus/pci/devices/0000:81:00.0/subsystem"] = link }
    #expect(path.isMediated(on: kernel) == isMediated)
  }

  @Test(arguments: [
    (nil, true), ("vfio-pci", true), ("mlx5_vfio_pci", true), ("pci-stub", true),
    ("pcieport", true), ("e1000e", false), ("nvme", false), ("", false),
  ])
  func aDriverDecidesWhetherUserSpaceMayOwnTheGroup(_ driver: String?, _ isOwnable: Bool) {
    #expect(GroupMember(name: "0000:81:00.1", driver: driver).isUserOwnable == isOwnable)
  }

  @Test(arguments: [
    ("511:3\n", DeviceNumber(major: 511, minor: 3)),
    ("1:3", DeviceNumber(major: 1, minor: 3)),
    ("4294967295:0\n", DeviceNumber(major: .max, minor: 0)),
    ("", nil), ("\n", nil), ("511\n", nil), ("511:", nil), ("a:b\n", nil), ("1:2:3\n", nil),
    ("-1:3\n", nil), ("4294967296:0\n", nil),
  ])
  func aDeviceNumberIsMajorAndMinor(_ text: String, _ number: DeviceNumber?) throws {
    if let number {
      #expect(try DeviceNumber(text: Array(text.utf8)) == number)
    } else {
      #expect(throws: Errno.invalidArgument) { try DeviceNumber(text: Array(text.utf8)) }
    }
  }
}
