package import Tracing

/// Whose order of steps an assigned function follows where two versions of QEMU differ.
///
/// The code is one; each difference between the versions is one field here.
package struct VFIOFlow: Sendable, Equatable {
  /// The name on the command line.
  package let name: String
  /// Event names and formats.
  package let dialect: TraceDialect
  /// Before a reset, the power state is read before the command register is cleared, not after.
  package let checksPowerStateFirst: Bool
  /// A function that was reset as somebody's dependent still gets a hot reset of its own in the
  /// same machine reset.
  package let resetsDependentsAgain: Bool
  /// The machine reset's global part has an event of its own.
  package let announcesResetHandler: Bool
  /// The accelerator without CPUs offers resample irqfds: the proposal's log was taken under KVM.
  package let expectsIRQFD: Bool

  /// QEMU 11.1.
  package static let qemu11 = VFIOFlow(
    name: "qemu-11.1", dialect: .qemu11, checksPowerStateFirst: false,
    resetsDependentsAgain: false, announcesResetHandler: true, expectsIRQFD: false)

  /// The branch behind the third version of "Introduce new methods for verifying ownership in vfio
  /// PCI hot reset", April 2023.
  package static let iommufdRFCv3 = VFIOFlow(
    name: "iommufd-rfcv3", dialect: .iommufdRFCv3, checksPowerStateFirst: true,
    resetsDependentsAgain: true, announcesResetHandler: false, expectsIRQFD: true)

  package static let all: [VFIOFlow] = [.qemu11, .iommufdRFCv3]
}
