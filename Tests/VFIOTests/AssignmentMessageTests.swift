import HostKernel
import SystemPackage
import Testing
import VFIO

@Suite struct AssignmentMessageTests {
  private static let folder = "/sys/bus/pci/devices/0000:82:00.0/vfio-dev"
  private static let blocker = GroupMember(name: "0000:81:00.1", driver: "e1000e")

  private static let nvme = GroupMember(name: "0000:82:00.0", driver: "nvme")
  private static let unbound = GroupMember(name: "0000:82:00.0", driver: nil)

  /// The failures behind the lines that QEMU wrote, by the name of their recording.
  private static let recorded: [String: AssignmentError] = [
    "err-not-viable": AssignmentError(
      "0000:81:00.0", .groupNotViable(group: 12, blockers: [blocker])),
    "err-not-viable-iommufd": AssignmentError(
      "0000:81:00.0",
      .cannotBind(
        device: 21, iommufd: 20, .notPermitted, blockers: [blocker], users: [])),
    "err-not-bound": AssignmentError(
      "0000:82:00.0", .noVFIODirectory(path: folder, .noSuchFileOrDirectory, function: nvme)),
    "err-not-bound-legacy": AssignmentError(
      "0000:82:00.0",
      .cannotOpenGroup(path: "/dev/vfio/13", .noSuchFileOrDirectory, function: unbound)),
    "err-no-device": AssignmentError(
      "0000:99:00.0",
      .noSuchHostDevice(path: "/sys/bus/pci/devices/0000:99:00.0", .noSuchFileOrDirectory)),
  ]

  /// QEMU's lines by the name of their recording, the first without program and option.
  private func recordedLines() throws -> [String: [String]] {
    let source = #filePath.split(separator: "/").dropLast(2).joined(separator: "/")
    let path = "/\(source)/Traces/qemu-11.1.3/errors.txt"
    let text = String(decoding: try LinuxKernel().contents(of: path), as: UTF8.self)
    var lines: [String: [String]] = [:]
    var name = ""
    for line in text.split(separator: "\n").map(String.init) {
      if line.hasPrefix("## ") {
        name = String(line.dropFirst(3))
      } else if line.hasPrefix("qemu-system-x86_64: -device ") {
        // The program, the option, and then what is said.
        let parts = line.split(separator: " ", maxSplits: 3)
        lines[name, default: []].append(parts.last.map(String.init) ?? "")
      } else {
        lines[name, default: []].append(line)
      }
    }
    return lines
  }

  @Test(arguments: recorded.keys.sorted())
  func aMessageIsQEMUsLineAndItsHintComesFirst(_ name: String) throws {
    let error = try #require(Self.recorded[name])
    let lines = try #require(try recordedLines()[name])
    #expect(error.message == lines.first)
    #expect(error.hints.prefix(lines.count - 1).elementsEqual(lines.dropFirst()))
  }

