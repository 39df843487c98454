package import HostKernel
package import Hypervisor
package import Tracing

/// What an assigned function needs around it. One for each machine; used under the machine lock.
package final class FunctionEnvironment {
  package let kernel: any HostKernel
  package let tracer: Tracer
  package let diagnostics: Diagnostics
  /// Guest-physical memory.
  package let addressSpace: AddressSpace
  /// The guest's I/O ports.
  package let ports: AddressSpace
  package let accelerator: any Accelerator
  package let events: any EventSources
  package let flow: VFIOFlow

  package init(
    kernel: any HostKernel, tracer: Tracer, diagnostics: Diagnostics, addressSpace: AddressSpace,
    ports: AddressSpace, accelerator: any Accelerator, events: any EventSources, flow: VFIOFlow
  ) {
    self.kernel = kernel
    self.tracer = tracer
    self.diagnostics = diagnostics
    self.addressSpace = addressSpace
    self.ports = ports
    self.accelerator = accelerator
    self.events = events
    self.flow = flow
  }
}
