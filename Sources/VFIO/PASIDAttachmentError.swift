package import SystemPackage

/// Why a PASID of a device could not be attached to a page table, or detached from it.
package struct PASIDAttachmentError: Error, Equatable, Sendable {
  package enum Operation: Equatable, Sendable {
    case attach
    case detach
  }

  /// What stands in the way.
  package enum Cause: Equatable, Sendable {
    /// The device was attached through its group, where there are no PASIDs.
    case notIOMMUFD
    /// The device is not attached to this machine, or not any more (`EBADF`).
    case notAttached
    /// PASID 0 is the device's requests without PASID, which have a table of their own.
    case reserved
    /// HW_INFO gives the device no PASIDs; the kernel would accept one without effect.
    case deviceHasNone
    /// The device's PASIDs have this many bits.
    case beyondWidth(Int)
    /// `ENOSPC`: the kernel takes no PASID of 2^31 or above.
    case beyondKernel
    /// `ENOENT`: no such page table.
    case noSuchTable
    /// `EINVAL`: the table or that of the device's other requests was not made for PASIDs or does not
    /// fit its IOMMU, or a function of the same group has fewer PASIDs.
    case incompatible
    /// `EOPNOTSUPP`: the IOMMU's driver has no PASIDs.
    case notSupported
    /// `EBUSY`: a function of the group is being reset.
    case busy
    /// `EADDRINUSE`: a mapping is where the device must not have one.
    case addressInUse
    /// `ENODEV`: the table reports page faults, and the device cannot ask for pages.
    case noPageRequests
    /// `ENOMEM`: memory, or the limit of locked memory.
    case noMemory
    /// `EFAULT`: the kernel could not read or write the argument, or not pin what is mapped.
    case badAddress
    /// The device has no driver any more, or the kernel said something that is not expected.
    case other
  }

  package let operation: Operation
  /// The name in traces.
  package let device: String
  package let deviceDescriptor: Int32
  /// -1 when there is none.
  package let iommufd: Int32
  package let pasid: UInt32
  /// The page table's id, if it came to that.
  package let table: UInt32?
  package let cause: Cause
  /// What the kernel answered; nil when it was not asked.
  package let errno: Errno?

  /// QEMU 11.1's words.
  package var message: String {
    let reason = errno?.description ?? explanation
    switch operation {
    case .attach:
      let table = table.map { "id=\($0)" } ?? "its address space"
      return "[iommufd=\(iommufd)] error attach \(device) (\(deviceDescriptor)) pasid \(pasid) to "
        + "\(table): \(reason)"
    case .detach:
      return "detach \(device) pasid \(pasid) failed: \(reason)"
    }
  }

  /// What it means.
  package var explanation: String {
    switch cause {
    case .notIOMMUFD: "the device is assigned without iommufd"
    case .notAttached: "the device is not attached"
    case .reserved: "PASID 0 stands for requests without PASID"
    case .deviceHasNone: "the host reports no PASID width for the device"
    case .beyondWidth(let width): "the device's PASIDs have \(width) bits"
    case .beyondKernel: "the kernel takes no PASID this large"
    case .noSuchTable: "there is no such page table"
    case .incompatible:
      "the page table, or the one of the device's other requests, was not made for PASIDs or not for "
        + "its IOMMU, or a function of its group has fewer PASIDs"
    case .notSupported: "the host's IOMMU driver has no PASIDs"
    case .busy: "a function of the device's group is being reset; try again"
    case .addressInUse: "memory is mapped where the device must have none"
    case .noPageRequests: "the page table reports faults and the device cannot ask for pages"
    case .noMemory: "memory, or locked memory (ulimit -l), is short"
    case .badAddress: "mapped memory is not there, or the kernel could not reach the argument"
    case .other: "the kernel refused"
    }
  }
}

extension PASIDAttachmentError.Cause {
  /// What the kernel's answer means.
  init(_ errno: Errno) {
    self =
      switch errno {
      case .badFileDescriptor: .notAttached
      case .noSpace: .beyondKernel
      case .noSuchFileOrDirectory: .noSuchTable
      case .invalidArgument: .incompatible
      case .notSupported: .notSupported
      case .resourceBusy: .busy
      case .addressInUse: .addressInUse
      case .operationNotSupportedByDevice: .noPageRequests
      case .noMemory: .noMemory
      case .badAddress: .badAddress
      default: .other
      }
  }
}
