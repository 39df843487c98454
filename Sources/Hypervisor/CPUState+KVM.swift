internal import CLinux

extension CPUState {
  /// The part that `KVM_SET_REGS` takes.
  var registers: kvm_regs {
    var regs = kvm_regs()
    (regs.rax, regs.rbx, regs.rcx, regs.rdx) = (general.rax, general.rbx, general.rcx, general.rdx)
    (regs.rsi, regs.rdi, regs.rsp, regs.rbp) = (general.rsi, general.rdi, general.rsp, general.rbp)
    (regs.r8, regs.r9, regs.r10, regs.r11) = (general.r8, general.r9, general.r10, general.r11)
    (regs.r12, regs.r13, regs.r14, regs.r15) = (
      general.r12, general.r13, general.r14, general.r15
    )
    (regs.rip, regs.rflags) = (rip, rflags)
    return regs
  }

  /// Puts the part that `KVM_SET_SREGS` takes over what a CPU has; the interrupt controller's base and
  /// CR8 stay.
  func apply(to sregs: inout kvm_sregs) {
    sregs.cs = cs.abi
    sregs.ds = ds.abi
    sregs.es = es.abi
    sregs.fs = fs.abi
    sregs.gs = gs.abi
    sregs.ss = ss.abi
    sregs.tr = tr.abi
    sregs.ldt = ldt.abi
    (sregs.gdt.base, sregs.gdt.limit) = (gdt.base, gdt.limit)
    (sregs.idt.base, sregs.idt.limit) = (idt.base, idt.limit)
    (sregs.cr0, sregs.cr2, sregs.cr3, sregs.cr4) = (cr0, cr2, cr3, cr4)
    sregs.efer = efer
  }

  /// What `KVM_GET_REGS` and `KVM_GET_SREGS` gave.
  init(_ regs: kvm_regs, _ sregs: kvm_sregs) {
    self = .realModeReset
    (general.rax, general.rbx, general.rcx, general.rdx) = (regs.rax, regs.rbx, regs.rcx, regs.rdx)
    (general.rsi, general.rdi, general.rsp, general.rbp) = (regs.rsi, regs.rdi, regs.rsp, regs.rbp)
    (general.r8, general.r9, general.r10, general.r11) = (regs.r8, regs.r9, regs.r10, regs.r11)
    (general.r12, general.r13, general.r14, general.r15) = (
      regs.r12, regs.r13, regs.r14, regs.r15
    )
    (rip, rflags) = (regs.rip, regs.rflags)
    cs = CPUSegment(sregs.cs)
    ds = CPUSegment(sregs.ds)
    es = CPUSegment(sregs.es)
    fs = CPUSegment(sregs.fs)
    gs = CPUSegment(sregs.gs)
    ss = CPUSegment(sregs.ss)
    tr = CPUSegment(sregs.tr)
    ldt = CPUSegment(sregs.ldt)
    gdt = DescriptorTable(base: sregs.gdt.base, limit: sregs.gdt.limit)
    idt = DescriptorTable(base: sregs.idt.base, limit: sregs.idt.limit)
    (cr0, cr2, cr3, cr4) = (sregs.cr0, sregs.cr2, sregs.cr3, sregs.cr4)
    efer = sregs.efer
  }
}

extension CPUSegment {
  /// The segment as `struct kvm_segment` has it, with each attribute in a field of its own.
  fileprivate var abi: kvm_segment {
    func bits(_ shift: Int, _ mask: UInt16 = 1) -> UInt8 {
      UInt8(truncatingIfNeeded: attributes >> UInt16(shift) & mask)
    }
    var segment = kvm_segment()
    (segment.base, segment.limit, segment.selector) = (base, limit, selector)
    segment.type = bits(0, 0xf)
    segment.s = bits(4)
    segment.dpl = bits(5, 3)
    segment.present = bits(7)
    segment.avl = bits(12)
    segment.l = bits(13)
    segment.db = bits(14)
    segment.g = bits(15)
    segment.unusable = segment.present ^ 1
    return segment
  }

  fileprivate init(_ segment: kvm_segment) {
    let fields: [(value: UInt8, shift: UInt16, mask: UInt8)] = [
      (segment.type, 0, 0xf), (segment.s, 4, 1), (segment.dpl, 5, 3), (segment.present, 7, 1),
      (segment.avl, 12, 1), (segment.l, 13, 1), (segment.db, 14, 1), (segment.g, 15, 1),
    ]
    self.init(
      selector: segment.selector, base: segment.base, limit: segment.limit,
      attributes: fields.reduce(0) { $0 | UInt16($1.value & $1.mask) << $1.shift })
  }
}
