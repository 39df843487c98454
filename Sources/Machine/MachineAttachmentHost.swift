package import Hypervisor
internal import Passthrough
package import SystemPackage
package import Tracing
package import VFIO

/// Lets attached functions reach the machine's KVM VFIO device and guest memory.
///
/// Used under the machine lock.
package final class MachineAttachmentHost: AttachmentHost {
  private let accelerator: any Accelerator
  private let addressSpace: AddressSpace
  private let tracer: Tracer
  private let diagnostics: Diagnostics
  private var listeners: [DMAListener] = []

  package init(
    accelerator: any Accelerator, addressSpace: AddressSpace, tracer: Tracer,
    diagnostics: Diagnostics
  ) {
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
      addressSpace.unregister(listener)
      throw failure
    }
    listeners.append(listener)
  }

  package func disconnect(_ container: any DMAContainer) {
    guard let index = listeners.firstIndex(where: { $0.container === container }) else { return }
    addressSpace.unregister(listeners.remove(at: index))
  }
}
