import HostKernel
import Testing

@testable import VFIO

@Suite struct NodeUserTests {
  private let kernel = ScriptedVFIO()
  private let path = HostDevicePath(pciAddress: "0000:81:00.0")

  init() {
    kernel.arrange { state in
      state.links["/sys/bus/pci/devices/0000:81:00.0/iommu_group"] = "../iommu_groups/12"
      state.folders["/sys/kernel/iommu_groups/12/devices"] = ["0000:81:00.1", "0000:81:00.0"]
      state.folders["/sys/bus/pci/devices/0000:81:00.1/vfio-dev"] = ["vfio3"]
      state.links["/proc/self"] = "20"
      state.folders["/proc"] = ["self", "1000", "30", "20", "10", "sys"]
      // This process; one that may not be looked into; one without a file of the group.
      state.folders["/proc/20/fd"] = ["7"]
      state.links["/proc/20/fd/7"] = "/dev/vfio/12"
      state.folders["/proc/30/fd"] = ["0", "5"]
      state.links["/proc/30/fd/5"] = "/dev/vfio/13"
    }
  }

  @Test(arguments: ["/dev/vfio/12", "/dev/vfio/noiommu-12", "/dev/vfio/devices/vfio3"])
  func whoHasANodeOfTheGroupOpenIsFound(_ node: String) {
    kernel.arrange { state in
      state.folders["/proc/1000/fd"] = ["0", "1", "2"]
      state.links["/proc/1000/fd/0"] = "/dev/null"
      state.links["/proc/1000/fd/2"] = node
      state.files["/proc/1000/comm"] = Array("qemu\u{1b}-kvm\n".utf8)
    }
    #expect(
      path.users(on: kernel) == [NodeUser(process: 1000, command: "qemu-kvm", node: node)])
  }

  @Test func whereNobodyIsSeenThereIsNobody() {
    #expect(path.users(on: kernel) == [])
    #expect(HostDevicePath(pciAddress: "0000:99:00.0").users(on: kernel) == [])
  }

  @Test(
    arguments: [
      (
        "Max locked memory         8388608              unlimited            bytes     \n",
        8_388_608
      ),
      ("Max open files  1 2 files\nMax locked memory  0  0  bytes\n", 0),
      ("Max locked memory         unlimited            unlimited            bytes     \n", nil),
      ("Max locked memory", nil), ("", nil), ("Max locked memory  99999999999999999999 x\n", nil),
    ] as [(String, UInt64?)])
  func theSoftLimitOfLockedMemoryIsRead(_ text: String, _ limit: UInt64?) {
    kernel.arrange { $0.files["/proc/self/limits"] = Array(text.utf8) }
    #expect(LockedMemoryNeed.limit(on: kernel) == limit)
  }

  @Test func aHostThatDoesNotTellHasNoKnownLimit() {
    #expect(LockedMemoryNeed.limit(on: kernel) == nil)
  }
}
