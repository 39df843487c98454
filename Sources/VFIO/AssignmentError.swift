package import SystemPackage

/// Why a host function cannot be assigned, as facts.
package struct AssignmentError: Error, Sendable, Equatable {
  /// The function's name as in traces.
  package let device: String
  package let failure: Failure

  package init(_ device: String, _ failure: Failure) {
    self.device = device
    self.failure = failure
  }

  /// What failed to happen.
  package enum Failure: Error, Equatable {
    case noSuchHostDevice(path: String, Errno)
    case noIOMMUGroup(Errno)
    case cannotOpenGroup(path: String, Errno, function: GroupMember)
    case groupAlreadyOpen(path: String, users: [NodeUser])
    case groupStatus(group: Int, Errno)
    case groupNotViable(group: Int, blockers: [GroupMember])
    case cannotOpenContainer(Errno)
    case containerVersion(Int32)
    case noIOMMUType
    case cannotSetContainer(group: Int, Errno)
    case cannotSetIOMMU(Errno)
    case alreadyAttached
    case noDeviceDescriptor(group: Int, Errno, function: GroupMember)
    case deviceInfo(Errno)
    case noVFIODirectory(path: String, Errno, function: GroupMember)
    case noDeviceNode(path: String, Errno)
    case cannotOpenDevice(path: String, Errno)
    case cannotOpenIOMMUFD(Errno)
    /// `blockers` are functions of the group on drivers of the host, `users` other processes that have
    /// the group open in some way.
    case cannotBind(
      device: Int32, iommufd: Int32, Errno, blockers: [GroupMember], users: [NodeUser])
    case cannotAllocateIOAS(Errno)
    case cannotAllocateHWPT(Errno)
    case cannotAttach(iommufd: Int32, device: Int32, to: UInt32, Errno)
    case hardwareInfo(Errno)
    /// `memory` is known when locked memory may be what is missing.
    case memoryListener(
      region: String, iova: UInt64, size: UInt64, address: UInt64, Errno, Backend,
      memory: LockedMemoryNeed? = nil)
    case kvmFile(Errno)
    case notPCI
    case regionCount(UInt32)
    case interruptCount(UInt32)
    case regionInfo(index: Int, Errno)
    case noConfigSpace(size: UInt64)
    case cannotReadConfig(Errno)
    case noMSIXInterrupt(Errno)
    case invalidMSIX(String)
    /// A number of this kind that no register can hold.
    case invalidIdentity(String)
    case unsupportedPCIeType(UInt8)
    case cannotCreateEvent(Errno)
    case cannotMakeInterrupt(InterruptSetting, Errno)
    /// `ats=on` for a function with which the host cannot use it.
    case atsNotSupported(message: String, hint: String)
    case noSlot(String)
    case romFile(path: String, ROMFileProblem)
  }

  /// What is wrong with the file given as `romfile`.
  package enum ROMFileProblem: Sendable, Equatable {
    case notFound(Errno)
    case notAFile
    case empty
    case tooLarge
    case unreadable(Errno)
  }

  /// The kernel interface that a function is assigned through.
  package enum Backend: Sendable, Equatable {
    case group(Int)
    case iommufd
  }
}

extension AssignmentError.Failure {
  /// This failure with what is known of locked memory, if that may be the reason.
  package func amid(_ need: @autoclosure () -> LockedMemoryNeed) -> AssignmentError.Failure {
    guard
      case .memoryListener(
        let region, let iova, let size, let address, .noMemory, let backend, memory: nil) = self
    else { return self }
    return .memoryListener(
      region: region, iova: iova, size: size, address: address, .noMemory, backend,
      memory: need())
  }
}

/// One use of `VFIO_DEVICE_SET_IRQS`, as messages name it.
package struct InterruptSetting: Sendable, Equatable {
  package enum Action: String, Sendable {
    case mask = "MASK"
    case unmask = "UNMASK"
    case trigger = "TRIGGER"
  }

  /// `VFIO_PCI_*_IRQ_INDEX`.
  package let index: UInt32
  package let subindex: UInt32
  package let action: Action
  /// Whether an eventfd was being set up; otherwise torn down.
  package let isSetUp: Bool

  package init(index: UInt32, subindex: UInt32 = 0, action: Action, isSetUp: Bool) {
    self.index = index
    self.subindex = subindex
    self.action = action
    self.isSetUp = isSetUp
  }
}
