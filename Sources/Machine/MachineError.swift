package import Board
package import Boot
package import Hypervisor
package import VFIO
package import VirtualIOMMU

/// Why a machine could not be built: what failed and the option that asked for it.
package struct MachineError: Error {
  package enum Cause: Error {
    case accelerator(AcceleratorError)
    case board(BoardError)
    case boot(BootError)
    case character(CharacterBackendError)
    case characterDeviceInUse(String)
    /// A character device that a device's property names, such as `isa-debugcon.chardev`, has a user.
    case characterDeviceTaken(String, property: String)
    case placement(PCIPlacementError)
    case assignment(AssignmentError)
    /// The vIOMMU's properties do not go together, or a device cannot live with them; `iommu` is the
    /// vIOMMU's option in full when another's is at fault.
    case viommu(ResolutionError, iommu: String?)
    /// `intremap=on` beside interrupt controllers that are all in the kernel.
    case remappingInKernel
    /// Ports beyond the last one, or none.
    case noSuchPorts
    case noIOMMUFD
    case noGuestCode
  }

  /// The option in full, such as `-device vfio-pci,host=0000:81:00.0`; nil when none is at fault.
  package let option: String?
  package let cause: Cause

  package init(_ cause: Cause, option: String? = nil) {
    self.cause = cause
    self.option = option
  }

  /// The lines for the user: the message first, then hints that stand without a prefix.
  package var lines: [String] {
    switch cause {
    case .accelerator(let error): Self.split(error.message)
    case .board(let error): Self.split(error.message)
    case .character(let error): Self.split(error.message)
    case .characterDeviceInUse(let id): ["Device '\(id)' is in use", Self.sharingHint]
    case .characterDeviceTaken(let id, let property):
      ["Property '\(property)' can't take value '\(id)', it's in use", Self.sharingHint]
    case .boot(let error): [error.message] + error.hints
    case .placement(let error): Self.split(error.message)
    case .assignment(let error): [error.message] + error.hints
    case .viommu(let error, let iommu):
      error.messages + error.hints.map { hint in iommu.map { "\($0): \(hint)" } ?? hint }
    case .remappingInKernel:
      [
        "Interrupt Remapping cannot work with kernel-irqchip=on, please use 'split|off'.",
        "Use -machine q35,kernel-irqchip=split, or leave intremap=on out.",
      ]
    case .noSuchPorts: ["the ports are not there", "There are ports 0 to 0xffff."]
    case .noIOMMUFD:
      [
        "/dev/iommu does not exist (is your kernel config missing CONFIG_IOMMUFD?)",
        "Use a kernel with iommufd, or leave -object iommufd and iommufd= out to use the function's "
          + "group instead.",
      ]
    case .noGuestCode:
      [
        "this machine has no firmware and no kernel to run",
        "Give it a kernel with -kernel FILE or an image with -bios FILE, start it with -S to build, "
          + "inspect and reset it, or use -accel qtest to drive it from a test.",
      ]
    }
  }

  private static let sharingHint =
    "Give each device a -chardev of its own, or one with mux=on."

  private static func split(_ text: String) -> [String] {
    text.split(separator: "\n").map(String.init)
  }
}
