import EventLoop
import HostKernel
import Machine
import SimulatedKernel
import Testing

@Suite struct RefusalTests {
  struct Refusal: Sendable, CustomTestStringConvertible {
    var rule: String
    var host = "x710-pair"
    var arguments: [String]
    var message: String
    var hint: String

    var testDescription: String { rule }
  }

  static let iommufd = ["-object", "iommufd,id=i"]

  static let refusals: [Refusal] = [
    Refusal(
      rule: "a group with a function on a native driver is not viable and the function is named",
      host: "native-driver-peer", arguments: ["-device", "vfio-pci,host=0000:81:00.0"],
      message: "vfio 0000:81:00.0: group 12 is not viable",
      hint: "[8086:10d3]) of the same group is bound to the driver e1000e"),
    Refusal(
      rule: "a cdev whose group has a function on a native driver cannot be bound",
      host: "native-driver-peer",
      arguments: iommufd + ["-device", "vfio-pci,host=0000:81:00.0,iommufd=i"],
      message: "error bind device fd=N to iommufd=N: Operation not permitted",
      hint: "[8086:10d3]) of the same group is bound to the driver e1000e"),
    Refusal(
      rule: "a function on a native driver has no cdev and its driver is named",
      host: "native-driver-peer",
      arguments: iommufd + ["-device", "vfio-pci,host=0000:81:00.1,iommufd=i"],
      message: "vfio 0000:81:00.1: vfio /sys/bus/pci/devices/0000:81:00.1/vfio-dev: couldn't open "
        + "directory /sys/bus/pci/devices/0000:81:00.1/vfio-dev: No such file or directory",
      hint: "[8086:10d3]) is bound to the driver e1000e"),
    Refusal(
      rule: "a function that the host does not have is named by its path",
      arguments: ["-device", "vfio-pci,host=0000:99:00.0"],
      message: "vfio /sys/bus/pci/devices/0000:99:00.0: no such host device: "
        + "No such file or directory",
      hint: "lspci -D"),
    Refusal(
      rule: "the same function twice by group",
      arguments: [
        "-device", "vfio-pci,host=0000:81:00.0", "-device", "vfio-pci,host=0000:81:00.0",
      ],
      message: "vfio 0000:81:00.0: device is already attached",
      hint: "Each host function can be given to a machine once"),
    Refusal(
      rule: "the same function twice by iommufd",
      arguments: iommufd + [
        "-device", "vfio-pci,host=0000:81:00.0,iommufd=i", "-device",
        "vfio-pci,host=0000:81:00.0,iommufd=i",
      ],
      message: "vfio 0000:81:00.0: device is already attached",
      hint: "Each host function can be given to a machine once"),
    Refusal(
      rule: "functions of one group on two iommufd objects",
      arguments: iommufd + [
        "-object", "iommufd,id=j", "-device", "vfio-pci,host=0000:81:00.0,iommufd=i", "-device",
        "vfio-pci,host=0000:81:00.1,iommufd=j",
      ],
      message: "error bind device fd=N to iommufd=N: Operation not permitted",
      hint: "give all functions of one group to the same iommufd object"),
    Refusal(
      rule: "a descriptor that is no iommufd",
      arguments: [
        "-object", "iommufd,id=i,fd=999", "-device", "vfio-pci,host=0000:81:00.0,iommufd=i",
      ],
      message: "iommufd=999: Bad file descriptor",
      hint: "Descriptor 999 given as fd= is not an open /dev/iommu"),
    Refusal(
      rule: "a guest slot that is taken",
      arguments: ["-device", "vfio-pci,host=0000:81:00.0,addr=1f.0"],
      message: "PCI: slot 31 function 0 not available for vfio-pci, in use by ICH9-LPC,id=(null)",
      hint: "addr="),
    Refusal(
      rule: "a character device that another device has", arguments: twoConsoles,
      message: "Property 'isa-debugcon.chardev' can't take value 'log', it's in use",
      hint: "mux=on"),
  ]

  private static let twoConsoles = [
    "-chardev", "null,id=log", "-device", "isa-debugcon,chardev=log", "-device",
    "isa-debugcon,iobase=0x402,chardev=log",
  ]

