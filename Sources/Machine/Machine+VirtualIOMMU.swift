internal import CommandLine
internal import Hypervisor
internal import Passthrough
internal import Tracing
internal import VFIO
internal import VirtualIOMMU

extension Machine {
  // MARK: - Building

  /// Makes the vIOMMU that the command line asks for, before any device: its properties have to go
  /// together. Event: `viommu_decision`.
  func makeIOMMU(hasCPUs: Bool, _ wishes: WishBox) throws(MachineError) {
    guard let device = configuration.intelIOMMU else { return }
    let asksToRemap = device.properties.request[.interruptRemapping] == 1
    if asksToRemap, hasCPUs, configuration.interruptController == .kernel {
      throw MachineError(.remappingInKernel, option: device.optionText)
    }
    // Interrupts of a guest that runs are not remapped yet: without guest CPUs there are none, and the
    // registers are those that a test of QEMU sees.
    let machine = VIOMMUMachine(remapsInterrupts: !hasCPUs, hasX2APIC: hasCPUs)
    do throws(ResolutionError) {
      let made = try GuestIOMMU(device, machine: machine)
      trace(made.resolution, after: nil)
      iommu = made
      remappingUnit = RemappingUnit(VTdRegisters(made.resolution.values), on: board) { what in
        wishes.ask(.translation(what))
      }
    } catch {
      for message in error.messages { tracer.emit(.viommuRefused, [.text(message)]) }
      throw MachineError(.viommu(error, iommu: nil), option: device.optionText)
    }
    capabilityReport = iommu?.report
  }

  // MARK: - Devices

  /// Lets the vIOMMU know of a function that was just made, and the function of its PASIDs. Throws when
  /// they cannot live together, with nothing changed. Events: `viommu_device_facts`,
  /// `viommu_decision` and `viommu_function_pasid`, or `viommu_refused`.
  func introduce(_ function: PassthroughFunction) throws(ResolutionError) -> DeviceFacts? {
    guard var iommu else { return nil }
    let facts = function.hardwareFacts
    trace(facts)
    let before = iommu.resolution
    do throws(ResolutionError) { try iommu.add(facts) } catch {
      for message in error.messages { tracer.emit(.viommuRefused, [.text(message)]) }
      throw error
    }
    self.iommu = iommu
    trace(iommu.resolution, after: before)
    return facts
  }

  /// Makes registers, functions and monitors show the values as they are now; to be called after each
  /// change of the functions.
  func applyCapabilities() {
    guard let iommu else { return }
    let resolution = iommu.resolution
    remappingUnit?.capabilities = VTdRegisters(resolution.values)
    for assigned in functions {
      guard let facts = assigned.facts else { continue }
      show(resolution.pasid(of: facts), on: assigned.function)
    }
    capabilityReport = self.iommu?.report
  }

  private func show(_ pasid: FunctionPASID, on function: PassthroughFunction) {
    guard function.requestedPASID != pasid else { return }
    iommu?.missingPASIDs[function.name] = nil
    tracer.emit(.viommuFunctionPasid, [.text(function.name), .text(pasid.text)])
    do throws(PASIDCapabilityRefusal) { try function.show(pasid) } catch {
      // As under QEMU the function goes on without the capability.
      diagnostics.error(error.message)
      diagnostics.hint(error.hint)
      iommu?.missingPASIDs[function.name] = error.cause
      let shown = FunctionPASID.none(.noPlace(error.cause))
      tracer.emit(.viommuFunctionPasid, [.text(function.name), .text(shown.text)])
    }
  }

  /// Forgets a function that has left. Events: `viommu_removed`, `viommu_decision`.
  func forget(_ name: String) {
    guard var iommu else { return }
    let before = iommu.resolution
    tracer.emit(.viommuRemoved, [.text(name)])
    iommu.remove(name)
    self.iommu = iommu
    trace(iommu.resolution, after: before)
    applyCapabilities()
  }

  /// Lets no value change any more; to be called before the first guest instruction. Event:
  /// `viommu_frozen`.
  func freezeCapabilities() throws(MachineError) {
    guard var iommu, !iommu.isFrozen else { return }
    if try updateRemappingTable() { try loadPayload() }
    iommu.freeze()
    self.iommu = iommu
    let registers = VTdRegisters(iommu.resolution.values)
    tracer.emit(
      .viommuFrozen,
      [.word(registers.capability.bits), .word(registers.extendedCapability.bits)])
    applyCapabilities()
  }

  // MARK: - Trace

  private func trace(_ facts: DeviceFacts) {
    let information = facts.information
    tracer.emit(
      .viommuDeviceFacts,
      [
        .text(facts.name), .text(facts.unitName ?? "unknown"),
        .text(information?.unit.name ?? IOMMUTypeData.none.name), .number(facts.addressWidth),
        .number(information?.pasidWidth ?? 0), .word(information?.capabilities.rawValue ?? 0),
      ])
  }

  /// One line for each property that is not decided as before.
  private func trace(_ resolution: Resolution, after before: Resolution?) {
    for decision in resolution.decisions
    where decision != before?.decision(on: decision.property) {
      let property = decision.property
      tracer.emit(
        .viommuDecision,
        [
          .text(property.rawValue), .text(decision.requested.map(property.text) ?? "auto"),
          .text(property.text(decision.effective)),
          .text(
            decision.limiters.isEmpty
              ? "nobody" : decision.limiters.map(\.name).joined(separator: ",")),
        ])
    }
  }
}
