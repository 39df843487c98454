import Testing
import TraceComparison

@Suite struct DialectTests {
  static let events: [(String, String)] = [
    (
      "vfio_pci_hot_reset_dep_devices_iommufd \t0000:81:00.0 devid 2",
      "iommufd_cdev_pci_hot_reset_dep_devices \t0000:81:00.0 devid 1"
    ),
    (
      "vfio_iommufd_get_devicefd  /dev/vfio/devices/vfio0 (fd=3)",
      "iommufd_cdev_getfd  /dev/vfio/devices/vfio0 (fd=21)"
    ),
    (
      "vfio_iommufd_bind_device  [iommufd=5] Succesfully bound device 0000:81:00.0 (fd=3): output devid=2",
      "iommufd_cdev_connect_and_bind  [iommufd=20] Successfully bound device 0000:81:00.0 (fd=21): output devid=1"
    ),
    (
      "vfio_iommufd_attach_device  [iommufd=5] Succesfully attached device 0000:81:00.0 (3) to ioasid=3: output hwptd=4",
      "iommufd_cdev_pasid_attach_ioas_hwpt  [iommufd=20] Successfully attached device 0000:81:00.0 (21) pasid 0 to id=3"
    ),
    (
      "iommufd_cdev_attach_ioas_hwpt  [iommufd=5] Successfully attached device 0000:81:00.0 (3) to id=4",
      "iommufd_cdev_pasid_attach_ioas_hwpt  [iommufd=20] Successfully attached device 0000:81:00.0 (21) pasid 0 to id=3"
    ),
    (
      "vfio_iommufd_detach_device  [iommufd=5] Detached 0000:81:00.0 from ioasid=3",
      "iommufd_cdev_pasid_detach_ioas_hwpt  [iommufd=20] Successfully detached 0000:81:00.0 pasid 0"
    ),
    (
      "iommufd_cdev_detach_ioas_hwpt  [iommufd=5] Successfully detached 0000:81:00.0",
      "iommufd_cdev_pasid_detach_ioas_hwpt  [iommufd=20] Successfully detached 0000:81:00.0 pasid 0"
    ),
    (
      "iommufd_backend_connect fd=5 owned=1 users=1 (0)",
      "iommufd_backend_connect fd=20 owned=1 users=1"
    ),
    (
      "iommufd_backend_alloc_ioas  iommufd=5 ioas=3 (0)",
      "iommufd_backend_alloc_ioas  iommufd=20 ioas=2"
    ),
    ("vfio_attach_device  (0000:81:00.0) group 12", "vfio_device_attach  (0000:81:00.0) group 12"),
    ("vfio_put_group close group->fd=3", "vfio_group_put close group->fd=9"),
    ("vfio_intx_eoi  (0000:81:00.0) EOI", "vfio_pci_intx_eoi  (0000:81:00.0) EOI"),
    ("vtd_pasid_cache_gsi ", "vtd_inv_desc_pasid_cache_gsi "),
    (
      "vfio_populate_device_config Device 0000:81:00.0 config:\n  size: 0x1000, offset: 0x7000, flags: 0x3",
      "vfio_pci_populate_device_config Device '0000:81:00.0' config: size: 0x1000, offset: 0x7000, flags: 0x3"
    ),
  ]

  @Test(arguments: events)
  func olderEventEqualsTodays(_ old: String, _ today: String) throws {
    let dialect = { (options: inout ComparisonOptions) in options.mapsDialects = true }
    #expect(try TestLog.compare([old], [today], dialect).isEqual)
    #expect(try TestLog.compare([today], [old], dialect).isEqual)
    #expect(try TestLog.compare([today], [today], dialect).isEqual)
    #expect(try !TestLog.compare([old], [today]).isEqual)
    #expect(try TestLog.compare([old], [old]).isEqual)
  }

  @Test func otherArgumentsStayADifference() throws {
    let comparison = try TestLog.compare(
      ["vfio_attach_device  (0000:81:00.0) group 12"],
      ["vfio_device_attach  (0000:81:00.0) group 13"]
    ) { $0.mapsDialects = true }
    #expect(comparison.differences == [.changed(1, 1)])
  }

  @Test func eventInTwoLinesCountsAsItsFirst() throws {
    let old = ["vfio_populate_device_config Device x config:", "  size: 0x1", "vfio_mdev (x)"]
    let today = ["vfio_pci_populate_device_config Device 'x' config: size: 0x1", "vfio_mdev (y)"]
    let comparison = try TestLog.compare(old, today) { $0.mapsDialects = true }
    #expect(comparison.differences == [.changed(3, 2)])
    #expect(comparison.a.lineCount == 3)
    #expect(comparison.a.otherCount == 0)
  }

  @Test func eventsThatTodayLacksAreLeftOutAndCounted() throws {
    let comparison = try TestLog.compare(
      ["vfio_iommufd_container_reset  Successfully reset x", "vfio_mdev (x)"], ["vfio_mdev (x)"]
    ) { $0.mapsDialects = true }
    #expect(comparison.isEqual)
    #expect(comparison.report().contains("1 event that today's dialect does not have"))
  }

  @Test func recordedLogTranslatedLineByLineIsEqualAndItsOrderCounts() throws {
    let recorded = TestLog.lines("iommufd-rfcv3-pair.log")
    var today = recorded.map {
      $0.replacing(
        "vfio_pci_hot_reset_dep_devices_iommufd ", with: "iommufd_cdev_pci_hot_reset_dep_devices \t"
      )
      .replacing("devid 2", with: "devid 1").replacing("devid 5", with: "devid 4")
    }
    let equal = try TestLog.compare(recorded, today) { $0.mapsDialects = true }
    #expect(equal.isEqual)
    #expect(equal.report().contains("renamed (A=B): devid 2=1, devid 5=4"))
    today.swapAt(5, 6)
    #expect(try !TestLog.compare(recorded, today) { $0.mapsDialects = true }.isEqual)
  }
}
