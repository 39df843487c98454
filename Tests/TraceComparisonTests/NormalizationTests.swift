import Testing
import TraceComparison

@Suite struct NormalizationTests {
  @Test(arguments: TestLog.recorded)
  func recordedLogEqualsItself(_ name: String) throws {
    let lines = TestLog.lines(name)
    try #require(lines.count > 50)
    let comparison = try TestLog.compare(lines, lines)
    #expect(comparison.isEqual)
    #expect(comparison.count(.same) == lines.count { $0 != "......" })
    #expect(comparison.renaming.pairs.allSatisfy { $0.a == $0.b })
  }

  /// Pairs of lines that say the same of two runs.
  static let sameLines: [(String, String)] = [
    ("vfio_pci_reset  (0000:81:00.0)", "vfio_pci_reset (0000:81:00.0)"),
    ("vfio_device_reset_handler ", "vfio_device_reset_handler"),
    (
      "iommufd_cdev_pci_hot_reset_dep_devices \t0000:81:00.0 devid 1",
      "iommufd_cdev_pci_hot_reset_dep_devices 0000:81:00.0 devid 1\r"
    ),
    (
      "2026-11-21T02:48:24.424463Z vfio_intx_enable  (0000:81:00.0)",
      "4711@1680500000.123456:vfio_intx_enable (0000:81:00.0)"
    ),
    ("2026-11-21T02:48:24Z vfio_intx_enable  (x)", "vfio_intx_enable (x)"),
    (
      "iommufd_cdev_getfd  /dev/vfio/devices/vfio0 (fd=21)",
      "iommufd_cdev_getfd  /dev/vfio/devices/vfio0 (fd=1021)"
    ),
    (
      "iommufd_backend_connect fd=20 owned=1 users=1",
      "iommufd_backend_connect fd=7 owned=1 users=1"
    ),
    (
      "iommufd_cdev_device_info  0000:81:00.0 (21) num_irqs=5 num_regions=9 flags=3",
      "iommufd_cdev_device_info  0000:81:00.0 (9) num_irqs=5 num_regions=9 flags=3"
    ),
    (
      "vfio_region_dmabuf Device a, dmabuf fd 23 region 0 \"a BAR 0\", offset: 0x0, size: 0x20",
      "vfio_region_dmabuf Device a, dmabuf fd 8 region 0 \"a BAR 0\", offset: 0x0, size: 0x20"
    ),
    (
      "vfio_listener_region_add_ram region_add [ram] 0x0 - 0x9ffff [0x7fdb17e00000]",
      "vfio_listener_region_add_ram region_add [ram] 0x0 - 0x9ffff [0x7f119fe00000]"
    ),
    (
      "iommufd_backend_map_dma  iommufd=20 ioas=2 iova=0x0 size=0xa0000 addr=0x7f0 readonly=0 (0)",
      "iommufd_backend_map_dma  iommufd=21 ioas=3 iova=0x0 size=0xa0000 addr=0x7ff readonly=0 (0)"
    ),
    (
      "iommufd_backend_alloc_hwpt  iommufd=1 dev_id=1 pt_id=2 flags=0x0 hwpt_type=0 len=8 "
        + "data_ptr=0x7f00 out_hwpt=3 (0)",
      "iommufd_backend_alloc_hwpt  iommufd=2 dev_id=5 pt_id=6 flags=0x0 hwpt_type=0 len=8 "
        + "data_ptr=0x7f01 out_hwpt=9 (0)"
    ),
    ("vfio_group_put close group->fd=12", "vfio_group_put close group->fd=13"),
  ]

  @Test(arguments: sameLines)
  func numbersOfARunAndWhiteSpaceDoNotCount(_ a: String, _ b: String) throws {
    #expect(try TestLog.compare([a], [b]).isEqual)
    #expect(try TestLog.compare([b], [a]).isEqual)
  }

