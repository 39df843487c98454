import Lab
import Testing

@Suite struct BootCommandTests {
  private func command() throws -> BootCommand {
    let machine = try MachineDescription(
      parsing: "machine q35\nsmp 2\nno-hpet\nappend intel_iommu=on", file: "x")
    return BootCommand(
      machine: machine, labFolder: "/c/machines/lab", root: "/cache/root-1",
      kernel: "/cache/kernel-2", output: "/out")
  }

  /// The values of each `-name value` in the arguments.
  private func values(of name: String, in arguments: [String]) -> [String] {
    zip(arguments, arguments.dropFirst()).filter { $0.0 == "-\(name)" }.map(\.1)
  }

  @Test func nameSpacesEndWithTheTool() throws {
    let arguments = try command().arguments
    #expect(arguments.starts(with: ["setpriv", "--pdeathsig", "KILL"]))
    #expect(arguments.contains("--kill-child"))
    #expect(arguments.contains("--mount"))
  }

  @Test func bootGetsFoldersThenInputsThenTheMachine() throws {
    var command = try command()
    command.inputs = [.init(path: "/b/swiftvmm", name: "bin/swiftvmm")]
    let arguments = command.arguments
    let start = try #require(arguments.firstIndex(of: "/c/machines/lab/boot"))
    #expect(
      Array(arguments[start...].prefix(9)) == [
        "/c/machines/lab/boot", "/cache/root-1", "/cache/kernel-2", "/out",
        "/c/machines/lab=lab", "/cache/kernel-2=kernel", "/b/swiftvmm=bin/swiftvmm", "--", "--",
      ])
    #expect(Array(arguments[(start + 8)...]) == ["--"] + command.qemuArguments)
  }

  @Test func bootGetsTheServersOfServedFunctions() throws {
    var command = try command()
    command.machine = try MachineDescription(
      parsing: "machine q35\nserve a.yaml 0000:00:06.0\nserve b.yaml 0000:01:00.0 addr=5", file: "x"
    )
    command.server = "/b/swiftvmm-serve"
    let arguments = command.arguments
    let first = try #require(arguments.firstIndex(of: "/b/swiftvmm-serve"))
    #expect(
      Array(arguments[(first - 1)...].prefix(12)) == [
        "--", "/b/swiftvmm-serve", "/c/machines/a.yaml", "0000:00:06.0", "served-0",
        "--", "/b/swiftvmm-serve", "/c/machines/b.yaml", "0000:01:00.0", "served-1", "--", "--",
      ])
  }

  @Test func theMachineComesBeforeTheLabsOwnDevices() throws {
    let arguments = try command().qemuArguments
    let smp = try #require(arguments.firstIndex(of: "-smp"))
    let ownDevice = try #require(arguments.firstIndex(of: "-device"))
    #expect(arguments[smp + 1] == "2")
    #expect(arguments[smp + 2] == "-no-hpet")
    #expect(smp < ownDevice)
  }

  @Test func emulationIsTheOnlyAccelerator() throws {
    #expect(values(of: "accel", in: try command().qemuArguments) == ["tcg,thread=multi"])
  }

  @Test func kernelWordsOfTheMachineFollowTheLabs() throws {
    #expect(
      values(of: "append", in: try command().qemuArguments)
        == [
          "console=ttyS0 panic=-1 quiet no_timer_check kvm.tsc_tolerance_ppm=500000 intel_iommu=on"
        ])
  }

  @Test func kernelIsToldTheFrequencyOfTheCounter() throws {
    var command = try command()
    command.timestampKilohertz = 2_596_097
    let words = try #require(values(of: "append", in: command.qemuArguments).first)
    #expect(words.contains(" tsc=reliable tsc_early_khz=2596097 kvm.tsc_tolerance_ppm=500000 "))
  }

  @Test func onlyTheOutputShareIsWritable() throws {
    let shares = values(of: "fsdev", in: try command().qemuArguments)
    #expect(shares.count == 3)
    #expect(
      shares.filter { !$0.contains("readonly=on") }.map { $0.contains("/lab/output") } == [true])
  }

  @Test(arguments: [(false, ["file:/lab/output/console.log"]), (true, ["mon:stdio"])])
  func theConsoleIsALogUnlessSomebodySitsAtIt(isInteractive: Bool, serial: [String]) throws {
    var command = try command()
    command.isInteractive = isInteractive
    #expect(values(of: "serial", in: command.qemuArguments) == serial)
    #expect(command.qemuArguments.contains("-chardev") == !isInteractive)
  }
}
