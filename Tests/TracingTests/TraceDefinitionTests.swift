import Testing

@testable import Tracing

@Suite struct TraceDefinitionTests {
  @Test(arguments: TraceEvent.allCases)
  func anEventHasItsDefinitionAtItsOwnIndex(_ event: TraceEvent) {
    #expect(event.definition.event == event)
  }

  @Test func thereIsOneDefinitionForEachEvent() {
    #expect(TraceEvent.definitions.map(\.event) == TraceEvent.allCases)
  }

  @Test(arguments: TraceDialect.allCases)
  func noTwoEventsShareAName(_ dialect: TraceDialect) {
    let names = TraceEvent.definitions.map { $0.form(in: dialect).name.description }
    #expect(Set(names).count == names.count)
  }

  @Test func noOldNameIsTheCurrentNameOfAnotherEvent() {
    for definition in TraceEvent.definitions {
      guard let old = definition.proposal?.name.description else { continue }
      let namesakes = TraceEvent.definitions.filter { $0.current.name.description == old }
      #expect(namesakes.allSatisfy { $0.event == definition.event })
    }
  }

  @Test(arguments: TraceEvent.allCases)
  func anEventHasTheNameAndFormatThatQEMUGivesIt(_ event: TraceEvent) throws {
    let form = event.definition.form(in: .qemu11)
    // Our own have a prefix that no event of QEMU has.
    let own = ["swiftvmm_", "viommu_"].contains { form.name.description.hasPrefix($0) }
    guard !own else {
      #expect(QEMUEventTable.events[event] == nil)
      return
    }
    let known = try #require(QEMUEventTable.events[event])
    #expect(form.name.description == known.name)
    #expect(form.format.description == known.format)
  }

  @Test(arguments: TraceEvent.allCases)
  func aNameIsTheEventsOwnInLowerCase(_ event: TraceEvent) {
    let name = event.definition.current.name.description
    let spelled = "\(event)".reduce(into: "") { text, character in
      text += character.isUppercase ? "_" + character.lowercased() : String(character)
    }
    #expect(spelled == name)
  }

  /// The names of the 2023 proposal that differ from QEMU 11.1's.
  private static let renamed: [(TraceEvent, String)] = [
    (.vfioPciPopulateDeviceConfig, "vfio_populate_device_config"),
    (.vfioPciPopulateDeviceGetIrqInfoFailure, "vfio_populate_device_get_irq_info_failure"),
    (.vfioPciIntxEoi, "vfio_intx_eoi"),
    (.iommufdCdevPciHotResetDepDevices, "vfio_pci_hot_reset_dep_devices_iommufd"),
    (.vfioDeviceAttach, "vfio_attach_device"),
    (.vfioDeviceGet, "vfio_get_device"),
    (.vfioDeviceDetach, "vfio_detach_device"),
    (.vfioDevicePut, "vfio_put_base_device"),
    (.vfioGroupPut, "vfio_put_group"),
    (.vfioContainerDisconnect, "vfio_disconnect_container"),
    (.iommufdCdevGetfd, "vfio_iommufd_get_devicefd"),
    (.iommufdCdevConnectAndBind, "vfio_iommufd_bind_device"),
    (.iommufdCdevAllocIoas, "vfio_iommufd_alloc_ioas"),
    (.iommufdCdevPasidAttachIoasHwpt, "vfio_iommufd_attach_device"),
    (.iommufdCdevPasidDetachIoasHwpt, "vfio_iommufd_detach_device"),
    (
      .iommufdCdevFailAttachExistingContainer, "vfio_iommufd_fail_attach_existing_container"
    ),
    (.iommufdCdevDeviceInfo, "vfio_iommufd_device_info"),
  ]

  @Test func theProposalsNamesAreTheseAndElseTodays() {
    let renamed = Dictionary(uniqueKeysWithValues: Self.renamed)
    for event in TraceEvent.allCases {
      let definition = event.definition
      #expect(
        definition.form(in: .iommufdRFCv3).name.description
          == renamed[event] ?? definition.current.name.description)
    }
  }

  @Test func theTracerHasRoomForEveryEvent() {
    let tracer = Tracer(to: RingSink())
    #expect(TraceEvent.allCases.count <= tracer.enabled.count)
  }
}
