package import HostKernel
package import Hypervisor
internal import Passthrough
package import SystemPackage
package import Tracing
package import VFIO

/// Lets attached functions reach the machine's KVM VFIO device and guest memory.
///
/// Used under the machine lock.
package final class MachineAttachmentHost: AttachmentHost {
  private let kernel: any HostKernel
  private let accelerator: any Accelerator
  private let addressSpace: AddressSpace
  private let tracer: Tracer
  private let diagnostics: Diagnostics
  private var listeners: [DMAListener] = []

  package init(
    kernel: any HostKernel, accelerator: any Accelerator, addressSpace: AddressSpace,
    tracer: Tracer,
    diagnostics: Diagnostics
  ) {
    self.kernel = kernel
    self.accelerator = accelerator
    self.addressSpace = addressSpace
    self.tracer = tracer
    self.diagnostics = diagnostics
  }

  package func addFile(_ descriptor: Int32) throws(Errno) {
    do throws(AcceleratorError) { try accelerator.addVFIOFile(descriptor) } catch {
      throw error.errno ?? .ioError
    }
  }

  package func removeFile(_ descriptor: Int32) {
    try? accelerator.removeVFIOFile(descriptor)
  }

  package func connect(_ container: any DMAContainer) throws(AssignmentError.Failure) {
    let listener = DMAListener(
      container: container, tracer: tracer, diagnostics: diagnostics)
    addressSpace.register(listener)
    if let failure = listener.failure {
      let failure = failure.amid(need(with: listener))
      addressSpace.unregister(listener)
      throw failure
    }
    listeners.append(listener)
  }

  /// What a new address space and those of its kind lock together: type1 counts for the process,
  /// iommufd for the user.
  private func need(with listener: DMAListener) -> LockedMemoryNeed {
    let isIOMMUFD = listener.container.backend == .iommufd
    let needed = (listeners + [listener]).reduce(0 as UInt64) { sum, other in
      (other.container.backend == .iommufd) == isIOMMUFD ? sum &+ other.guestMemory : sum
    }
    return LockedMemoryNeed(limit: LockedMemoryNeed.limit(on: kernel), needed: needed)
  }

  package func disconnect(_ container: any DMAContainer) {
    guard let index = listeners.firstIndex(where: { $0.container === container }) else { return }
    addressSpace.unregister(listeners.remove(at: index))
  }
}
