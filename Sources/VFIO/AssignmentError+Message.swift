internal import SystemPackage

extension AssignmentError {
  /// What happened, in QEMU's words where it has any.
  package var message: String {
    switch failure {
    case .noSuchHostDevice(let path, let error):
      "vfio \(path): no such host device: \(error.description)"
    case .romFile: failure.message
    default:
      "vfio \(device): \(failure.message)"
    }
  }

  /// Who is at fault and what to do, each line without a prefix; the first is QEMU's hint if it has
  /// one.
  package var hints: [String] { hints(names: PCINames()) }

  /// The hints with the names of functions from a list.
  package func hints(names: PCINames) -> [String] { failure.hints(names: names) }
}

extension AssignmentError.Failure {
  /// The part of the message after the device's name.
  package var message: String {
    switch self {
    case .noSuchHostDevice(let path, let error):
      "\(path): no such host device: \(error.description)"
    case .noIOMMUGroup(let error):
      "no iommu_group found: \(error.description)"
    case .cannotOpenGroup(let path, let error, _):
      "Could not open '\(path)': \(error.description)"
    case .groupAlreadyOpen(let path, _):
      "Could not open '\(path)': \(Errno.resourceBusy.description)"
    case .groupStatus(let group, let error):
      "failed to get group \(group) status: \(error.description)"
    case .groupNotViable(let group, _):
      "group \(group) is not viable"
    case .cannotOpenContainer(let error):
      "failed to open /dev/vfio/vfio: \(error.description)"
    case .containerVersion(let version):
      "supported vfio version: 0, reported version: \(version)"
    case .noIOMMUType:
      "No available IOMMU models"
    case .cannotSetContainer(let group, let error):
      "failed to set group container for group \(group): \(error.description)"
    case .cannotSetIOMMU(let error):
      "failed to set iommu for container: \(error.description)"
    case .alreadyAttached:
      "device is already attached"
    case .noDeviceDescriptor(let group, let error, _):
      "error getting device from group \(group): \(error.description)"
    case .deviceInfo(let error):
      "error getting device info: \(error.description)"
    case .noVFIODirectory(let path, let error, _):
      "vfio \(path): couldn't open directory \(path): \(error.description)"
    case .noDeviceNode(let path, let error):
      "failed to load \"\(path)\": \(error.description)"
    case .cannotOpenDevice(let path, let error):
      "failed to open \(path): \(error.description)"
    case .cannotOpenIOMMUFD(let error):
      "Could not open '/dev/iommu': \(error.description)"
    case .cannotBind(let device, let iommufd, let error, _, _):
      "error bind device fd=\(device) to iommufd=\(iommufd): \(error.description)"
    case .cannotAllocateIOAS(let error):
      "Failed to allocate ioas: \(error.description)"
    case .cannotAllocateHWPT(let error):
      "Failed to allocate hwpt: \(error.description)"
    case .cannotAttach(let iommufd, let device, let table, let error):
      "[iommufd=\(iommufd)] error attach device (\(device)) pasid 0 to id=\(table): "
        + error.description
    case .hardwareInfo(let error):
      "Failed to get hardware info: \(error.description)"
    case .memoryListener(let region, let iova, let size, let address, let error, let backend, _):
      Self.memoryListener(region, iova, size, address, error, backend)
    case .kvmFile(let error):
      "Failed to add the file to the KVM VFIO device: \(error.description)"
    case .notPCI:
      "this isn't a PCI device"
    case .regionCount(let count):
      "unexpected number of io regions \(count)"
    case .interruptCount(let count):
      "unexpected number of irqs \(count)"
    case .regionInfo(let index, let error):
      "failed to get region \(index) info: \(error.description)"
    case .noConfigSpace(let size):
      "config region of 0x\(String(size, radix: 16)) bytes is too small"
    case .cannotReadConfig(let error):
      "failed to read device config space: \(error.description)"
    case .noMSIXInterrupt(let error):
      "failed to get MSI-X interrupt info: \(error.description)"
    case .invalidMSIX(let text):
      text
    case .invalidIdentity(let what):
      "invalid PCI \(what) provided"
    case .unsupportedPCIeType(let type):
      "assignment of PCIe type 0x\(String(type, radix: 16)) devices is not currently supported"
    case .cannotCreateEvent(let error):
      "event_notifier_init failed: \(error.description)"
    case .cannotMakeInterrupt(let setting, let error):
      "Failed to \(setting.isSetUp ? "set up" : "tear down") \(setting.action.rawValue) eventfd "
        + "signaling for interrupt \(setting.name): VFIO_DEVICE_SET_IRQS failure: "
        + error.description
    case .atsNotSupported(let message, _):
      message
    case .noSlot(let text):
      text
    case .romFile(let path, let problem):
      problem.message(path)
    }
  }

  private static func memoryListener(
    _ region: String, _ iova: UInt64, _ size: UInt64, _ address: UInt64, _ error: Errno,
    _ backend: AssignmentError.Backend
  ) -> String {
    let prefix =
      switch backend {
      case .group(let number): "failed to setup container for group \(number): "
      case .iommufd: ""
      }
    func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
    return prefix + "memory listener initialization failed: Region \(region): "
      + "vfio_container_dma_map(\(hex(iova)), \(hex(size)), \(hex(address))) = "
      + "-\(error.rawValue) (\(error.description))"
  }

