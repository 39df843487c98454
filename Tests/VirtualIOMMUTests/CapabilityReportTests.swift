import Testing
import VirtualIOMMU

@Suite struct CapabilityReportTests {
  private func resolution(_ devices: String, _ text: String) throws -> Resolution {
    try Resolver.resolve(
      request(text, defaults: VIOMMURequest([.sharedVirtualMemory: 0])),
      devices: Devices.named(devices))
  }

  @Test func `The rows say what was asked, what each device allows and who limited it`() throws {
    let report = CapabilityReport(try resolution("lab gpu", "snoop-control=off"))
    #expect(!report.isFrozen)
    #expect(report.rows.map(\.property) == VIOMMUProperty.allCases.map(\.rawValue))
    let width = try #require(report.rows.first { $0.property == "aw-bits" })
    #expect(width.requested == "auto")
    #expect(width.effective == "39")
    #expect(width.limitedBy == ["lab"])
    #expect(width.reasons == ["lab: maps addresses of 47 bits"])
    #expect(width.devices.map(\.device) == ["lab"])
    #expect(width.devices.map(\.allowed) == ["47"])
    #expect(width.devices.map(\.reason) == ["maps addresses of 47 bits"])
    let snoop = try #require(report.rows.first { $0.property == "snoop-control" })
    #expect(snoop.requested == "off")
    #expect(snoop.limitedBy == ["request"])
    #expect(snoop.reasons.isEmpty)
    #expect(snoop.devices.map(\.device) == ["lab"])
  }

  @Test func `Each function's own facts are listed with the registers behind it`() throws {
    let report = CapabilityReport(FrozenCapabilities(try resolution("x710.1 x710.0 smmu mute", "")))
    #expect(report.isFrozen)
    #expect(report.functions.map(\.device) == ["mute", "smmu", "x710.0", "x710.1"])
    #expect(
      report.functions.map(\.unitType) == ["not told", "Arm SMMUv3", "Intel VT-d", "Intel VT-d"])
    #expect(report.functions.map(\.isATSUsable) == [nil, true, true, true])
    #expect(report.functions.map(\.tracksDirtyPages) == [nil, false, false, false])
    #expect(report.functions[2].pasid == .none(.notOffered([.device("mute"), .device("x710.1")])))
    #expect(report.functions[3].pasid == .none(.deviceHasNone))
    let registers = report.functions[2].registers
    #expect(registers.map(\.name) == ["cap", "ecap"])
    #expect(registers[1].bits == Devices.scalable)
    #expect(registers[1].fields.contains { $0.name == "PSS" && $0.value == 19 })
  }

  @Test(arguments: [("lab", true), ("lab gpu", false), ("", false)])
  func `PASIDs that no function has are noted`(devices: String, isNoted: Bool) throws {
    let report = CapabilityReport(try resolution(devices, "pasid-bits=20"))
    #expect(report.notes == (isNoted ? ["no function uses PASIDs"] : []))
  }

  @Test(arguments: ["gpu", "gpu lab", "gpu x710.0"])
  func `A function whose capability found no place is noted with the reason`(
    devices: String
  ) throws {
    let resolution = try resolution(devices, "pasid-bits=20")
    let report = CapabilityReport(resolution, missingPASIDs: ["gpu": "its chain is full"])
    let note = "gpu shows its guest no PASID capability: its chain is full"
    #expect(report.notes == [note])
    #expect(report.text.contains("\nnote: \(note)\n"))
    #expect(report.functions.first { $0.device == "gpu" }?.pasid.text == "none: its chain is full")
  }

  @Test func `The text is a table of properties and a table of functions`() throws {
    let report = CapabilityReport(
      FrozenCapabilities(try resolution("x710.0 x710.1 b39", "pasid-bits=20,reserve-fsts=off")))
    #expect(
      report.text == """
        intel-iommu, values frozen
        property         requested  reserved  effective  limited by
        intremap         auto       -         on
        eim              auto       -         off        machine: has no use for it
        dma-translation  auto       -         on
        caching-mode     auto       -         on
        aw-bits          auto       -         39         b39: maps addresses of 39 bits
        scalable-mode    auto       -         on
        fsts             auto       off       off        machine: has no use for it; \
        reserve-fsts: keeps room for a device to come; b39: maps addresses of 39 bits; b39: its IOMMU has no \
        first stage; x710.0: its IOMMU has no first stage; x710.1: its IOMMU has no first stage
        fs1gp            auto       -         off        fsts: fsts=off
        pasid-bits       20         -         20         request
        snoop-control    auto       -         on
        device-iotlb     auto       -         on
        svm              off        -         off        default
        tables: legacy, scalable second stage; 3 levels; pages 4K 2M 1G

        device  unit   IOMMU       bits  ATS  dirty tracking  PASID
        b39     dmar0  Intel VT-d  39    yes  no              none: the host reports no PASID width for it
        x710.0  dmar0  Intel VT-d  48    yes  no              20 bits, exec
        x710.1  dmar0  Intel VT-d  48    yes  no              none: the host reports no PASID width for it
        b39 allows aw-bits=39 (maps addresses of 39 bits), fsts=off (its IOMMU has no first stage), \
        pasid-bits=0 (the host reports no PASID width for it)
        x710.0 allows fsts=off (its IOMMU has no first stage)
        x710.1 allows fsts=off (its IOMMU has no first stage), pasid-bits=0 (the host reports no PASID \
        width for it)

        """)
  }

  @Test func `A vIOMMU without devices says so`() throws {
    #expect(CapabilityReport(try resolution("", "")).text.hasSuffix("\nno devices\n"))
  }
}
