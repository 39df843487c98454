import CommandLine
import Testing
import VirtualIOMMU

/// `-device intel-iommu` and what goes with it on a function.
@Suite struct IntelIOMMUTests {
  private static func device(_ properties: String) throws -> IntelIOMMUDevice {
    try #require(
      configuration("-device", "intel-iommu" + (properties.isEmpty ? "" : ",") + properties)
        .intelIOMMU)
  }

  @Test func whatIsNotGivenIsAsInQEMU() throws {
    let device = try Self.device("")
    #expect(device.optionText == "-device intel-iommu")
    #expect(device.properties.request == .qemuDefaults)
    #expect(device.properties.id == nil)
  }

  @Test(arguments: VIOMMUProperty.allCases)
  func everyPropertyTakesAutoAndItsValues(_ property: VIOMMUProperty) throws {
    let name = property.rawValue
    #expect(try Self.device("\(name)=auto").properties.given == [property: .auto])
    for value in property.candidates {
      let given = try Self.device(property.assignment(value)).properties.given
      #expect(given == [property: .value(value)])
    }
  }

  @Test(arguments: VIOMMUProperty.allCases)
  func roomIsKeptWhereADeviceMayAllowLess(_ property: VIOMMUProperty) throws {
    let smallest = try #require(property.candidates.last)
    let written = "reserve-\(property.assignment(smallest))"
    guard property.isReservable else {
      let text = complaint(["-device", "intel-iommu,\(written)"])
      #expect(
        text?.contains("Property 'intel-iommu.reserve-\(property.rawValue)' not found") == true)
      return
    }
    let properties = try Self.device(written).properties
    #expect(properties.reserves == [property: smallest])
    #expect(properties.request.reserves == [property: smallest])
    #expect(properties.given.isEmpty)
  }

  @Test func theLastOfEqualPropertiesCounts() throws {
    let properties = try Self.device("aw-bits=39,id=v,aw-bits=auto,fsts=yes,nofs1gp").properties
    #expect(properties.id == "v")
    #expect(
      properties.given == [
        .addressWidth: .auto, .firstStage: .value(1), .firstStage1GiB: .value(0),
      ])
    #expect(properties.request[.addressWidth] == nil)
  }

  @Test func itsPlaceAmongTheDevicesDoesNotMatter() throws {
    let function = ["-device", "vfio-pci,host=1:2.3"]
    let unit = ["-device", "intel-iommu,aw-bits=39"]
    let first = try parse(unit + function)
    let last = try parse(function + unit)
    guard case .run(let one) = first, case .run(let other) = last else {
      throw UnexpectedRequest()
    }
    #expect(one.intelIOMMU == other.intelIOMMU)
    #expect(one.functions == other.functions)
  }

  @Test(arguments: [
    Complaint(
      "-device", "intel-iommu", "-device", "intel-iommu,id=b",
      is: """
        -device intel-iommu,id=b: QEMU does not support multiple vIOMMUs for x86 yet.
        Leave all but one -device intel-iommu out.
        """),
    Complaint(
      "-device", "intel-iommu,aw-bits=abc",
      is: """
        -device intel-iommu,aw-bits=abc: Parameter 'aw-bits' expects integer; write a number or \
        'auto'
        """),
    Complaint(
      "-device", "intel-iommu,pasid-bits=atuo",
      is: """
        -device intel-iommu,pasid-bits=atuo: Parameter 'pasid-bits' expects integer; did you mean \
        'auto'?
        """),
    Complaint(
      "-device", "intel-iommu,aw-bits=300",
      is: """
        -device intel-iommu,aw-bits=300: Parameter 'aw-bits' expects uint8_t; 300 is out of its range
        """),
    Complaint(
      "-device", "intel-iommu,fsts=onn",
      is: """
        -device intel-iommu,fsts=onn: Parameter 'fsts' expects 'on' or 'off'; did you mean 'on'?
        """),
    Complaint(
      "-device", "intel-iommu,intremap=maybe",
      is: """
        -device intel-iommu,intremap=maybe: Parameter 'intremap' does not accept value 'maybe'; \
        choose from 'on', 'off', 'auto'
        """),
    Complaint(
      "-device", "intel-iommu,eim=yes",
      is: """
        -device intel-iommu,eim=yes: Parameter 'eim' does not accept value 'yes'; choose from 'on', \
        'off', 'auto'
        """),
    Complaint(
      "-device", "intel-iommu,reserve-aw-bits=auto",
      is: """
        -device intel-iommu,reserve-aw-bits=auto: Parameter 'reserve-aw-bits' expects integer; \
        'auto' is not one
        """),
    Complaint(
      "-device", "intel-iommu,reserve-fsts=auto",
      is: """
        -device intel-iommu,reserve-fsts=auto: Parameter 'reserve-fsts' expects 'on' or 'off'; \
        'auto' is neither
        """),
    Complaint(
      "-device", "intel-iommu,x-scalable-mode=on",
      is: """
        -device intel-iommu,x-scalable-mode=on: Property 'intel-iommu.x-scalable-mode' not found; \
        did you mean 'scalable-mode'?
        """),
    Complaint(
      "-device", "intel-iommu,stale-tm=on",
      is: """
        -device intel-iommu,stale-tm=on: Property 'intel-iommu.stale-tm' is not supported by this \
        version; see -device intel-iommu,help
        """),
    Complaint(
      "-device", "vfio-pci,host=1:2.3,ats=yes",
      is: """
        -device vfio-pci,host=1:2.3,ats=yes: Parameter 'ats' does not accept value 'yes'; choose \
        from 'on', 'off', 'auto'
        """),
    Complaint(
      "-device", "vfio-pci,host=1:2.3,x-vpasid-cap-offset=65536",
      is: """
        -device vfio-pci,host=1:2.3,x-vpasid-cap-offset=65536: Parameter 'x-vpasid-cap-offset' \
        expects uint16_t; 65536 is out of its range
        """),
    Complaint(
      "-device", "vfio-pci,host=1:2.3,x-vpasid-cap-offset=aut",
      is: """
        -device vfio-pci,host=1:2.3,x-vpasid-cap-offset=aut: Parameter 'x-vpasid-cap-offset' expects \
        integer; did you mean 'auto'?
        """),
  ])
  func wrongValuesAreRefusedInQEMUsWords(_ complaint: Complaint) {
    #expect(complaint.isWhatTheUserSees)
  }

  @Test(
    arguments: [
      ("", .automatic), ("x-vpasid-cap-offset=auto", .automatic),
      ("x-vpasid-cap-offset=0", .automatic), ("x-vpasid-cap-offset=0xff0", .at(0xff0)),
      ("x-vpasid-cap-offset=256", .at(0x100)),
    ] as [(String, VFIOPCIProperties.PASIDCapabilityOffset)])
  func aPASIDCapabilityGoesWhereItIsAskedToOrAnywhere(
    _ text: String, _ offset: VFIOPCIProperties.PASIDCapabilityOffset
  ) throws {
    let functions = try configuration("-device", "vfio-pci,host=1:2.3,\(text)").functions
    #expect(functions.first?.properties.pasidCapabilityOffset == offset)
  }

  @Test(arguments: ATSDecision.Request.allCases)
  func atsIsOnOffOrAuto(_ request: ATSDecision.Request) throws {
    let given = try configuration("-device", "vfio-pci,host=1:2.3,ats=\(request.rawValue)")
    #expect(given.functions.first?.properties.ats == request)
    #expect(
      try configuration("-device", "vfio-pci,host=1:2.3").functions[0].properties.ats == .auto)
  }

  /// QEMU 11.1.3's `-device intel-iommu,help`.
  private static let defaults = [
    "aw-bits": "48", "caching-mode": "off", "device-iotlb": "off", "dma-translation": "on",
    "eim": "auto", "fs1gp": "on", "fsts": "off", "intremap": "auto", "pasid-bits": "0",
    "scalable-mode": "off", "snoop-control": "off", "svm": "off",
  ]

  @Test func helpShowsQEMUsDefaultsAndWhatRoomCanBeKept() {
    let lines = HelpTopic.devices(named: "intel-iommu").text(program: "swiftvmm").split(
      separator: "\n")
    #expect(lines.first == "intel-iommu options:")
    for (name, value) in Self.defaults {
      #expect(
        lines.contains { $0.hasPrefix("  \(name)=<") && $0.hasSuffix("(default: \(value))") },
        "\(name)")
    }
    #expect(lines.count == 1 + Self.defaults.count + 1 + 6)
    #expect(lines.count { $0.hasPrefix("  reserve-") } == 6)
  }
}