  @Test(
    arguments: [
      (["-device", "vfio-pci,host=0000:83:00.0"], "failed to setup container for group 14: "),
      (iommufd + ["-device", "vfio-pci,host=0000:83:00.0,iommufd=i"], ""),
    ], [8 << 20, 15 << 20])
  func aLimitOfLockedMemoryIsToldInNumbers(
    _ setting: (arguments: [String], prefix: String), limit: Int
  ) throws {
    try MainLoop.own {
      let host = try Checkout.host(
        "nvme-flr", replacing: [("name: nvme-flr", "name: nvme-flr\nmemlock: \(limit >> 20)M")])
      let kernel = SimulatedKernel(host, report: { _ in })
      let error = #expect(throws: MachineError.self) {
        try SimulatedMachine(setting.arguments, on: kernel)
      }
      let lines = try #require(error?.lines)
      #expect(
        lines[0].hasPrefix(
          "vfio 0000:83:00.0: \(setting.prefix)memory listener initialization failed: Region ")
          && lines[0].hasSuffix("= -12 (Cannot allocate memory)"), "\(lines[0])")
      #expect(
        lines.dropFirst().elementsEqual([
          "RLIMIT_MEMLOCK is \(limit) bytes, the guest needs 16777216 bytes.",
          "Type 'ulimit -l 16384' before swiftvmm (root may raise the limit), or set "
            + "LimitMEMLOCK=16384K in its systemd unit.",
        ]))
      #expect(kernel.openObjects == [])
    }
  }

  @Test(arguments: [
    ["-device", "vfio-pci,host=0000:83:00.0"],
    iommufd + ["-device", "vfio-pci,host=0000:83:00.0,iommufd=i"],
  ])
  func aLimitOfJustTheGuestsMemoryIsEnough(_ arguments: [String]) throws {
    try MainLoop.own {
      let host = try Checkout.host(
        "nvme-flr", replacing: [("name: nvme-flr", "name: nvme-flr\nmemlock: 16M")])
      _ = try SimulatedMachine(arguments, on: SimulatedKernel(host, report: { _ in }))
    }
  }

  @Test func twoContainersLockTheGuestsMemoryTwice() throws {
    try MainLoop.own {
      let host = try Checkout.host(
        "separate-groups",
        replacing: [("name: separate-groups", "name: separate-groups\nmemlock: 20M")])
      let error = #expect(throws: MachineError.self) {
        try SimulatedMachine(
          Self.iommufd + [
            "-object", "iommufd,id=j", "-device", "vfio-pci,host=0000:82:00.0,iommufd=i",
            "-device", "vfio-pci,host=0000:82:00.1,iommufd=j",
          ], on: SimulatedKernel(host, report: { _ in }))
      }
      #expect(
        error?.lines.contains("RLIMIT_MEMLOCK is 20971520 bytes, the guest needs 33554432 bytes.")
          == true)
    }
  }

  @Test func aFunctionWhoseNodeAnotherProcessHasBoundIsNotBoundAgain() throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("nvme-flr"), report: { _ in })
      let arguments =
        Self.iommufd + ["-device", "vfio-pci,host=0000:83:00.0,iommufd=i"]
      let other = try SimulatedMachine(arguments, on: kernel)
      let error = #expect(throws: MachineError.self) {
        try SimulatedMachine(arguments, on: kernel)
      }
      #expect(error?.lines.first?.hasSuffix(": Invalid argument") == true)
      #expect(error?.lines.last?.contains("open in another process") == true)
      withExtendedLifetime(other) {}
    }
  }

  @Test(arguments: refusals)
  func aRefusalIsQEMUsSentenceAndTheNextStepAndLeavesNothing(_ refusal: Refusal) throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host(refusal.host), report: { _ in })
      var error: MachineError?
      do {
        _ = try SimulatedMachine(refusal.arguments, on: kernel)
      } catch let thrown as MachineError {
        error = thrown
      }
      let lines = try #require(error?.lines)
      #expect(Self.withoutDescriptors(lines[0]).contains(refusal.message), "\(lines[0])")
      #expect(lines.dropFirst().contains { $0.contains(refusal.hint) }, "\(lines)")
      #expect(error?.option == refusal.arguments.suffix(2).joined(separator: " "))
      #expect(kernel.openObjects == [])
    }
  }

  @Test func aGroupThatAnotherProcessHasOpenIsNamed() throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("x710-pair"), report: { _ in })
      let other = try kernel.open("/dev/vfio/30", .readWrite)
      defer { kernel.close(other) }
      let error = #expect(throws: MachineError.self) {
        try SimulatedMachine(["-device", "vfio-pci,host=0000:81:00.0"], on: kernel)
      }
      #expect(
        error?.lines.first
          == "vfio 0000:81:00.0: Could not open '/dev/vfio/30': Device or resource busy")
      #expect(error?.lines.last?.contains("Another process has the group open") == true)
    }
  }

  @Test func aMachineMayMixGroupsAndIOMMUFD() throws {
    try MainLoop.own {
      let kernel = SimulatedKernel(try Checkout.host("separate-groups"), report: { _ in })
      let machine = try SimulatedMachine(
        Self.iommufd + [
          "-device", "vfio-pci,host=0000:82:00.0", "-device",
          "vfio-pci,host=0000:82:00.1,iommufd=i",
        ], on: kernel)
      #expect(machine.traceReset().contains("vfio_pci_reset  (0000:82:00.1)"))
    }
  }

  /// Descriptor numbers differ from run to run; 999 is one that a test gave.
  private static func withoutDescriptors(_ line: String) -> String {
    line.split(separator: " ").map { word in
      for key in ["fd=", "iommufd="] where word.hasPrefix(key) && !word.contains("999") {
        return key + "N" + (word.hasSuffix(":") ? ":" : "")
      }
      return String(word)
    }.joined(separator: " ")
  }
}
