internal import CommandLine
internal import VirtualIOMMU

/// The vIOMMU of a machine: what was asked of it, what is assigned, and the values that come of both.
///
/// Values follow the devices until they are frozen, before the first guest instruction; after that a
/// device lives with them or is refused.
struct GuestIOMMU {
  /// The option as written, for messages.
  let option: String
  private let request: VIOMMURequest
  private let machine: VIOMMUMachine
  private var state: State
  /// Why a function that could have a PASID capability shows none, by the function's name.
  var missingPASIDs: [String: String] = [:]

  private enum State {
    case open(Resolution)
    case frozen(FrozenCapabilities)
  }

  /// A vIOMMU without devices. Throws when the properties do not go together.
  init(_ device: IntelIOMMUDevice, machine: VIOMMUMachine) throws(ResolutionError) {
    option = device.optionText
    request = device.properties.request
    self.machine = machine
    state = .open(try Resolver.resolve(request, devices: [], machine: machine))
  }

  /// The values and how they came about.
  var resolution: Resolution {
    switch state {
    case .open(let resolution): resolution
    case .frozen(let frozen): frozen.resolution
    }
  }

  var isFrozen: Bool {
    switch state {
    case .open: false
    case .frozen: true
    }
  }

  /// Whether a device that comes now may find PASIDs offered: its page table has to be one beside which
  /// they can be attached.
  var mayOfferPASIDs: Bool {
    switch state {
    case .open: request[.pasidWidth] != 0
    case .frozen(let frozen): frozen.values.pasidWidth > 0
    }
  }

  /// What monitors show.
  var report: CapabilityReport {
    switch state {
    case .open(let resolution): CapabilityReport(resolution, missingPASIDs: missingPASIDs)
    case .frozen(let frozen): CapabilityReport(frozen, missingPASIDs: missingPASIDs)
    }
  }

  /// Takes in a device; nothing has changed when it is refused.
  mutating func add(_ device: DeviceFacts) throws(ResolutionError) {
    switch state {
    case .open(let resolution):
      let others = resolution.devices.filter { $0.name != device.name }
      state = .open(
        try Resolver.resolve(request, devices: others + [device], machine: machine))
    case .frozen(var frozen):
      try frozen.admit(device)
      state = .frozen(frozen)
    }
  }

  /// Forgets a device that has left.
  mutating func remove(_ name: String) {
    missingPASIDs[name] = nil
    switch state {
    case .open(let resolution):
      let others = resolution.devices.filter { $0.name != name }
      // What all allow, fewer allow too.
      if let fewer = try? Resolver.resolve(request, devices: others, machine: machine) {
        state = .open(fewer)
      }
    case .frozen(var frozen):
      frozen.remove(name)
      state = .frozen(frozen)
    }
  }

  /// Lets no value change any more.
  mutating func freeze() {
    if case .open(let resolution) = state { state = .frozen(FrozenCapabilities(resolution)) }
  }
}
