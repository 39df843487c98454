import HostKernel
import Testing

@testable import Tracing

@Suite struct TracerTests {
  private let sink = RingSink()

  private func enabledEvents(_ tracer: Tracer) -> Set<TraceEvent> {
    Set(TraceEvent.allCases.filter { tracer.isEnabled($0) })
  }

  @Test func everyEventIsOffAtFirst() {
    let tracer = Tracer(to: sink)
    #expect(enabledEvents(tracer).isEmpty)
    for event in TraceEvent.allCases { tracer.emit(event, []) }
    #expect(sink.lines.isEmpty)
  }

  @Test func anEnabledEventIsALineOfNameSpaceAndText() {
    let tracer = Tracer(to: sink)
    tracer.set("*", enabled: true)
    tracer.emit(.vfioDeviceResetHandler, [])
    tracer.emit(.vfioPciReset, [.text("0000:81:00.0")])
    tracer.emit(
      .vfioPciHotResetDepDevices,
      [.number(0), .number(0x81), .number(0), .number(1), .number(12)])
    #expect(
      sink.lines == [
        "vfio_device_reset_handler ", "vfio_pci_reset  (0000:81:00.0)",
        "vfio_pci_hot_reset_dep_devices \t0000:81:00.1 group 12",
      ])
  }

  @Test func theOldDialectHasItsNamesTextsAndOrderOfArguments() {
    let tracer = Tracer(to: sink, dialect: .iommufdRFCv3)
    tracer.set("*", enabled: true)
    let name = TraceArgument.text("0000:81:00.1")
    tracer.emit(
      .iommufdCdevPasidAttachIoasHwpt,
      [.number(7), name, .number(22), .number(0), .number(4), .number(2)])
    tracer.emit(.iommufdCdevPasidDetachIoasHwpt, [.number(7), name, .number(0), .number(2)])
    tracer.emit(
      .iommufdCdevPciHotResetDepDevices,
      [.number(0), .number(0x81), .number(0), .number(0), .number(2)])
    tracer.emit(.vfioPciReset, [name])
    #expect(
      sink.lines == [
        "vfio_iommufd_attach_device  [iommufd=7] Succesfully attached device 0000:81:00.1 (22) "
          + "to ioasid=2: output hwptd=4",
        "vfio_iommufd_detach_device  [iommufd=7] Detached 0000:81:00.1 from ioasid=2",
        "vfio_pci_hot_reset_dep_devices_iommufd \t0000:81:00.0 devid 2",
        "vfio_pci_reset  (0000:81:00.1)",
      ])
  }

  @Test func aDisabledEventDoesNotComputeItsArguments() {
    let tracer = Tracer(to: sink)
    var computed = 0
    func arguments() -> [TraceArgument] {
      computed += 1
      return [.text("x")]
    }
    tracer.emit(.vfioPciReset, arguments())
    #expect(computed == 0)
    tracer.set("vfio_pci_reset", enabled: true)
    tracer.emit(.vfioPciReset, arguments())
    #expect(computed == 1)
    tracer.set("vfio_pci_reset", enabled: false)
    tracer.emit(.vfioPciReset, arguments())
    #expect(computed == 1)
    #expect(sink.lines.count == 1)
  }

  @Test(arguments: [
    ("vfio_pci_reset", [TraceEvent.vfioPciReset]),
    ("vfio_pci_reset*", [.vfioPciReset, .vfioPciResetFlr, .vfioPciResetPm]),
    ("vfio_check_???_flr", []),
    ("vfio_check_*_flr", [.vfioCheckPcieFlr, .vfioCheckAfFlr]),
    ("no_such_event", []),
    ("*", TraceEvent.allCases),
  ])
  func aPatternSwitchesTheEventsThatItMatches(_ pattern: String, _ events: [TraceEvent]) {
    let tracer = Tracer(to: sink)
    #expect(tracer.set(pattern, enabled: true) == events.count)
    #expect(enabledEvents(tracer) == Set(events))
    #expect(tracer.states(matching: "*").filter(\.isEnabled).count == events.count)
    #expect(tracer.set(pattern, enabled: false) == events.count)
    #expect(enabledEvents(tracer).isEmpty)
  }

  @Test func laterPatternsCorrectEarlierOnes() {
    let tracer = Tracer(to: sink)
    tracer.set("vfio_region_*", enabled: true)
    tracer.set("vfio_region_mmap*", enabled: false)
    #expect(tracer.isEnabled(.vfioRegionRead))
    #expect(!tracer.isEnabled(.vfioRegionMmap))
  }

  @Test func anEventIsKnownByItsDialectsNameToo() {
    let old = Tracer(to: sink, dialect: .iommufdRFCv3)
    #expect(old.set("vfio_attach_device", enabled: true) == 1)
    #expect(old.set("vfio_device_attach", enabled: true) == 1)
    #expect(enabledEvents(old) == [.vfioDeviceAttach])
    let new = Tracer(to: sink)
    #expect(new.set("vfio_attach_device", enabled: true) == 0)
  }

  @Test func statesComeInTheOrderOfDefinition() {
    let tracer = Tracer(to: sink)
    tracer.set("vfio_check_pm_reset", enabled: true)
    let states = tracer.states(matching: "vfio_check_*")
    #expect(
      states.map(\.name) == ["vfio_check_pcie_flr", "vfio_check_pm_reset", "vfio_check_af_flr"])
    #expect(states.map(\.isEnabled) == [false, true, false])
  }

  @Test func namesAreListedSorted() {
    #expect(Tracer.eventNames == Tracer.eventNames.sorted())
    #expect(Tracer.eventNames.count == TraceEvent.allCases.count)
  }

  @Test(arguments: [("vfio*", true), ("vfio_???", true), ("vfio_pci_reset", false), ("", false)])
  func onlyWildcardsMakeAPattern(_ text: String, _ isPattern: Bool) {
    #expect(Tracer.isPattern(text) == isPattern)
  }

  @Test func aStampComesBeforeTheLineWhenAskedFor() throws {
    let tracer = Tracer(to: sink, isStamped: true)
    tracer.set("*", enabled: true)
    tracer.emit(.vfioPciReset, [.text("0000:81:00.0")])
    let line = try #require(sink.lines.first)
    let parts = line.split(separator: " ", maxSplits: 1)
    #expect(parts.last == "vfio_pci_reset  (0000:81:00.0)")
    let stamp = try #require(parts.first)
    #expect(stamp.hasSuffix("Z") && stamp.dropFirst(10).first == "T")
  }

  @Test func linesOfSeveralThreadsStayWhole() async throws {
    let file = HostDescriptor(
      taking: try MemoryCalls.makeMemoryDescriptor(name: "trace", size: 0), of: LinuxKernel())
    let path = "/proc/self/fd/\(file.rawValue)"
    let tracer = Tracer(to: try DescriptorSink(creating: path))
    tracer.set("*", enabled: true)
    let threads = 4
    let count = 200
    await withTaskGroup(of: Void.self) { group in
      for thread in 0..<threads {
        group.addTask {
          for number in 0..<count {
            tracer.emit(
              .vfioRegionWrite,
              [.text("t\(thread)"), .number(thread), .number(number), .number(1), .number(4)])
          }
        }
      }
    }
    let text = String(decoding: try LinuxKernel().contents(of: path), as: UTF8.self)
    let lines = text.split(separator: "\n").map(String.init)
    for thread in 0..<threads {
      let own = lines.filter { $0.contains("(t\(thread):") }
      #expect(
        own
          == (0..<count).map { number in
            "vfio_region_write  (t\(thread):region\(thread)+0x\(String(number, radix: 16)), 0x1, 4)"
          })
    }
    #expect(lines.count == threads * count && text.hasSuffix("\n"))
  }
}
