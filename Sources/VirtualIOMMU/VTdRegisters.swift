/// The registers that say what a vIOMMU can do, bit for bit those of QEMU 11.1's `intel-iommu`.
package struct VTdRegisters: Equatable, Sendable {
  /// VER_REG, at 0x00: 1.0 whatever the properties.
  package let version: UInt32
  /// CAP_REG, at 0x08.
  package let capability: VTdCapability
  /// ECAP_REG, at 0x10.
  package let extendedCapability: VTdExtendedCapability

  /// Where the registers are in the guest's memory.
  package static let baseAddress: UInt64 = 0xfed9_0000
  /// How many bytes they take there.
  package static let size: UInt64 = 0x1000

  package init(_ values: VIOMMUValues) {
    version = 0x10
    capability = VTdCapability(bits: Self.capability(values))
    extendedCapability = VTdExtendedCapability(bits: Self.extendedCapability(values))
  }

  private static func capability(_ values: VIOMMUValues) -> UInt64 {
    typealias Register = VTdCapability
    // Domain ids of 16 bits, one fault record at 0x220, second-stage pages of 2 MiB and 1 GiB,
    // page-selective invalidation of up to 2^18 pages, draining, a root pointer that needs no flush.
    var bits =
      Register.nd.register(6) | Register.fro.register(0x22) | Register.sllps.register(0b11)
      | Register.psi.register(1) | Register.mamv.register(18) | Register.dwd.register(1)
      | Register.drd.register(1) | Register.esrtps.register(1)
    bits |= Register.mgaw.register(values.addressWidth - 1)
    if values.translatesDMA {
      bits |= Register.sagaw.register(values.addressWidth >= 48 ? 0b110 : 0b010)
    }
    if values.cachesNotPresent { bits |= Register.cm.register(1) }
    if values.hasFirstStage1GiB { bits |= Register.fl1gp.register(1) }
    return bits
  }

  private static func extendedCapability(_ values: VIOMMUValues) -> UInt64 {
    typealias Register = VTdExtendedCapability
    var bits = Register.qi.register(1) | Register.pt.register(1) | Register.iro.register(0xf)
    if values.remapsInterrupts { bits |= Register.ir.register(1) | Register.mhmv.register(0xf) }
    if values.hasExtendedInterruptMode { bits |= Register.eim.register(1) }
    if values.hasDeviceTLB { bits |= Register.dt.register(1) }
    if values.controlsSnooping { bits |= Register.sc.register(1) }
    guard values.isScalable else { return bits }
    bits |= Register.smts.register(1)
    // Supervisor requests go with second-stage tables only.
    bits |=
      values.hasFirstStage
      ? Register.flts.register(1) : Register.slts.register(1) | Register.srs.register(1)
    if values.pasidWidth > 0 {
      bits |= Register.pasid.register(1) | Register.pss.register(values.pasidWidth - 1)
    }
    if values.hasSharedVirtualMemory {
      bits |= Register.prs.register(1) | Register.pds.register(1) | Register.nwfs.register(1)
    }
    return bits
  }
}
