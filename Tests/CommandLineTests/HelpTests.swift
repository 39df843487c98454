import CommandLine
import Testing

@Suite struct HelpTests {
  @Test(
    arguments: [
      (["-h"], .help(.options)), (["-help"], .help(.options)), (["--help"], .help(.options)),
      (["-version"], .version), (["-version", "-m", "abc"], .version),
      (["-M", "foo", "-version"], .version), (["-M", "help"], .help(.machines(properties: false))),
      (["-machine", "q35,help"], .help(.machines(properties: true))),
      (["-accel", "help"], .help(.accelerators(named: nil))),
      (["-accel", "qtest,help"], .help(.accelerators(named: "qtest"))),
      (["-device", "help"], .help(.devices(named: nil))),
      (["-device", "?"], .help(.devices(named: nil))),
      (["-M", "foo", "-device", "help"], .help(.devices(named: nil))),
      (["-device", "vfio-pci,help"], .help(.devices(named: "vfio-pci"))),
      (["-device", "vfio-pci,host=1,?"], .help(.devices(named: "vfio-pci"))),
      (["-device", "vfio-pci,help=1"], .help(.devices(named: "vfio-pci"))),
      (["-object", "help"], .help(.objects(named: nil))),
      (["-object", "iommufd,id=a,help"], .help(.objects(named: "iommufd"))),
      (["-d", "help"], .help(.logItems)), (["-d", "trace:help"], .listTraceEvents),
      (["-trace", "help"], .listTraceEvents), (["-trace", "enable=?"], .listTraceEvents),
    ] as [([String], CommandLineRequest)])
  func helpIsRecognised(arguments: [String], request: CommandLineRequest) throws {
    #expect(try parse(arguments) == request)
  }

  @Test func deviceListLooksLikeQEMUs() {
    #expect(
      HelpTopic.devices(named: nil).text(program: "swiftvmm") == """
        Controller/Bridge/Hub devices:
        name "pcie-root-port", bus PCI, desc "PCI Express Root Port"

        Misc devices:
        name "intel-iommu", bus System, desc "Intel IOMMU (VT-d) DMA Remapping device"
        name "isa-debug-exit", bus ISA
        name "isa-debugcon", bus ISA
        name "pvpanic", bus ISA
        name "vfio-pci", bus PCI, desc "VFIO-based PCI device assignment"

        """)
  }

  @Test func objectPropertiesLookLikeQEMUs() {
    #expect(
      HelpTopic.objects(named: "iommufd").text(program: "swiftvmm") == """
        iommufd options:
          fd=<string>            - number of an open descriptor of /dev/iommu to use
          id=<str>               - name for devices to link to; required

        """)
  }

  @Test func devicePropertiesAreSortedAndShowQEMUsDefaults() {
    let lines = HelpTopic.devices(named: "vfio-pci").text(program: "swiftvmm").split(
      separator: "\n")
    #expect(lines.first == "vfio-pci options:")
    let names = lines.dropFirst().map { $0.prefix { $0 != "=" } }
    #expect(names == names.sorted())
    #expect(
      lines.contains {
        $0.hasPrefix("  x-intx-mmap-timeout-ms=<uint32> - ") && $0.hasSuffix("(default: 1100)")
      })
    #expect(
      lines.contains {
        $0.hasPrefix("  rombar=<int32>         - ") && $0.hasSuffix("(default: -1)")
      })
    #expect(
      lines.contains {
        $0.hasPrefix("  x-no-mmap=<bool>       - ") && $0.hasSuffix("(default: off)")
      })
    #expect(lines.contains { $0.hasPrefix("  iommufd=<link<iommufd>> - ") })
  }

  @Test func everyPropertyInHelpIsUnderstood() {
    let lines = HelpTopic.devices(named: "vfio-pci").text(program: "swiftvmm").split(
      separator: "\n")
    for line in lines.dropFirst() {
      let name = line.drop { $0 == " " }.prefix { $0 != "=" }
      let text = complaint(["-device", "vfio-pci,host=1:2.3,\(name)=\u{1}"]) ?? ""
      #expect(!text.contains("Property 'vfio-pci.\(name)' not found"), "\(text)")
      #expect(!text.contains("not supported"), "\(text)")
    }
  }

  @Test func everyOptionInHelpIsUnderstood() {
    let lines = HelpTopic.options.text(program: "swiftvmm").split(separator: "\n")
    let options = lines.filter { $0.hasPrefix("-") }
    #expect(options.count > 20)
    for option in options {
      let words = option.split(separator: " ")
      let name = String(words[0])
      #expect(complaint([name, "\u{1}"])?.contains("invalid option") != true, "\(option)")
      #expect(lines.allSatisfy { $0.utf8.count <= 100 })
    }
  }

  @Test func machineAndAcceleratorListsNameWhatThereIs() {
    #expect(
      HelpTopic.machines(properties: false).text(program: "swiftvmm") == """
        Supported machines are:
        q35                  Standard PC (Q35 + ICH9, 2009)

        """)
    #expect(
      HelpTopic.accelerators(named: nil).text(program: "swiftvmm") == """
        Accelerators supported by swiftvmm:
        kvm
        qtest

        """)
    #expect(
      HelpTopic.accelerators(named: "qtest").text(program: "swiftvmm").contains(
        "  irqfd=<OnOffAuto>      - "))
  }
}
