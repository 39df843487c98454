import Testing
import VirtualIOMMU

/// Numbers as the kernel puts them into type data.
func bytes(_ numbers: [(value: UInt64, count: Int)]) -> [UInt8] {
  numbers.flatMap { number in
    (0..<number.count).map { UInt8(truncatingIfNeeded: number.value >> UInt64(8 * $0)) }
  }
}

/// The kernel's structure for a VT-d unit.
func vtd(cap: UInt64, ecap: UInt64, flags: UInt64 = 1) -> [UInt8] {
  bytes([(flags, 4), (0, 4), (cap, 8), (ecap, 8)])
}

@Suite struct TypeDataTests {
  // The registers of QEMU 11.1's unit with scalable-mode=on,pasid-bits=20,device-iotlb=on,
  // snoop-control=on,caching-mode=on: an implementation of the layout that is not ours.
  @Test func `A VT-d unit's registers are read into named fields`() throws {
    let data = IOMMUTypeData(
      type: 1, data: vtd(cap: 0x80d2_008c_222f_0686, ecap: 0x4998_80f0_0fce))
    guard case .vtd(let unit) = data else {
      Issue.record("not VT-d: \(data)")
      return
    }
    #expect(unit.flags == 1)
    #expect(unit.capability.domainIDWidth == 16)
    #expect(unit.capability.cachesNotPresent)
    #expect(unit.capability.tableWidths == [39, 48])
    #expect(unit.capability.maximumAddressWidth == 48)
    #expect(unit.capability.faultRecordOffset == 0x220)
    #expect(unit.capability.faultRecordCount == 1)
    #expect(unit.capability.secondStageLargePages == 0x4020_0000)
    #expect(!unit.capability.hasFirstStage1GiB)
    #expect(!unit.capability.hasFirstStage5Levels)
    #expect(!unit.capability.postsInterrupts)
    let extended = unit.extendedCapability
    #expect(!extended.isCoherent)
    #expect(extended.hasQueuedInvalidation)
    #expect(extended.hasDeviceTLB)
    #expect(extended.remapsInterrupts)
    #expect(!extended.hasExtendedInterruptMode)
    #expect(extended.hasPassThrough)
    #expect(extended.hasSnoopControl)
    #expect(extended.iotlbRegisterOffset == 0xf0)
    #expect(!extended.nests)
    #expect(!extended.hasPageRequests)
    #expect(!extended.hasExecuteRequests)
    #expect(extended.hasSupervisorRequests)
    #expect(extended.pasidWidth == 20)
    #expect(!extended.throttlesDeviceTLBInvalidation)
    #expect(extended.hasScalableMode)
    #expect(!extended.hasSecondStageAccessedDirty)
    #expect(extended.hasSecondStage)
    #expect(!extended.hasFirstStage)
    #expect(data.pasidWidth == 20)
    #expect(data.hasDeviceTLB == true)
    #expect(data.controlsSnooping == true)
  }

  /// Bit positions of VT-d 4.1, sections 11.4.2 and 11.4.3.
  @Test(arguments: [
    ("cap", "ND", 0, 3), ("cap", "CM", 7, 1), ("cap", "SAGAW", 8, 5), ("cap", "MGAW", 16, 6),
    ("cap", "ZLR", 22, 1), ("cap", "FRO", 24, 10), ("cap", "SLLPS", 34, 4), ("cap", "PSI", 39, 1),
    ("cap", "NFR", 40, 8), ("cap", "MAMV", 48, 6), ("cap", "FL1GP", 56, 1), ("cap", "PI", 59, 1),
    ("cap", "FL5LP", 60, 1), ("cap", "ESRTPS", 63, 1), ("ecap", "C", 0, 1), ("ecap", "QI", 1, 1),
    ("ecap", "DT", 2, 1), ("ecap", "IR", 3, 1), ("ecap", "EIM", 4, 1), ("ecap", "PT", 6, 1),
    ("ecap", "SC", 7, 1), ("ecap", "IRO", 8, 10), ("ecap", "MHMV", 20, 4), ("ecap", "NEST", 26, 1),
    ("ecap", "PRS", 29, 1), ("ecap", "ERS", 30, 1), ("ecap", "SRS", 31, 1),
    ("ecap", "PSS", 35, 5), ("ecap", "PASID", 40, 1), ("ecap", "DIT", 41, 1),
    ("ecap", "SMTS", 43, 1), ("ecap", "SLADS", 45, 1), ("ecap", "SLTS", 46, 1),
    ("ecap", "FLTS", 47, 1),
  ])
  func `Each field of a VT-d register has its own bits and no others`(
    register: String, field: String, shift: Int, width: Int
  ) throws {
    let all = (UInt64(1) << UInt64(width)) - 1
    for (bits, expected) in [(all << UInt64(shift), Int(all)), (~(all << UInt64(shift)), 0)] {
      let data = IOMMUTypeData(
        type: 1,
        data: vtd(cap: register == "cap" ? bits : 0, ecap: register == "ecap" ? bits : 0))
      let row = try #require(data.registers.first { $0.name == register })
      #expect(row.fields.first { $0.name == field }?.value == expected)
    }
  }

