/// A bit of CPUID with QEMU's name for it, as `-cpu model,+name,-name` takes it.
package struct CPUFeature: Equatable, Sendable {
  package let name: String
  package let leaf: UInt32
  package let index: UInt32
  package let register: CPUIDTable.Register
  /// Bit number in the register.
  package let bit: Int

  var mask: UInt32 { 1 << UInt32(bit) }

  /// The bits by this name, more than one for a name that stands for several; `_` counts as `-`, and
  /// the other names that QEMU takes are known.
  package static func named(_ name: String) -> [CPUFeature] {
    let dashed = String(name.map { $0 == "_" ? "-" : $0 })
    let known = otherNames[dashed] ?? dashed
    return all.filter { $0.name == known }
  }

  private static let otherNames = [
    "sse3": "pni", "pclmuldq": "pclmulqdq", "sse4-1": "sse4.1", "sse4-2": "sse4.2", "xd": "nx",
    "ffxsr": "fxsr-opt", "i64": "lm", "npt-lbrv": "lbrv",
  ]
}

extension CPUFeature {
  /// A register with the names of its bits from bit 0 on; `-` where a bit has none.
  private struct Word {
    var leaf: UInt32
    var index: UInt32 = 0
    var register: CPUIDTable.Register
    var names: String
  }

  /// Every feature that has a name, by register and bit.
  package static let all: [CPUFeature] = words.flatMap { word in
    word.names.split(separator: " ").enumerated().compactMap { bit, name in
      guard name != "-" else { return nil }
      return CPUFeature(
        name: String(name), leaf: word.leaf, index: word.index, register: word.register, bit: bit)
    }
  }

  private static let words = [
    Word(
      leaf: 1, register: .edx,
      names: """
        fpu vme de pse tsc msr pae mce cx8 apic - sep mtrr pge mca cmov pat pse36 pn clflush - ds \
        acpi mmx fxsr sse sse2 ss ht tm ia64 pbe
        """),
    Word(
      leaf: 1, register: .ecx,
      names: """
        pni pclmulqdq dtes64 monitor ds-cpl vmx smx est tm2 ssse3 cid - fma cx16 xtpr pdcm - pcid \
        dca sse4.1 sse4.2 x2apic movbe popcnt tsc-deadline aes xsave - avx f16c rdrand hypervisor
        """),
    Word(leaf: 6, register: .eax, names: "- - arat"),
    Word(
      leaf: 7, register: .ebx,
      names: """
        fsgsbase tsc-adjust sgx bmi1 hle avx2 fdp-excptn-only smep bmi2 erms invpcid rtm - \
        zero-fcs-fds mpx - avx512f avx512dq rdseed adx smap avx512ifma pcommit clflushopt clwb \
        intel-pt avx512pf avx512er avx512cd sha-ni avx512bw avx512vl
        """),
    Word(
      leaf: 7, register: .ecx,
      names: """
        - avx512vbmi umip pku - waitpkg avx512vbmi2 shstk gfni vaes vpclmulqdq avx512vnni \
        avx512bitalg - avx512-vpopcntdq - la57 - - - - - rdpid - bus-lock-detect cldemote - \
        movdiri movdir64b - sgxlc pks
        """),
    Word(
      leaf: 7, register: .edx,
      names: """
        - - avx512-4vnniw avx512-4fmaps fsrm - - - avx512-vp2intersect - md-clear - - - serialize - \
        tsx-ldtrk - - arch-lbr ibt - amx-bf16 avx512-fp16 amx-tile amx-int8 spec-ctrl stibp \
        flush-l1d arch-capabilities core-capability ssbd
        """),
    Word(
      leaf: 7, index: 1, register: .eax,
      names: """
        sha512 sm3 sm4 - avx-vnni avx512-bf16 lass cmpccxadd - - fzrm fsrs fsrc - - - - fred lkgs \
        wrmsrns - amx-fp16 - avx-ifma - - lam
        """),
    Word(
      leaf: 7, index: 1, register: .edx,
      names: """
        - - - - avx-vnni-int8 avx-ne-convert - - amx-complex - avx-vnni-int16 - - - prefetchiti - - \
        - - avx10
        """),
    Word(leaf: 0xd, index: 1, register: .eax, names: "xsaveopt xsavec xgetbv1 xsaves xfd"),
    Word(
      leaf: 0x8000_0001, register: .edx,
      names: """
        - - - - - - - - - - - syscall - - - - - - - mp nx - mmxext - - fxsr-opt pdpe1gb rdtscp - lm \
        3dnowext 3dnow
        """),
    Word(
      leaf: 0x8000_0001, register: .ecx,
      names: """
        lahf-lm cmp-legacy svm extapic cr8legacy abm sse4a misalignsse 3dnowprefetch osvw ibs xop \
        skinit wdt - lwp fma4 tce - nodeid-msr - tbm topoext perfctr-core perfctr-nb
        """),
    Word(leaf: 0x8000_0007, register: .ebx, names: "overflow-recov succor"),
    Word(leaf: 0x8000_0007, register: .edx, names: "- - - - - - - - invtsc"),
    Word(
      leaf: 0x8000_0008, register: .ebx,
      names: """
        clzero - xsaveerptr - - - - - - wbnoinvd - - ibpb - ibrs amd-stibp - stibp-always-on - - - - \
        - - amd-ssbd virt-ssbd amd-no-ssb - amd-psfd
        """),
    Word(
      leaf: 0x8000_000a, register: .edx,
      names: """
        npt lbrv svm-lock nrip-save tsc-scale vmcb-clean flushbyasid decodeassists - - pause-filter \
        - pfthreshold avic - v-vmsave-vmload vgif - - - - - - - - vnmi - - svme-addr-chk
        """),
    Word(
      leaf: 0x8000_0021, register: .eax,
      names: """
        no-nested-data-bp - lfence-always-serializing - - - null-sel-clr-base - auto-ibrs - - - - - \
        - - - - - - - - - - - - - sbpb ibpb-brtype srso-no srso-user-kernel-no
        """),
    Word(
      leaf: CPUIDTable.hypervisorFeatures, register: .eax,
      names: """
        kvmclock kvm-nopiodelay kvm-mmu kvmclock kvm-asyncpf kvm-steal-time kvm-pv-eoi \
        kvm-pv-unhalt - kvm-pv-tlb-flush - kvm-pv-ipi kvm-poll-control kvm-pv-sched-yield \
        kvm-asyncpf-int kvm-msi-ext-dest-id - - - - - - - - kvmclock-stable-bit
        """),
    Word(leaf: CPUIDTable.hypervisorFeatures, register: .edx, names: "kvm-hint-dedicated"),
  ]
}

extension CPUIDTable {
  /// The leaf with the features of KVM for its guests (`KVM_CPUID_FEATURES`).
  static let hypervisorFeatures: UInt32 = 0x4000_0001
}