  /// Pairs of lines that do not say the same.
  static let differentLines: [(String, String)] = [
    ("vfio_pci_reset  (0000:81:00.0)", "vfio_pci_reset  (0000:81:00.1)"),
    ("vfio_device_attach  (0000:81:00.0) group 12", "vfio_device_attach  (0000:81:00.0) group 13"),
    (
      "iommufd_cdev_getfd  /dev/vfio/devices/vfio0 (fd=21)",
      "iommufd_cdev_getfd  /dev/vfio/devices/vfio0 (fd=-1)"
    ),
    (
      "iommufd_backend_connect fd=20 owned=1 users=1",
      "iommufd_backend_connect fd=20 owned=1 users=2"
    ),
    (
      "vfio_listener_region_add_ram region_add [ram] 0x0 - 0x9ffff [0x7fdb17e00000]",
      "vfio_listener_region_add_ram region_add [ram] 0x0 - 0x9ffff [(nil)]"
    ),
    (
      "iommufd_backend_alloc_hwpt  iommufd=1 dev_id=1 pt_id=2 flags=0x0 hwpt_type=0 len=0 "
        + "data_ptr=0x0 out_hwpt=3 (0)",
      "iommufd_backend_alloc_hwpt  iommufd=1 dev_id=1 pt_id=2 flags=0x0 hwpt_type=0 len=0 "
        + "data_ptr=0x7f00 out_hwpt=3 (0)"
    ),
    (
      "iommufd_backend_alloc_hwpt  iommufd=1 dev_id=1 pt_id=2 flags=0x0 hwpt_type=0 len=0 "
        + "data_ptr=0x0 out_hwpt=3 (0)",
      "iommufd_backend_alloc_hwpt  iommufd=1 dev_id=1 pt_id=2 flags=0x0 hwpt_type=0 len=0 "
        + "data_ptr=0x0 out_hwpt=0 (-1)"
    ),
    (
      "iommufd_backend_map_dma  iommufd=20 ioas=2 iova=0x0 size=0xa0000 addr=0x7f0 readonly=0 (0)",
      "iommufd_backend_map_dma  iommufd=20 ioas=2 iova=0x0 size=0xa0000 addr=0x7f0 readonly=0 (-1)"
    ),
    (
      "iommufd_backend_free_id  iommufd=20 id=3 (0)", "iommufd_backend_free_id  iommufd=20 id=0 (0)"
    ),
  ]

  @Test(arguments: differentLines)
  func numbersThatTellWhatHappenedCount(_ a: String, _ b: String) throws {
    #expect(try TestLog.compare([a], [b]).differences == [.changed(1, 1)])
  }

  @Test func replacingTheByteThatStandsForANumberIsADifference() throws {
    let line = Array("iommufd_backend_connect fd=20 owned=1 users=1\n".utf8)
    let forged = Array("iommufd_backend_connect fd=".utf8) + [0xff] + " owned=1 users=1\u{1}\n".utf8
    let options = try ComparisonOptions()
    let comparison = try Comparison(
      LogFile(path: "a", bytes: line), LogFile(path: "b", bytes: forged), options)
    #expect(!comparison.isEqual)
  }

  @Test func blankLinesAndOtherTextAreNotCompared() throws {
    let warning = "qemu-system-x86_64: -device vfio-pci: warning: VFIO dma-buf not supported"
    let comparison = try TestLog.compare(
      ["vfio_pci_reset (x)", "", warning], ["swiftvmm: hello", "vfio_pci_reset (x)"])
    #expect(comparison.isEqual)
    #expect(comparison.a.otherCount == 1)
    #expect(comparison.report().contains("not compared in A: 1 line of other text"))
  }

  @Test func otherTextIsComparedOnRequest() throws {
    let comparison = try TestLog.compare(
      ["vfio_pci_reset (x)", "one  text"], ["vfio_pci_reset (x)", "one text", "another text"]
    ) { $0.comparesText = true }
    #expect(comparison.differences == [.onlyInB(3)])
  }

  @Test(arguments: ["", "hello world", "\u{0}\u{1}", "no event here: 12\nnor here", "......\n"])
  func aFileWithoutEventsIsNoTrace(_ text: String) throws {
    let options = try ComparisonOptions()
    let good = TestLog.file(["vfio_pci_reset (x)"])
    let bad = LogFile(path: "bad.log", bytes: Array(text.utf8))
    #expect(throws: ComparisonError.notATrace(path: "bad.log")) {
      try Comparison(good, bad, options)
    }
    #expect(throws: ComparisonError.notATrace(path: "bad.log")) {
      try Comparison(bad, good, options)
    }
  }

  @Test func lastLineNeedsNoLineFeed() throws {
    let a = LogFile(path: "a", bytes: Array("vfio_mdev (x) is_mdev 0".utf8))
    let b = LogFile(path: "b", bytes: Array("vfio_mdev (x) is_mdev 0\n".utf8))
    #expect(try Comparison(a, b, ComparisonOptions()).isEqual)
  }
}
