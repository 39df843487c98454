import Hypervisor
import Testing

@Suite struct CPUStateTests {
  @Test(
    arguments: [
      (0x00af_9b00_0000_ffff, 0, 0xffff_ffff, 0xa09b), (0x00cf_9300_0000_ffff, 0, .max, 0xc093),
      (0x1240_9334_5678_9abc, 0x1234_5678, 0x9abc, 0x4093),
      (0x008f_8b00_0000_0067, 0, 0xf006_7fff, 0x808b), (0, 0, 0, 0),
    ] as [(UInt64, UInt64, UInt32, UInt16)])
  func aDescriptorIsTakenApart(
    descriptor: UInt64, base: UInt64, limit: UInt32, attributes: UInt16
  ) {
    #expect(
      CPUSegment(selector: 8, descriptor: descriptor)
        == CPUSegment(selector: 8, base: base, limit: limit, attributes: attributes))
  }

  @Test func resetIsAtTheTopOfTheFirst4GiB() {
    let state = CPUState.realModeReset
    #expect(state.cs.base + state.rip == 0xffff_fff0)
    #expect(state.cr0 == 0x6000_0010 && state.efer == 0 && state.rflags == 2)
  }

  @Test func protectedModeIsFlatAndWithoutPaging() {
    let state = CPUState.protected32(entry: 0x10_0000)
    #expect(state.rip == 0x10_0000 && state.cr0 == 0x11)
    for segment in [state.ds, state.es, state.fs, state.gs, state.ss, state.cs] {
      #expect(segment.base == 0 && segment.limit == .max && segment.attributes & 0x4080 == 0x4080)
    }
  }

  @Test func longModeHasTheSegmentsOfLinuxsBootProtocol() {
    let state = CPUState.long64(
      entry: 0x10_0200, pageTable: 0x9000, gdt: .init(base: 0x500, limit: 0x1f))
    #expect(state.cs.selector == 0x10 && state.cs.attributes & 0x6000 == 0x2000)
    #expect([state.ds, state.es, state.ss].allSatisfy { $0.selector == 0x18 })
    #expect(state.cr0 == 0x8000_0011 && state.cr4 == 0x20 && state.efer == 0x500)
    #expect(state.cr3 == 0x9000 && state.gdt.limit == 0x1f && state.rflags & 0x200 == 0)
  }
}
