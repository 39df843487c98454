package import HostKernel
package import Hypervisor
package import Tracing

/// What an assigned function needs around it. One for each machine; used under the machine lock.
package final class FunctionEnvironment {
  package let kernel: any HostKernel
  package let tracer: Tracer
  package let diagnostics: Diagnostics
  package let addressSpace: AddressSpace
  package let accelerator: any Accelerator
  package let events: any EventSources
  package let flow: VFIOFlow

  package init(
    kernel: any HostKernel, tracer: Tracer, diagnostics: Diagnostics, addressSpace: AddressSpace,
    accelerator: any Accelerator, events: any EventSources, flow: VFIOFlow
  ) {
    self.kernel = kernel
    self.tracer = tracer
    self.diagnostics = diagnostics
    self.addressSpace = addressSpace
    self.accelerator = accelerator
    self.events = events
    self.flow = flow
  }
}

/// The guest's place for a function: its interrupt wiring and what kind of bus it sits on.
///
/// Used under the machine lock.
package protocol FunctionPlace: AnyObject {
  /// The line that a pin (0 for INTA) is wired to now.
  func route(ofPin pin: Int) -> InterruptRoute
  /// Drives a pin's line.
  func setLine(ofPin pin: Int, level: Bool)
}
