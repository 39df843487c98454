import EventLoop
import HostKernel
import Machine
import SimulatedKernel
import SystemPackage
import Testing

@Suite(.serialized) struct FaultTests {
  static let cases: [(host: String, arguments: [String])] = [
    ("x710-pair", RecordedResetTests.pair),
    (
      "e1000e-pair",
      [
        "-device", "vfio-pci,host=0000:81:00.0", "-device", "vfio-pci,host=0000:81:00.1",
      ]
    ),
    (
      "e1000e-pair",
      [
        "-object", "iommufd,id=i", "-device", "vfio-pci,host=0000:81:00.0,iommufd=i",
        "-device", "vfio-pci,host=0000:81:00.1,iommufd=i",
      ]
    ),
    (
      "nvme-flr",
      ["-object", "iommufd,id=i", "-device", "vfio-pci,host=0000:83:00.0,iommufd=i"]
    ),
    (
      "pasid",
      [
        "-object", "iommufd,id=i", "-device",
        "intel-iommu,caching-mode=auto,aw-bits=auto,scalable-mode=auto,pasid-bits=auto",
        "-device", "vfio-pci,host=0000:00:06.0,iommufd=i",
      ]
    ),
    // Refused: QEMU's default is off.
    ("nvme-flr", ["-device", "vfio-pci,host=0000:83:00.0", "-device", "intel-iommu"]),
    ("nvme-flr", ["-device", "vfio-pci,host=0000:83:00.0,x-no-mmap=on"]),
    (
      "nvme-flr",
      ["-device", "vfio-pci,host=0000:83:00.0,romfile=\(Checkout.root)/machines/nvme-flr.yaml"]
    ),
    ("native-driver-peer", ["-device", "vfio-pci,host=0000:81:00.0"]),
    (
      "native-driver-peer",
      ["-object", "iommufd,id=i", "-device", "vfio-pci,host=0000:81:00.0,iommufd=i"]
    ),
    (
      "separate-groups",
      ["-device", "vfio-pci,host=0000:82:00.0", "-device", "vfio-pci,host=0000:82:00.1"]
    ),
  ]

  /// In a process of its own, since it builds a machine for each call and would keep the tests of this
  /// one from the main loop all that time.
  @Test(arguments: cases.indices)
  func whicheverCallFailsNothingIsLeftOpen(index: Int) async {
    await #expect(processExitsWith: .success) { [index = index as Int] in
      let (name, arguments) = FaultTests.cases[index]
      let host = try Checkout.host(name)
      try MainLoop.own {
        var number = 1
        while true {
          let kernel = SimulatedKernel(host, report: { _ in })
          let faulty = FaultInjectingKernel(kernel, failing: number, with: .ioError)
          do {
            let machine = try SimulatedMachine(arguments, on: faulty)
            _ = machine.traceReset()
          } catch let error as MachineError {
            #expect(!(error.lines.first ?? "").isEmpty)
          }
          #expect(kernel.openObjects == [], "call \(number) of \(name) failed")
          if !faulty.hasFailed { break }
          number += 1
        }
        #expect(number > 8)
      }
    }
  }

  /// In a process of its own, since other tests open and close descriptors meanwhile. The runtime
  /// may close one of its own there, such as the main queue's, so what vanishes is not looked at.
  @Test func aMachineLeavesNoFileOpenThatWasNotBefore() async {
    await #expect(processExitsWith: .success) {
      try MainLoop.own {
        for (name, arguments) in FaultTests.cases {
          let host = try Checkout.host(name)
          let before = try openFiles()
          if let machine = try? SimulatedMachine(arguments, on: SimulatedKernel(host)) {
            _ = machine.traceReset()
          }
          let left = try openFiles().subtracting(before)
          #expect(left.isEmpty, "\(name) \(arguments)")
        }
      }
    }
  }
}
