internal import PCI
internal import Tracing
package import VirtualIOMMU

extension PassthroughFunction {
  /// Offset of the PASID capability that the guest finds; nil when it finds none.
  package var pasidCapability: Int? { emulatedPASID?.offset }

  /// Shows the guest a PASID capability or none, in place of what was shown before.
  ///
  /// To be asked as often as the values of the vIOMMU change, until they are frozen; each time the
  /// place is looked for anew in the chain that set-up made of the host's. The same once more changes
  /// nothing, not even what the guest has written. A host's own PASID capability is never shown. Event:
  /// `vfio_pci_synthesize_pasid_cap`. Throws when there is no place; the guest then finds none.
  package func show(_ pasid: FunctionPASID) throws(PASIDCapabilityRefusal) {
    guard pasid != requestedPASID || emulatedPASID == nil else { return }
    requestedPASID = pasid
    emulatedPASID?.covered.restore(&image)
    emulatedPASID = nil
    guard case .capability(let width, let exec, let privileged) = pasid else { return }
    guard let capability = PASIDCapability(width: width, exec: exec, privileged: privileged) else {
      throw refusal(.width(width))
    }
    guard expressCapability != nil else { throw refusal(.notExpress) }
    do throws(ExtendedCapabilityPlacement.Refusal) {
      let plan = try capability.plan(
        at: options.vpasidCapabilityOffset, in: image, host: hostConfig)
      emulatedPASID = EmulatedPASID(
        offset: plan.offset, covered: ConfigPatch(covering: plan.edits, in: image))
      image.apply(plan.edits)
      environment.tracer.emit(.vfioPciSynthesizePasidCap, [.text(name), .number(plan.offset)])
    } catch {
      let free = try? capability.plan(at: .auto, in: image, host: hostConfig).offset
      throw refusal(.placement(error), free: free)
    }
  }

  private func refusal(
    _ reason: PASIDCapabilityRefusal.Reason, free: Int? = nil
  ) -> PASIDCapabilityRefusal {
    PASIDCapabilityRefusal(
      device: name, place: options.vpasidCapabilityOffset, reason: reason, freeOffset: free)
  }

  /// Does to the control register what any reset of a function does.
  func clearPASIDControl() {
    guard let offset = emulatedPASID?.offset else { return }
    PASIDCapability.clearControl(at: offset, in: &image)
  }
}
