import TestSupport
import Testing
import VirtualIOMMU

/// What is said to be QEMU's was seen in QEMU 11.1.3 with `-accel qtest`.
@Suite struct VTdRegisterFileTests {
  static let pageRequests =
    "scalable-mode=on,fsts=on,pasid-bits=20,device-iotlb=on,svm=on"

  static func file(_ properties: String = "") throws -> VTdRegisterFile {
    VTdRegisterFile(
      VTdRegisters(try Resolver.resolve(request(properties), devices: []).values))
  }

  // MARK: - Reset values and masks

  @Test(arguments: QEMURecords.registers)
  func `At reset all but the capabilities and two masks is 0`(record: QEMURecords.Record) throws {
    let file = try Self.file(record.properties)
    var expected: [UInt64: UInt64] = [
      0x00: UInt64(record.version), 0x08: record.capability, 0x10: record.extendedCapability,
      0x38: 0x8000_0000, 0xa0: 0x8000_0000,
    ]
    expected = expected.filter { $0.value != 0 }
    var found: [UInt64: UInt64] = [:]
    for offset in stride(from: 0, to: VTdRegisters.size, by: 8) {
      let value = file.read(offset: offset, size: 8)
      if value != 0 { found[offset] = value }
    }
    #expect(found == expected)
  }

  /// What each 4 bytes but those of GCMD read as after 0xffffffff was written to them, where it is not
  /// what they were before; QEMU's.
  private static let ones: [UInt64: UInt64] = [
    0x20: 0xffff_fc00, 0x24: 0xffff_ffff, 0x28: 0xffff, 0x2c: 0x7800_0000, 0x3c: 0xffff,
    0x40: 0xffff_fffc, 0x88: 0x7_fff0, 0xa4: 0xffff_ffff, 0xa8: 0xffff_fffc, 0xb8: 0xffff_f80f,
    0xbc: 0xffff_ffff,
  ]
  private static let onesForPageRequests: [UInt64: UInt64] = [
    0xc0: 0x7_ffe0, 0xc8: 0x7_ffe0, 0xd0: 0xffff_f007, 0xd4: 0xffff_ffff, 0xe0: 0x8000_0000,
    0xe4: 0xffff, 0xe8: 0xffff_fffc, 0xec: 0xffff_ffff,
  ]
  /// QEMU shows the queue's address only once the queue is on, and does not say that an invalidation of
  /// more pages than there can be was done.
  private static let onesUnlikeQEMU: [UInt64: UInt64] = [
    0x90: 0xffff_f807, 0x94: 0xffff_ffff, 0xfc: 0x3603_ffff,
  ]

  @Test(arguments: ["", "intremap=off", "scalable-mode=on,pasid-bits=20", pageRequests])
  func `The bits that can be written are those of QEMU`(properties: String) throws {
    var file = try Self.file(properties)
    var expected = Self.ones.merging(Self.onesUnlikeQEMU) { $1 }
    if properties == Self.pageRequests {
      expected.merge(Self.onesForPageRequests) { $1 }
    }
    var found: [UInt64: UInt64] = [:]
    for offset in stride(from: 0, to: VTdRegisters.size, by: 4) where offset != 0x18 {
      let before = file.read(offset: offset, size: 4)
      #expect(file.write(offset: offset, size: 4, value: 0xffff_ffff).isEmpty)
      let after = file.read(offset: offset, size: 4)
      if before != after { found[offset] = after }
    }
    #expect(found == expected)
    file.reset()
    #expect(file.read(offset: 0x20, size: 8) == 0)
    #expect(file.read(offset: 0xa4, size: 4) == 0)
  }

  // MARK: - Widths

  @Test(
    arguments: [
      (4, 8, 0x222f_0606_0000_0000), (5, 8, 0x22_2f06_0600_0000), (7, 8, 0x22_2f06_0600),
      (0xa, 8, 0x80d2_008c_0000), (0xc, 8, 0x00f0_0f4a_80d2_008c), (8, 4, 0x222f_0606), (9, 4, 0),
      (0xa, 4, 0), (8, 2, 0), (8, 1, 0), (0x1000, 4, 0), (0xffc, 8, 0), (.max, 8, 0), (8, 3, 0),
      (8, 0, 0), (8, -1, 0),
    ] as [(UInt64, Int, UInt64)])
  func `Pieces that are aligned are read as QEMU reads them, smaller ones are 0`(
    offset: UInt64, size: Int, value: UInt64
  ) throws {
    #expect(try Self.file().read(offset: offset, size: size) == value)
  }

  @Test func `Of 8 bytes to a register of 4 the upper ones are lost`() throws {
    var file = try Self.file()
    _ = file.write(offset: 0x38, size: 8, value: 0x1234_0000_0000)
    #expect(file.read(offset: 0x38, size: 8) == 0)
    _ = file.write(offset: 0x3c, size: 4, value: 0x1234)
    #expect(file.read(offset: 0x38, size: 8) == 0x1234_0000_0000)
    _ = file.write(offset: 0x20, size: 8, value: 0x1_2345_6c00)
    #expect(file.read(offset: 0x20, size: 8) == 0x1_2345_6c00)
    _ = file.write(offset: 0x20, size: 2, value: 0)
    _ = file.write(offset: 0x22, size: 4, value: 0)
    #expect(file.read(offset: 0x20, size: 8) == 0x1_2345_6c00)
  }

