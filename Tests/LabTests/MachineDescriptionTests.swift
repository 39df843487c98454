import Lab
import Testing

@Suite struct MachineDescriptionTests {
  @Test func linesBecomeOptionsInTheirOrder() throws {
    let machine = try MachineDescription(
      parsing: """
        # a comment
        machine q35,kernel-irqchip=split

          device  igb,bus=port3,romfile=\t
        no-hpet
        append intel_iommu=on,sm_on  nokaslr
        append debug
        """, file: "x.machine")
    #expect(
      machine.options == [
        .init("machine", "q35,kernel-irqchip=split"), .init("device", "igb,bus=port3,romfile="),
        .init("no-hpet"),
      ])
    #expect(machine.kernelWords == ["intel_iommu=on,sm_on", "nokaslr", "debug"])
  }

  @Test func servedFunctionsAreDevicesOfTheirServers() throws {
    let machine = try MachineDescription(
      parsing: """
        machine q35
        serve pasid.yaml 0000:00:06.0 bus=pcie.0,addr=06.0
        device igb
        serve x710-pair.yaml 0000:81:00.0 multifunction=on,x-pci-device-id=0x10
        serve a.yaml 0000:00:00.0
        """, file: "x")
    func device(_ properties: String, _ number: Int) -> MachineDescription.Option {
      let socket = "{\"type\":\"unix\",\"path\":\"/lab/output/served-\(number).socket\"}"
      return .init(
        "device", "{\"driver\":\"vfio-user-pci\",\(properties)\"socket\":\(socket)}")
    }
    #expect(
      machine.options == [
        .init("machine", "q35"), device("\"bus\":\"pcie.0\",\"addr\":\"06.0\",", 0),
        .init("device", "igb"), device("\"multifunction\":true,\"x-pci-device-id\":16,", 1),
        device("", 2),
      ])
    #expect(
      machine.served == [
        .init(file: "pasid.yaml", address: "0000:00:06.0", name: "served-0"),
        .init(file: "x710-pair.yaml", address: "0000:81:00.0", name: "served-1"),
        .init(file: "a.yaml", address: "0000:00:00.0", name: "served-2"),
      ])
  }

  @Test(arguments: [
    "serve", "serve a.yaml", "serve a.yaml 0:0 bus", "serve a.yaml 0:0 bus=", "serve a.yaml 0:0 =b",
    "serve a.yaml 0:0 a=b c=d", "serve a.yaml 0:0 a=\"b", "serve a\\.yaml 0:0",
  ])
  func aServedFunctionNeedsAFileAnAddressAndProperties(line: String) {
    #expect(throws: LabError.machine(file: "x", line: 2, problem: .serve)) {
      try MachineDescription(parsing: "machine q35\n\(line)", file: "x")
    }
  }

  @Test func carriageReturnsAreBlanks() throws {
    let machine = try MachineDescription(parsing: "machine q35\r\nsmp 2\r\n", file: "x")
    #expect(machine.options == [.init("machine", "q35"), .init("smp", "2")])
  }

  @Test(arguments: [
    ("machine q35\n-device igb", 2, LabError.MachineProblem.notAnOption("-device")),
    ("machine q35\n\n# x\n=4", 4, .notAnOption("=4")),
    ("machine q35\nde_vice igb", 2, .notAnOption("de_vice")),
    ("accel kvm\nmachine q35", 1, .reserved("accel")),
    ("machine q35\nserial none", 2, .reserved("serial")),
    ("machine q35\nS", 2, .reserved("S")),
  ])
  func wrongLinesAreNamed(text: String, line: Int, problem: LabError.MachineProblem) {
    #expect(throws: LabError.machine(file: "x.machine", line: line, problem: problem)) {
      try MachineDescription(parsing: text, file: "x.machine")
    }
  }

  @Test(arguments: ["", "# machine q35", "device igb"])
  func aMachineTypeIsNeeded(text: String) {
    #expect(throws: LabError.machine(file: "x", line: nil, problem: .noMachine)) {
      try MachineDescription(parsing: text, file: "x")
    }
  }

  @Test func errorsNameFileAndLine() {
    let error = LabError.machine(file: "a/b.machine", line: 7, problem: .reserved("kernel"))
    #expect(
      error.description
        == "a/b.machine:7: the lab gives the option 'kernel' itself: remove the line")
  }
}
