import Testing
import VirtualIOMMU

@Suite struct FrozenCapabilitiesTests {
  private func frozen(_ devices: String, _ text: String) throws -> FrozenCapabilities {
    FrozenCapabilities(
      try Resolver.resolve(
        request(text, defaults: VIOMMURequest([.sharedVirtualMemory: 0])),
        devices: Devices.named(devices)))
  }

  private func refusal(
    of name: String, by frozen: FrozenCapabilities
  ) throws -> (messages: [String], hints: [String]) {
    var copy = frozen
    let device = try #require(Devices.all[name])
    do throws(ResolutionError) {
      try copy.admit(device)
      return ([], [])
    } catch {
      #expect(copy == frozen)
      return (error.messages, error.hints)
    }
  }

  @Test(arguments: [
    (
      "gpu", "", "b39", "vfio b39: Failed to set vIOMMU: aw-bits 48 > host aw-bits 39",
      "the guest has seen aw-bits=48; start with aw-bits=39, or with reserve-aw-bits=39 to keep "
        + "room for such a device"
    ),
    (
      "gpu", "", "nosnoop",
      "vfio nosnoop: Failed to set vIOMMU: snoop-control=on: its IOMMU has no snoop "
        + "control",
      "the guest has seen snoop-control=on; start with snoop-control=off, or with "
        + "reserve-snoop-control=off to keep room for such a device"
    ),
    (
      "gpu", "", "p16",
      "vfio p16: Failed to set vIOMMU: PASID bits size 20 > host IOMMU PASID bits size 16",
      "the guest has seen pasid-bits=20; start with pasid-bits=16, or with "
        + "reserve-pasid-bits=16 to keep room for such a device"
    ),
    (
      "", "caching-mode=off", "gpu",
      "vfio gpu: Failed to set vIOMMU: Device assignment is not allowed without enabling "
        + "caching-mode=on for Intel IOMMU.",
      "start with caching-mode=on to plug devices later"
    ),
    (
      "nest", "fsts=on", "group",
      "vfio group: Failed to set vIOMMU: Need IOMMUFD backend when fsts=on",
      "the guest has seen fsts=on; start with fsts=off, or with reserve-fsts=off to keep room "
        + "for such a device"
    ),
    (
      "nest", "fsts=on", "nestbridge",
      "vfio nestbridge: Failed to set vIOMMU: Host device downstream to a PCI bridge is "
        + "unsupported when fsts=on",
      "the guest has seen fsts=on; start with fsts=off, or with reserve-fsts=off to keep room "
        + "for such a device"
    ),
    (
      "nest", "fsts=on", "amd",
      "vfio amd: Failed to set vIOMMU: Incompatible host platform IOMMU type 4",
      "the guest has seen fsts=on; start with fsts=off, or with reserve-fsts=off to keep room "
        + "for such a device"
    ),
    (
      "nest", "fsts=on,fs1gp=on", "nest2m",
      "vfio nest2m: Failed to set vIOMMU: First stage 1GB large page is unsupported by host IOMMU",
      "the guest has seen fs1gp=on; start with fs1gp=off, or with reserve-fs1gp=off to keep room "
        + "for such a device"
    ),
  ])
  func `A late device that cannot live with the values is refused by name with what would work`(
    devices: String, text: String, late: String, message: String, hint: String
  ) throws {
    let (messages, hints) = try refusal(of: late, by: frozen(devices, text))
    #expect(messages == [message])
    #expect(hints == [hint])
  }

  @Test(arguments: [
    ("gpu", "", "plain"), ("gpu", "", "nodt"), ("gpu", "pasid-bits=20", "p8none"),
    ("gpu", "reserve-aw-bits=39", "b39"), ("gpu", "reserve-pasid-bits=8", "p8"),
    ("gpu", "reserve-snoop-control=off", "nosnoop"), ("lab", "", "b39"), ("b39", "", "gpu"),
    ("nest", "fsts=on,reserve-fs1gp=off", "nest2m"), ("", "", "gpu"),
  ])
  func `A late device that can live with the values is taken in and changes none`(
    devices: String, text: String, late: String
  ) throws {
    var frozen = try frozen(devices, text)
    let values = frozen.values
    let device = try #require(Devices.all[late])
    try frozen.admit(device)
    #expect(frozen.values == values)
    #expect(frozen.resolution.devices.contains(device))
    #expect(CapabilityReport(frozen).functions.contains { $0.device == late })
    frozen.remove(late)
    #expect(frozen.values == values)
    #expect(!frozen.resolution.devices.contains(device))
  }

  @Test func `A late function gets the PASIDs that are left to it`() throws {
    var narrow = try frozen("p16", "")
    #expect(
      try narrow.admit(#require(Devices.all["gpu"]))
        == .capability(width: 16, exec: true, privileged: true))
    var none = try frozen("gpu", "pasid-bits=0")
    #expect(try none.admit(#require(Devices.all["x710.0"])) == .none(.notOffered([.request])))
  }
}