  // MARK: - Commands

  @Test(arguments: 0..<32 as Range<UInt64>)
  func `The status shows what a command changed, as QEMU's but for translation`(
    bit: UInt64
  ) throws {
    var file = try Self.file()
    let effects = file.write(offset: 0x18, size: 4, value: 1 << bit)
    let done: Set<UInt64> = [24, 26, 30]
    #expect(file.read(offset: 0x1c, size: 4) == (done.contains(bit) ? 1 << bit : 0))
    let requests: [UInt64: VTdTranslation] = [31: .dma, 25: .interrupts]
    #expect(effects == (requests[bit].map { [.translationRequested($0)] } ?? []))
    #expect(file.read(offset: 0x18, size: 4) == 0)
    _ = file.write(offset: 0x18, size: 4, value: 0)
    #expect(file.read(offset: 0x1c, size: 4) == (bit == 26 || !done.contains(bit) ? 0 : 1 << bit))
  }

  @Test(
    arguments: [
      ("dma-translation=off", [.interrupts]), ("intremap=off", [.dma]),
      ("intremap=off,dma-translation=off", []), ("", [.dma, .interrupts]),
    ] as [(String, [VTdTranslation])])
  func `A guest can ask for what the capabilities offer only`(
    properties: String, requests: [VTdTranslation]
  ) throws {
    var file = try Self.file(properties)
    let effects = file.write(offset: 0x18, size: 4, value: 1 << 31 | 1 << 25)
    #expect(effects == requests.map { .translationRequested($0) })
    #expect(file.read(offset: 0x1c, size: 4) == 0)
  }

  @Test(arguments: [false, true], 0..<4 as Range<UInt64>)
  func `Invalidation by register is done at once, with QEMU's granularity`(
    queueIsOn: Bool, granularity: UInt64
  ) throws {
    var file = try Self.file()
    if queueIsOn { _ = file.write(offset: 0x18, size: 4, value: 1 << 26) }
    _ = file.write(offset: 0x28, size: 8, value: 1 << 63 | granularity << 61 | 0x1234)
    let done: [UInt64] = [0, 1, 1, 3]
    #expect(
      file.read(offset: 0x28, size: 8)
        == granularity << 61 | done[Int(granularity)] << 59 | 0x1234)
    _ = file.write(offset: 0xf0, size: 8, value: .max)
    _ = file.write(offset: 0xf8, size: 4, value: 0)
    _ = file.write(offset: 0xfc, size: 4, value: 1 << 31 | granularity << 28 | 5)
    #expect(
      file.read(offset: 0xf8, size: 8) == granularity << 60 | granularity << 57 | 5 << 32)
    #expect(file.read(offset: 0xf0, size: 8) == 0)
  }

  @Test func `Other capabilities are a reset to theirs`() throws {
    var file = try Self.file("")
    _ = file.write(offset: 0x20, size: 8, value: 0x1000)
    _ = file.write(offset: 0x18, size: 4, value: 1 << 26)
    file.capabilities = try Self.file("aw-bits=39,scalable-mode=on").capabilities
    #expect(file.read(offset: 0x08, size: 8) == file.capabilities.capability.bits)
    #expect(file.read(offset: 0x10, size: 8) == file.capabilities.extendedCapability.bits)
    #expect(file.read(offset: 0x1c, size: 8) == 0)
    #expect(file.nextDescriptor == nil)
  }

  // MARK: - Anything

  @Test(arguments: 0..<20 as Range<UInt64>)
  func `Whatever a guest writes, the unit answers and comes to rest`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let properties = ["", "scalable-mode=on", Self.pageRequests, "dma-translation=off"]
    var file = try Self.file(properties[Int(seed) % properties.count])
    let fixed = file
    for _ in 0..<2000 {
      let offset = UInt64.random(in: 0..<0x140, using: &generator)
      let size = [1, 2, 4, 4, 8, 8].randomElement(using: &generator) ?? 4
      let bits = [generator.next(), generator.next() & generator.next() & 0xfff0, .max, 1 << 26]
      _ = file.write(
        offset: Bool.random(using: &generator) ? offset : offset & ~7, size: size,
        value: bits.randomElement(using: &generator) ?? 0)
      var runs = 0
      while file.nextDescriptor != nil, runs <= 32768 {
        runs += 1
        let low = generator.next() & 0xff
        _ = file.run(runs % 100 == 0 ? nil : (low, generator.next()))
      }
      #expect(runs <= 32768)
      for capability in [0, 8, 0x10] as [UInt64] {
        #expect(file.read(offset: capability, size: 8) == fixed.read(offset: capability, size: 8))
      }
      // Translation is never on.
      #expect(file.read(offset: 0x1c, size: 4) & ~(1 << 30 | 1 << 26 | 1 << 24) == 0)
    }
  }
}
