/// The values of a vIOMMU that a guest has begun to run with; they never change again.
package struct FrozenCapabilities: Equatable, Sendable {
  /// The values and how they came about.
  package private(set) var resolution: Resolution

  /// Freezes a resolution, before the first guest instruction.
  package init(_ resolution: Resolution) { self.resolution = resolution }

  package var values: VIOMMUValues { resolution.values }

  /// Takes in a device that comes late, if it can live with the values, and returns its PASID
  /// capability. A device of the same name is replaced.
  ///
  /// - Throws: `ResolutionError.refused` with every value that it cannot live with; nothing changes
  ///   then.
  @discardableResult
  package mutating func admit(_ device: DeviceFacts) throws(ResolutionError) -> FunctionPASID {
    let refusals = resolution.refusals(of: device, isFrozen: true)
    guard refusals.isEmpty else { throw .refused(refusals) }
    replace(device.name, by: [device])
    return resolution.pasid(of: device)
  }

  /// Forgets a device that has left; the values stay.
  package mutating func remove(_ name: String) { replace(name, by: []) }

  private mutating func replace(_ name: String, by devices: [DeviceFacts]) {
    resolution = Resolution(
      request: resolution.request, machine: resolution.machine,
      devices: (resolution.devices.filter { $0.name != name } + devices)
        .sorted { $0.name < $1.name },
      decisions: resolution.decisions, values: resolution.values)
  }
}