  @Test func everyRecordedLineIsAccountedFor() throws {
    // These two are the command line's.
    #expect(
      Set(try recordedLines().keys).subtracting(Self.recorded.keys) == [
        "err-bad-bdf", "err-no-iommufd",
      ])
  }

  private static let users = [
    NodeUser(process: 4711, command: "qemu-system-x86", node: "/dev/vfio/13"),
    NodeUser(process: 4712, command: nil, node: "/dev/vfio/devices/vfio0"),
  ]

  private static func bind(
    _ error: Errno, blockers: [GroupMember] = [], users: [NodeUser] = []
  ) -> AssignmentError.Failure {
    .cannotBind(device: 21, iommufd: 20, error, blockers: blockers, users: users)
  }

  private static func memory(_ need: LockedMemoryNeed) -> AssignmentError.Failure {
    AssignmentError.Failure.memoryListener(
      region: "ram", iova: 0, size: 1, address: 0, .noMemory, .iommufd
    ).amid(need)
  }

  /// Each failure that a user can end, with words that its hints must have.
  private static let hinted: [(AssignmentError.Failure, [String])] = [
    (.noSuchHostDevice(path: "/sys/x", .noSuchFileOrDirectory), ["lspci -D"]),
    (.noIOMMUGroup(.noSuchFileOrDirectory), ["IOMMU", "intel_iommu=on"]),
    (
      .cannotOpenGroup(path: "/dev/vfio/13", .noSuchFileOrDirectory, function: nvme),
      ["0000:82:00.0", "nvme", "vfio-pci", "driver_override", "drivers_probe"]
    ),
    (
      .cannotOpenGroup(path: "/dev/vfio/13", .noSuchFileOrDirectory, function: unbound),
      ["bound to no driver", "vfio-pci"]
    ),
    (.cannotOpenGroup(path: "/dev/vfio/13", .permissionDenied, function: unbound), ["root"]),
    (
      .noVFIODirectory(path: "x", .noSuchFileOrDirectory, function: nvme),
      ["bound to the driver nvme", "unbind nvme"]
    ),
    (.groupAlreadyOpen(path: "/dev/vfio/13", users: []), ["Another process"]),
    (
      .groupAlreadyOpen(path: "/dev/vfio/13", users: users),
      ["Process 4711 (qemu-system-x86) has /dev/vfio/13 open", "Process 4712 has", "end that"]
    ),
    (
      .groupNotViable(
        group: 12, blockers: [blocker, GroupMember(name: "0000:81:00.2", driver: "nvme")]),
      ["0000:81:00.1", "e1000e", "0000:81:00.2", "nvme"]
    ),
    (.cannotOpenContainer(.noSuchFileOrDirectory), ["module vfio"]),
    (.noIOMMUType, ["vfio_iommu_type1"]),
    (.alreadyAttached, ["-device"]),
    (
      .noDeviceDescriptor(
        group: 12, .invalidArgument,
        function: GroupMember(name: "0000:82:00.0", driver: "vfio-pci")), ["group 12"]
    ),
    (
      .noDeviceDescriptor(
        group: 12, .operationNotSupportedByDevice,
        function: GroupMember(name: "0000:82:00.0", driver: "pci-stub")),
      ["group 12", "bound to the driver pci-stub", "unbind pci-stub"]
    ),
    (.cannotOpenDevice(path: "/dev/vfio/devices/vfio0", .permissionDenied), ["root"]),
    (.cannotOpenIOMMUFD(.noSuchFileOrDirectory), ["CONFIG_IOMMUFD", "iommufd="]),
    (.cannotOpenIOMMUFD(.permissionDenied), ["/dev/iommu"]),
    (bind(.resourceBusy), ["another process"]), (bind(.invalidArgument), ["another process"]),
    (bind(.resourceBusy, users: users), ["Process 4711 (qemu-system-x86) has /dev/vfio/13 open"]),
    (bind(.invalidArgument, users: users), ["Process 4711", "Process 4712"]),
    (bind(.notPermitted, users: users), ["Process 4711", "Process 4712"]),
    (bind(.notPermitted, blockers: [blocker], users: users), ["0000:81:00.1", "e1000e"]),
    (bind(.notPermitted), ["same iommufd object"]), (bind(.badFileDescriptor), ["fd=", "20"]),
    (
      memory(LockedMemoryNeed(limit: 8 << 20, needed: 64 << 20)),
      ["8388608 bytes", "67108864 bytes", "'ulimit -l 65536'", "LimitMEMLOCK=65536K"]
    ),
    (memory(LockedMemoryNeed(limit: 0, needed: 1025)), ["'ulimit -l 2'"]),
    (memory(LockedMemoryNeed(limit: 0, needed: 1024)), ["'ulimit -l 1'"]),
    (
      memory(LockedMemoryNeed(limit: 64 << 20, needed: 64 << 20)),
      ["67108864 bytes", "counts as well", "'ulimit -l unlimited'", "LimitMEMLOCK=infinity"]
    ),
    (memory(LockedMemoryNeed(limit: nil, needed: 1)), ["RLIMIT_MEMLOCK does not limit"]),
  ]

  @Test(arguments: hinted.indices)
  func aFailureThatTheUserCanEndSaysHow(_ index: Int) {
    let (failure, words) = Self.hinted[index]
    let hints = AssignmentError("0000:82:00.0", failure).hints
    let text = hints.joined(separator: "\n")
    for word in words { #expect(text.contains(word)) }
    #expect(hints.allSatisfy { !$0.isEmpty && !$0.contains("\n") })
  }

  @Test func aMessageIsOneLineThatBeginsWithTheDevice() {
    for (failure, _) in Self.hinted {
      let message = AssignmentError("0000:82:00.0", failure).message
      #expect(message.hasPrefix("vfio ") && !message.contains("\n"))
    }
  }

  @Test(arguments: [
    (AssignmentError.Backend.group(12), "failed to setup container for group 12: "),
    (.iommufd, ""),
  ])
  func memoryThatCannotBeMappedIsNamedWithItsPlace(
    _ backend: AssignmentError.Backend, _ prefix: String
  ) {
    let failure = AssignmentError.Failure.memoryListener(
      region: "pc.ram", iova: 0xc0000, size: 0x1000, address: 0x7f00_0000_0000, .noMemory,
      backend)
    #expect(
      AssignmentError("0000:81:00.0", failure).message
        == "vfio 0000:81:00.0: \(prefix)memory listener initialization failed: Region pc.ram: "
        + "vfio_container_dma_map(0xc0000, 0x1000, 0x7f0000000000) = -12 "
        + "(Cannot allocate memory)")
  }

  @Test(
    arguments: [
      (0, 0, true, .trigger, "Failed to set up TRIGGER eventfd signaling for interrupt INTX-0"),
      (0, 0, false, .unmask, "Failed to tear down UNMASK eventfd signaling for interrupt INTX-0"),
      (2, 5, true, .trigger, "Failed to set up TRIGGER eventfd signaling for interrupt MSIX-5"),
      (9, 0, true, .mask, "Failed to set up MASK eventfd signaling for interrupt IRQ9-0"),
    ] as [(UInt32, UInt32, Bool, InterruptSetting.Action, String)])
  func anInterruptIsNamedByKindAndNumber(
    _ index: UInt32, _ subindex: UInt32, _ isSetUp: Bool, _ action: InterruptSetting.Action,
    _ text: String
  ) {
    let setting = InterruptSetting(
      index: index, subindex: subindex, action: action, isSetUp: isSetUp)
    #expect(
      AssignmentError("d", .cannotMakeInterrupt(setting, .invalidArgument)).message
        == "vfio d: \(text): VFIO_DEVICE_SET_IRQS failure: Invalid argument")
  }
}
