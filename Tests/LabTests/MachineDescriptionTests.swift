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