  @Test func `The fields of a register are disjoint and inside of it`() {
    for (type, length, width) in [(1, 24, 64), (2, 40, 32), (4, 16, 64)] as [(UInt32, Int, Int)] {
      for byte in 0..<length {
        for bit in 0..<8 {
          var data = [UInt8](repeating: 0, count: length)
          data[byte] = 1 << UInt8(bit)
          let rows = IOMMUTypeData(type: type, data: data).registers
          #expect(rows.flatMap(\.fields).filter { $0.value != 0 }.count <= 1)
          #expect(rows.filter { $0.bits != 0 }.count <= 1)
          #expect(rows.allSatisfy { width == 64 || $0.bits <= UInt64(UInt32.max) })
        }
      }
    }
  }

  @Test func `A unit without the PASID bit has none whatever its size field says`() {
    let data = IOMMUTypeData(type: 1, data: vtd(cap: 0, ecap: 0xf8_0000_0000))
    #expect(data.pasidWidth == 0)
  }

  @Test func `An SMMUv3 is read with the kernel's layout`() {
    let data = IOMMUTypeData(
      type: 2,
      data: bytes([
        (0, 4), (0, 4), (1 << 10 | 1 << 1, 4), (20 << 6 | 16, 4), (0x3ff, 4), (1 << 10, 4),
        (0xdead_beef, 4), (5 | 1 << 4, 4), (0x43b, 4), (0x12, 4),
      ]))
    guard case .smmuv3(let unit) = data else {
      Issue.record("not SMMUv3: \(data)")
      return
    }
    #expect(unit.pasidWidth == 20)
    #expect(unit.hasDeviceTLB)
    #expect(unit.outputAddressWidth == 48)
    #expect(unit.idr4 == 0xdead_beef)
    let fields = Dictionary(
      data.registers.flatMap { row in row.fields.map { ("\(row.name).\($0.name)", $0.value) } },
      uniquingKeysWith: { first, _ in first })
    #expect(fields["idr0.S1P"] == 1)
    #expect(fields["idr0.S2P"] == 0)
    #expect(fields["idr1.SIDSIZE"] == 16)
    #expect(fields["idr3.RIL"] == 1)
    #expect(fields["idr5.GRAN4K"] == 1)
    #expect(fields["iidr.Implementer"] == 0x43b)
    #expect(fields["aidr.ArchMajorRev"] == 1)
    #expect(fields["aidr.ArchMinorRev"] == 2)
    #expect(data.controlsSnooping == nil)
  }

  @Test func `An AMD unit's PASIDs need guest translation`() {
    let wide: UInt64 = 19 << 32 | 1 << 4
    let amd = { (efr: UInt64) in IOMMUTypeData(type: 4, data: bytes([(efr, 8), (0, 8)])) }
    #expect(amd(wide).pasidWidth == 20)
    #expect(amd(wide & ~0x10).pasidWidth == 0)
    #expect(amd(15 << 32 | 1 << 4).pasidWidth == 16)
    #expect(amd(wide).hasDeviceTLB == nil)
    #expect(amd(wide).controlsSnooping == true)
    if case .amd(let unit) = amd(2 << 10) { #expect(unit.hostTableLevels == 6) }
    if case .amd(let unit) = amd(3 << 10) { #expect(unit.hostTableLevels == nil) }
  }

  @Test(arguments: [(3, 8), (99, 4096), (1, 23), (2, 39), (4, 15)] as [(UInt32, Int)])
  func `A type not known, or cut short, is reported as such and says nothing`(
    type: UInt32, length: Int
  ) {
    let data = IOMMUTypeData(type: type, data: [UInt8](repeating: 0xff, count: length))
    #expect(data == .unknown(type: type, length: length))
    #expect(data.type == type)
    #expect(data.name == "unknown (type \(type), \(length) bytes)")
    #expect(data.pasidWidth == nil)
    #expect(data.hasDeviceTLB == nil)
    #expect(data.controlsSnooping == nil)
    #expect(data.registers.isEmpty)
  }

  @Test func `Bytes past a structure's end are left alone`() {
    let data = vtd(cap: 0x1234, ecap: 0x5678)
    #expect(IOMMUTypeData(type: 1, data: data + [1, 2, 3]) == IOMMUTypeData(type: 1, data: data))
  }
}
