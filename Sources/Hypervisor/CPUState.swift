/// The architectural state that a CPU starts from: after a reset, or as a boot protocol wants it.
///
/// What is not here (debug registers, vector state, model-specific registers but EFER) is as after a
/// processor reset.
package struct CPUState: Equatable, Sendable {
  /// The sixteen general registers.
  package struct GeneralRegisters: Equatable, Sendable {
    package var rax: UInt64 = 0
    package var rbx: UInt64 = 0
    package var rcx: UInt64 = 0
    package var rdx: UInt64 = 0
    package var rsi: UInt64 = 0
    package var rdi: UInt64 = 0
    package var rsp: UInt64 = 0
    package var rbp: UInt64 = 0
    package var r8: UInt64 = 0
    package var r9: UInt64 = 0
    package var r10: UInt64 = 0
    package var r11: UInt64 = 0
    package var r12: UInt64 = 0
    package var r13: UInt64 = 0
    package var r14: UInt64 = 0
    package var r15: UInt64 = 0

    package init() {}
  }

  /// What the processor keeps of a global or interrupt descriptor table.
  package struct DescriptorTable: Equatable, Sendable {
    /// Linear address of the first descriptor.
    package var base: UInt64
    /// Byte offset of the table's last byte.
    package var limit: UInt16

    package init(base: UInt64 = 0, limit: UInt16 = 0) {
      self.base = base
      self.limit = limit
    }
  }

  package var general = GeneralRegisters()
  package var rip: UInt64 = 0
  /// Bit 1 is always one.
  package var rflags: UInt64 = 2
  package var cs: CPUSegment
  package var ds: CPUSegment
  package var es: CPUSegment
  package var fs: CPUSegment
  package var gs: CPUSegment
  package var ss: CPUSegment
  package var tr: CPUSegment
  package var ldt: CPUSegment
  package var gdt = DescriptorTable()
  package var idt = DescriptorTable()
  package var cr0: UInt64
  package var cr2: UInt64 = 0
  package var cr3: UInt64 = 0
  package var cr4: UInt64 = 0
  package var efer: UInt64 = 0

  /// Data in DS, ES, FS, GS and SS, an empty local table and a task segment that the processor takes
  /// in any mode.
  private init(code: CPUSegment, data: CPUSegment, task: CPUSegment, cr0: UInt64) {
    cs = code
    (ds, es, fs, gs, ss) = (data, data, data, data, data)
    tr = task
    ldt = CPUSegment(selector: 0, base: 0, limit: 0xffff, attributes: 0x82)
    self.cr0 = cr0
  }
}

extension CPUState {
  /// Real mode at the reset vector, 0xfffffff0 by F000:FFF0. The processor's signature, which RDX
  /// holds then, is left to whoever knows the processor.
  package static var realModeReset: CPUState {
    var state = CPUState(
      code: CPUSegment(selector: 0xf000, base: 0xffff_0000, limit: 0xffff, attributes: 0x9b),
      data: CPUSegment(selector: 0, base: 0, limit: 0xffff, attributes: 0x93),
      task: CPUSegment(selector: 0, base: 0, limit: 0xffff, attributes: 0x8b),
      cr0: ControlBits.extensionType | ControlBits.notWriteThrough | ControlBits.cacheDisable)
    state.rip = 0xfff0
    state.gdt.limit = 0xffff
    state.idt.limit = 0xffff
    return state
  }

  /// Flat 32-bit protected mode without paging, interrupts off: the entry state of multiboot 1 and of
  /// PVH. The general registers that such a protocol uses are the caller's to set. No descriptor table
  /// is loaded, so a guest must load its own before it loads a segment register.
  package static func protected32(entry: UInt32) -> CPUState {
    var state = CPUState(
      code: CPUSegment(selector: 0x10, base: 0, limit: .max, attributes: 0xc09b),
      data: CPUSegment(selector: 0x18, base: 0, limit: .max, attributes: 0xc093),
      task: CPUSegment(selector: 0x20, base: 0, limit: 0x67, attributes: 0x8b),
      cr0: ControlBits.protectedMode | ControlBits.extensionType)
    state.rip = UInt64(entry)
    return state
  }

  /// 64-bit mode with paging through `pageTable` (physical address of the top level), interrupts off:
  /// the entry state of Linux's 64-bit boot protocol. `gdt` must lie in guest memory and hold 64-bit
  /// code at selector 0x10 and data at 0x18.
  package static func long64(
    entry: UInt64, pageTable: UInt64, gdt: DescriptorTable
  ) -> CPUState {
    var state = CPUState(
      code: CPUSegment(selector: 0x10, base: 0, limit: .max, attributes: 0xa09b),
      data: CPUSegment(selector: 0x18, base: 0, limit: .max, attributes: 0xc093),
      task: CPUSegment(selector: 0x20, base: 0, limit: 0x67, attributes: 0x8b),
      cr0: ControlBits.protectedMode | ControlBits.extensionType | ControlBits.paging)
    state.rip = entry
    state.gdt = gdt
    state.cr3 = pageTable
    state.cr4 = ControlBits.physicalAddressExtension
    state.efer = ControlBits.longModeEnable | ControlBits.longModeActive
    return state
  }

  /// Bits of CR0, CR4 and EFER that the entry states set (SDM volume 3, 2.5 and 2.2.1).
  private enum ControlBits {
    static let protectedMode: UInt64 = 1 << 0
    static let extensionType: UInt64 = 1 << 4
    static let notWriteThrough: UInt64 = 1 << 29
    static let cacheDisable: UInt64 = 1 << 30
    static let paging: UInt64 = 1 << 31
    static let physicalAddressExtension: UInt64 = 1 << 5
    static let longModeEnable: UInt64 = 1 << 8
    static let longModeActive: UInt64 = 1 << 10
  }
}
