import CommandLine
import Hypervisor
import PCI
import TestSupport
import Testing

@Suite struct ConfigurationTests {
  @Test func emptyCommandLineIsAllDefaults() throws {
    let configuration = try configuration()
    #expect(configuration == Configuration())
    #expect(configuration.memorySize == 128 << 20)
    #expect(configuration.accelerators == [.kvm()])
    #expect(configuration.flow == .qemu11)
    #expect(configuration.trace.destination == nil)
  }

  @Test func issueCommandLineIsReadCompletely() throws {
    let configuration = try configuration(
      "-machine", "q35", "-accel", "qtest", "-m", "512M", "-S", "-nographic", "-nodefaults", "-nic",
      "none", "-serial", "none", "-monitor", "none", "-qmp", "unix:/tmp/qmp,server=on,wait=off",
      "-qtest", "unix:/tmp/qtest,server=on,wait=off", "-object", "iommufd,id=iommufd0", "-device",
      "vfio-pci,host=0000:81:00.0,iommufd=iommufd0,id=f0,addr=04.0,romfile=", "-device",
      "vfio-pci,host=81:00.1,iommufd=iommufd0,addr=5", "-trace", "vfio*", "-trace", "iommufd*",
      "-D", "log", "-msg", "timestamp=on", "-name", "pair", "-pidfile", "pid", "-simulate",
      "machines/x710-pair.yaml,sysfs=/tmp/sys", "-vfio-flow", "iommufd-rfcv3")
    #expect(configuration.machine == .q35)
    #expect(configuration.accelerators == [.qtest(irqfd: .auto)])
    #expect(configuration.memorySize == 512 << 20)
    #expect(configuration.startsPaused)
    #expect(
      configuration.monitors == [
        MonitorConfiguration(
          optionText: "-qmp unix:/tmp/qmp,server=on,wait=off", mode: .control,
          target: .unixServer("/tmp/qmp"))
      ])
    #expect(configuration.qtest?.target == .unixServer("/tmp/qtest"))
    #expect(configuration.iommufds.map(\.id) == ["iommufd0"])
    #expect(configuration.iommufds.map(\.optionText) == ["-object iommufd,id=iommufd0"])
    #expect(configuration.functions.map(\.source.name) == ["0000:81:00.0", "0000:81:00.1"])
    #expect(configuration.functions.map(\.properties.iommufd) == ["iommufd0", "iommufd0"])
    #expect(configuration.functions.map(\.properties.id) == ["f0", nil])
    #expect(configuration.functions.map(\.properties.address?.devfn) == [0x20, 0x28])
    #expect(configuration.functions.map(\.properties.rom) == [.none, .host])
    #expect(
      configuration.functions.map(\.optionText) == [
        "-device vfio-pci,host=0000:81:00.0,iommufd=iommufd0,id=f0,addr=04.0,romfile=",
        "-device vfio-pci,host=81:00.1,iommufd=iommufd0,addr=5",
      ])
    #expect(configuration.trace.actions.map(\.pattern) == ["vfio*", "iommufd*"])
    #expect(configuration.trace.destination == "log")
    #expect(configuration.messages.timestamp)
    #expect(configuration.name == "pair")
    #expect(configuration.pidFile == "pid")
    #expect(configuration.simulation?.file == "machines/x710-pair.yaml")
    #expect(configuration.simulation?.sysfsDirectory == "/tmp/sys")
    #expect(configuration.flow == .iommufdRFCv3)
    #expect(configuration.warnings.isEmpty)
  }

  @Test func twoDashesAreOne() throws {
    let one = try configuration("-m", "64", "-S", "-vfio-flow", "iommufd-rfcv3")
    let two = try configuration("--m", "64", "--S", "--vfio-flow", "iommufd-rfcv3")
    #expect(one == two)
  }

  @Test(
    arguments: [
      ("1", [1, 1, 1, 1]), ("4", [4, 1, 4, 1]), ("4,threads=2", [4, 1, 2, 2]),
      ("4,sockets=2", [4, 2, 2, 1]), ("cores=3,sockets=2", [6, 2, 3, 1]),
      ("8,cores=2,threads=2", [8, 2, 2, 2]), ("maxcpus=2", [2, 1, 2, 1]),
    ] as [(String, [Int])])
  func processorsAreSharedOutPreferringCores(text: String, expected: [Int]) throws {
    let topology = try configuration("-smp", text).processors
    #expect(
      [topology.count, topology.sockets, topology.cores, topology.threads] == expected)
  }

  @Test func theProcessorIsAModelWithChanges() throws {
    let model = try configuration("-cpu", "host,-avx,x2apic=off").processorModel
    #expect(model.base == .host)
    #expect(model.changes.map(\.name) == ["avx", "x2apic"])
    #expect(model.changes.map(\.isOn) == [false, false])
  }

  @Test func guestCodeIsNamedByThreeOptions() throws {
    let kernel = try #require(
      try configuration("-append", "console=ttyS0", "-kernel", "bzImage", "-initrd", "i.gz").kernel)
    #expect(kernel.path == "bzImage")
    #expect(kernel.initrd == "i.gz")
    #expect(kernel.commandLine == "console=ttyS0")
    #expect(try configuration("-bios", "image").firmware == "image")
  }

  @Test func interruptControllersAreWhereTheLastOptionPutsThem() throws {
    #expect(try configuration().interruptController == .kernel)
    #expect(try configuration("-M", "q35,kernel-irqchip=split").interruptController == .split)
    #expect(
      try configuration("-M", "kernel-irqchip=split", "-accel", "kvm,kernel-irqchip=on")
        .interruptController == .kernel)
  }

  @Test func whatFollowsAnEndIsSetByEitherForm() throws {
    let actions = try configuration("-no-reboot", "-action", "shutdown=pause,panic=none").actions
    #expect(actions.reboot == .shutdown)
    #expect(actions.shutdown == .pause)
    #expect(actions.panic == .none)
    #expect(try configuration("-no-shutdown").actions.shutdown == .pause)
  }

  @Test func aDebugConsoleHasACharacterDeviceThatMayComeAfterIt() throws {
    let devices = try configuration(
      "-device", "isa-debugcon,chardev=log,iobase=0x402,readback=0x12,id=d", "-chardev",
      "null,id=log", "-device", "isa-debugcon,chardev=log"
    ).devices
    guard case .debugConsole(let first) = devices[0], case .debugConsole(let second) = devices[1]
    else {
      Issue.record("\(devices)")
      return
    }
    #expect(first.characterDevice == "log" && first.properties.id == "d")
    #expect(first.properties.base == 0x402 && first.properties.readback == 0x12)
    #expect(second.properties.base == 0xe9 && second.properties.readback == 0xe9)
  }

  @Test func rootPortsMakeBuses() throws {
    let devices = try configuration(
      "-device", "pcie-root-port,id=rp1,chassis=1,slot=0x10,x-speed=8,addr=1c.1,hotplug=off",
      "-device", "vfio-pci,host=1:2.3,bus=rp1", "-device", "isa-debug-exit,iobase=0xf4,iosize=4"
    ).devices
    guard case .rootPort(let port) = devices[0], case .vfioPCI(let function) = devices[1],
      case .debugExit(let exit) = devices[2]
    else {
      Issue.record("\(devices)")
      return
    }
    #expect(port.properties.options.slot == 16 && port.properties.options.speed == .gen3)
    #expect(!port.properties.options.isHotPluggable && port.properties.address?.devfn == 0xe1)
    #expect(function.properties.bus == "rp1")
    #expect(exit.properties.base == 0xf4 && exit.properties.size == 4)
  }

  @Test func memoryAcceptsKeyAndMerges() throws {
    #expect(try configuration("-m", "size=1G").memorySize == 1 << 30)
    #expect(try configuration("-m", "64", "-m", "").memorySize == 64 << 20)
    #expect(try configuration("-m", "64", "-m", "1.5G").memorySize == 1536 << 20)
  }

  @Test(
    arguments: [
      ("0", 128 << 20), ("64", 64 << 20), ("0x10", 16 << 20), ("8k", 8192), ("8K", 8192),
      ("1B", 8192), ("8193b", 16384), ("1t", 1 << 40), ("1.5M", 3 << 19), ("1.M", 1 << 20),
      ("1.0000000000000000000000001M", 1 << 20), ("2P", 2 << 50), ("15E", 15 << 60 as UInt64),
      ("64,", 64 << 20),
    ] as [(String, UInt64)])
  func memorySizeIsReadInQEMUsGrammar(text: String, bytes: UInt64) throws {
    #expect(try configuration("-m", text).memorySize == bytes)
  }

  @Test func acceleratorsComeFromEitherOption() throws {
    #expect(
      try configuration("-accel", "qtest,irqfd=off", "-accel", "kvm").accelerators
        == [.qtest(irqfd: .off), .kvm()])
    #expect(
      try configuration("-M", "q35,accel=kvm:qtest").accelerators == [.kvm(), .qtest(irqfd: .auto)])
    #expect(
      try configuration("-M", "type=q35", "-machine", "accel=qtest").accelerators
        == [.qtest(irqfd: .auto)])
    #expect(
      try configuration("-accel", "accel=qtest,irqfd=on").accelerators == [.qtest(irqfd: .on)])
  }

  @Test func deviceDefaultsAreQEMUs() throws {
    let device = try #require(try configuration("-device", "vfio-pci,host=1:2.3").functions.first)
    let properties = device.properties
    #expect(properties.romBAR == -1)
    #expect(properties.intxMmapTimeout == 1100)
    #expect(!properties.noMmap && !properties.noKVMIntx && !properties.multifunction)
    #expect(properties.iommufd == nil && properties.address == nil && properties.rom == .host)
    #expect(device.source.sysfsPath == "/sys/bus/pci/devices/0000:01:02.3")
  }

  @Test func everyDevicePropertyIsRead() throws {
    let device = try #require(
      try configuration(
        "-object", "iommufd,id=i,fd=0x7",
        "-device",
        """
        driver=vfio-pci,sysfsdev=/sys/devices/pci0/0000:81:00.0/,host=1:2.3,iommufd=i,bus=pcie.0,\
        addr=0x1f.0x7,multifunction=yes,romfile=a,,b.rom,rombar=1,x-no-mmap=y,x-no-kvm-intx=true,\
        x-intx-mmap-timeout-ms=0x10,id=a.b-c_9
        """
      ).functions.first)
    let properties = device.properties
    #expect(device.source == .sysfsPath("/sys/devices/pci0/0000:81:00.0/"))
    #expect(device.source.name == "0000:81:00.0")
    #expect(properties.host == PCIAddress(bus: 1, device: 2, function: 3))
    #expect(properties.iommufd == "i")
    #expect(properties.bus == "pcie.0")
    #expect(properties.address == GuestPCIAddress(slot: 31, function: 7))
    #expect(properties.multifunction && properties.noMmap && properties.noKVMIntx)
    #expect(properties.rom == .file("a,b.rom"))
    #expect(properties.romBAR == 1)
    #expect(properties.intxMmapTimeout == 16)
    #expect(properties.id == "a.b-c_9")
  }

  @Test func objectMayFollowTheDeviceThatLinksToIt() throws {
    let configuration = try configuration(
      "-device", "vfio-pci,host=1:2.3,iommufd=late", "-object", "iommufd,id=late,fd=9")
    #expect(configuration.functions.map(\.properties.iommufd) == ["late"])
    #expect(configuration.iommufds.map(\.descriptor) == [9])
  }

  @Test func lastValueOfAPropertyWinsAndEarlierOnesAreNotRead() throws {
    let device = try #require(
      try configuration("-device", "vfio-pci,host=zz,x-no-mmap=maybe,host=1:2.3,x-no-mmap=on")
        .functions.first)
    #expect(device.source == .address(try #require(PCIAddress("1:2.3"))))
    #expect(device.properties.noMmap)
  }

  @Test func emptyLinkSelectsTheGroupBackEnd() throws {
    #expect(
      try configuration("-device", "vfio-pci,host=1:2.3,iommufd=").functions.map(
        \.properties.iommufd)
        == [nil])
  }

  @Test func romBARZeroHidesTheROMFile() throws {
    #expect(
      try configuration("-device", "vfio-pci,host=1:2.3,romfile=x,rombar=0").functions
        .map(\.properties.rom) == [.none])
  }

  @Test func shortBooleansWarnInQEMUsWords() throws {
    let configuration = try configuration(
      "-device", "vfio-pci,host=1:2.3,x-no-mmap,nomultifunction", "-msg", "timestamp")
    #expect(configuration.functions.map(\.properties.noMmap) == [true])
    #expect(configuration.functions.map(\.properties.multifunction) == [false])
    #expect(
      configuration.warnings.map { $0.text(program: "swiftvmm") } == [
        """
        swiftvmm: -msg timestamp: warning: short-form boolean option 'timestamp' deprecated
        Please use timestamp=on instead

        """,
        """
        swiftvmm: -device vfio-pci,host=1:2.3,x-no-mmap,nomultifunction: warning: short-form \
        boolean option 'x-no-mmap' deprecated
        Please use x-no-mmap=on instead

        """,
        """
        swiftvmm: -device vfio-pci,host=1:2.3,x-no-mmap,nomultifunction: warning: short-form \
        boolean option 'nomultifunction' deprecated
        Please use multifunction=off instead

        """,
      ])
  }

  @Test(arguments: [
    "unix:/q,server=on,wait=off", "unix:/q,server,nowait", "unix:/q,server=yes,wait=n",
    "unix:path=/q,server=on,wait=off",
  ])
  func socketsAreReadInBothForms(text: String) throws {
    let configuration = try configuration("-qmp", text)
    #expect(configuration.monitors.map(\.target) == [.unixServer("/q")])
    #expect(configuration.warnings.isEmpty)
  }

  @Test func monitorsKeepTheirOrderAndTheLastTestStreamCounts() throws {
    let configuration = try configuration(
      "-qmp", "unix:a,server=on,wait=off", "-qtest", "unix:c,server=on,wait=off", "-qmp", "stdio",
      "-qtest", "unix:d,,e,server=on,wait=off")
    #expect(
      configuration.monitors.map(\.target) == [.unixServer("a"), .backend(.plainStandardIO)])
    #expect(configuration.qtest?.target == .unixServer("d,e"))
  }

  @Test(arguments: [0, 1, 2, 7, 40])
  func commasInValuesAreWrittenTwice(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for _ in 0..<200 {
      let name = String(
        (0..<Int.random(in: 0...12, using: &generator)).compactMap { _ in
          ",=ab .".randomElement(using: &generator)
        })
      let written =
        "guest="
        + name.split(separator: ",", omittingEmptySubsequences: false)
        .joined(separator: ",,")
      #expect(try configuration("-name", written).name == name)
    }
  }
}