  func hints(names: PCINames) -> [String] {
    switch self {
    case .noSuchHostDevice:
      ["The host has no such function. List the host's functions with lspci -D."]
    case .noIOMMUGroup:
      [
        "The function has no IOMMU group. Turn the IOMMU on in firmware and on the kernel command "
          + "line (intel_iommu=on for Intel)."
      ]
    case .cannotOpenGroup(_, .noSuchFileOrDirectory, let function),
      .noVFIODirectory(_, _, let function):
      [Self.bindHint(function, names)]
    case .cannotOpenGroup(_, .permissionDenied, _), .cannotOpenDevice(_, .permissionDenied):
      ["Run as root, or give this user access to the nodes under /dev/vfio."]
    case .groupAlreadyOpen(_, let users) where users.isEmpty:
      ["Another process has the group open. A group has one user at a time: end that process."]
    case .groupAlreadyOpen(_, let users):
      Self.userHints(users)
    case .groupNotViable(_, let blockers):
      [
        "Please ensure all devices within the iommu_group are bound to their vfio bus driver."
      ] + Self.blockerHints(blockers, names)
    case .cannotOpenContainer(.noSuchFileOrDirectory):
      ["The kernel offers no VFIO container. Load the module vfio."]
    case .noIOMMUType:
      ["Load the module vfio_iommu_type1."]
    case .alreadyAttached:
      ["Each host function can be given to a machine once. Remove one of the two -device options."]
    case .noDeviceDescriptor(let group, _, let function):
      [
        "Verify all devices in group \(group) are bound to vfio-<bus> or pci-stub and not already "
          + "in use"
      ] + (function.isOnVFIO ? [] : [Self.bindHint(function, names)])
    case .cannotOpenIOMMUFD(.noSuchFileOrDirectory):
      [
        "This kernel has no iommufd (CONFIG_IOMMUFD). Leave iommufd= out to use the function's "
          + "group instead."
      ]
    case .cannotOpenIOMMUFD(.permissionDenied):
      ["Run as root, or give this user access to /dev/iommu."]
    case .cannotBind(_, _, .notPermitted, let blockers, _) where !blockers.isEmpty:
      Self.blockerHints(blockers, names)
    case .cannotBind(_, _, .resourceBusy, _, let users) where !users.isEmpty,
      .cannotBind(_, _, .notPermitted, _, let users) where !users.isEmpty,
      .cannotBind(_, _, .invalidArgument, _, let users) where !users.isEmpty:
      Self.userHints(users)
    case .cannotBind(_, _, .resourceBusy, _, _), .cannotBind(_, _, .invalidArgument, _, _):
      [
        "The function, or its group's node in /dev/vfio, is open in another process or through "
          + "another -device option: end that use."
      ]
    case .cannotBind(_, _, .notPermitted, _, _):
      [
        "Another iommufd or container owns the function's IOMMU group: give all functions of one "
          + "group to the same iommufd object."
      ]
    case .cannotBind(_, let iommufd, .badFileDescriptor, _, _):
      ["Descriptor \(iommufd) given as fd= is not an open /dev/iommu."]
    case .memoryListener(_, _, _, _, .noMemory, _, let memory?):
      memory.hints
    case .atsNotSupported(_, let hint):
      [hint]
    case .romFile:
      [
        "Give romfile= the path of an expansion ROM image. Leave it out for the function's own ROM; "
          + "leave the path empty for none."
      ]
    default:
      []
    }
  }

  private static func bindHint(_ function: GroupMember, _ names: PCINames) -> String {
    "\(function.state(names: names)). "
      + "Bind it to vfio-pci: write vfio-pci to its driver_override in sysfs"
      + (function.driver.map { ", unbind \($0)" } ?? "")
      + ", then write its address to drivers_probe."
  }

  private static func userHints(_ users: [NodeUser]) -> [String] {
    users.map {
      "\($0.state): end that process, or give this machine a function of another group."
    }
  }

  private static func blockerHints(_ blockers: [GroupMember], _ names: PCINames) -> [String] {
    blockers.map { blocker in
      "\(blocker.state(" of the same group", names: names)): bind it to vfio-pci or unbind it."
    }
  }
}

extension AssignmentError.ROMFileProblem {
  /// QEMU's sentence about the file, with the reason where there is one.
  func message(_ path: String) -> String {
    switch self {
    case .notFound(let error): "failed to find romfile \"\(path)\": \(error.description)"
    case .notAFile: "failed to load romfile \"\(path)\": not a regular file"
    case .empty: "romfile \"\(path)\" is empty"
    case .tooLarge: "romfile \"\(path)\" too large (size cannot exceed 2 GiB)"
    case .unreadable(let error): "failed to load romfile \"\(path)\": \(error.description)"
    }
  }
}

extension InterruptSetting {
  /// The interrupt as QEMU names it, such as `INTX-0`.
  var name: String {
    let kinds = ["INTX", "MSI", "MSIX", "ERR", "REQ"]
    let kind = Int(index) < kinds.count ? kinds[Int(index)] : "IRQ\(index)"
    return "\(kind)-\(subindex)"
  }
}
