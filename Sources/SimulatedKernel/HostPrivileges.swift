internal import SystemPackage

/// What the caller of a simulated host may do; everything by default.
package struct HostPrivileges: Sendable, Equatable {
  /// A capability that the model asks for; values as in `capabilities(7)`.
  package enum Capability: Int, Sendable {
    case ipcLock = 14
    case sysRawIO = 17
    case sysResource = 24
  }

  /// The capabilities that the caller lacks.
  package var missing: Set<Capability>
  /// `RLIMIT_MEMLOCK` in bytes; nil for no limit.
  package var lockedMemoryLimit: UInt64?

  package init(missing: Set<Capability> = [], lockedMemoryLimit: UInt64? = nil) {
    self.missing = missing
    self.lockedMemoryLimit = lockedMemoryLimit
  }

  func has(_ capability: Capability) -> Bool { !missing.contains(capability) }
}

/// Parameters of the host's kernel modules, which can be changed while it runs.
struct ModuleParameters {
  /// `allow_unsafe_interrupts` of `vfio_iommu_type1`.
  var type1AllowsUnsafeInterrupts: Bool
  /// `dma_entry_limit` of `vfio_iommu_type1`: how many mappings a new container takes.
  var type1EntryLimit: UInt32 = 65535
  /// `allow_unsafe_interrupts` of `iommufd`.
  var iommufdAllowsUnsafeInterrupts: Bool
  /// `enable_unsafe_noiommu_mode` of `vfio`, looked at when a driver is bound.
  var allowsNoIOMMU: Bool

  /// Writes a parameter, a switch as 0 or 1. Throws `ENOENT` for one that the model does not have.
  mutating func set(
    _ parameter: String, of module: String, to value: UInt32
  ) throws(Errno) {
    switch (module, parameter) {
    case ("vfio_iommu_type1", "allow_unsafe_interrupts"): type1AllowsUnsafeInterrupts = value != 0
    case ("vfio_iommu_type1", "dma_entry_limit"): type1EntryLimit = value
    case ("vfio", "enable_unsafe_noiommu_mode"): allowsNoIOMMU = value != 0
    case ("iommufd", "allow_unsafe_interrupts"): iommufdAllowsUnsafeInterrupts = value != 0
    default: throw .enoent
    }
  }
}
