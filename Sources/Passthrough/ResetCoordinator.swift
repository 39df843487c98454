internal import PCI
internal import SystemPackage
internal import Tracing
package import VFIO

/// Carries out resets of assigned functions: all of them at a machine reset, or one.
///
/// Decisions come from `HotResetPlan` and `FunctionResetPlan`; here they are applied and traced.
/// Used under the machine lock.
package final class ResetCoordinator {
  private let environment: FunctionEnvironment
  private let attacher: DeviceAttacher
  /// Realized functions in the order of their creation.
  package private(set) var functions: [PassthroughFunction] = []

  package init(environment: FunctionEnvironment, attacher: DeviceAttacher) {
    self.environment = environment
    self.attacher = attacher
  }

  /// Takes a realized function into the care of the coordinator.
  package func add(_ function: PassthroughFunction) { functions.append(function) }

  /// Takes a function away from a guest that has let it go, and gives it back to the host: power off
  /// and reset, out of the guest, detached. The place is the caller's to free.
  package func unplug(_ function: PassthroughFunction) {
    function.losePower()
    function.leaveGuest()
    functions.removeAll { $0 === function }
    attacher.detach(function.device)
  }

  /// The global part of a machine reset, before any function's own: every function that depends on a
  /// hot reset starts one, the newest first. Event: `vfio_device_reset_handler`.
  package func resetDependents() {
    guard !functions.isEmpty else { return }
    if environment.flow.announcesResetHandler {
      environment.tracer.emit(.vfioDeviceResetHandler, [])
    }
    for function in functions { function.needsReset = function.ability.needsHotReset }
    let marked = functions.filter(\.needsReset)
    for function in marked.reversed()
    where function.needsReset || environment.flow.resetsDependentsAgain {
      _ = hotReset(function, .multi)
    }
  }

  /// One function's own part of a reset. Events: `vfio_pci_reset` and those of the method.
  package func reset(_ function: PassthroughFunction) {
    let tracer = environment.tracer
    tracer.emit(.vfioPciReset, [.text(function.name)])
    function.prepareForReset()
    var isDone = false
    for attempt in FunctionResetPlan.make(function.ability).attempts where !isDone {
      tracer.emit(
        .swiftvmmResetPlan,
        [.text(function.name), .text(attempt.method.rawValue), .text(attempt.reason)])
      isDone = perform(attempt.method, on: function)
    }
    if !isDone, function.isWantedByHost {
      environment.diagnostics.warningOnce(
        "vfio \(function.name): not reset, since the host holds the device while it waits for it: "
          + "its next driver finds it as the guest left it")
    }
    function.finishReset()
  }

  /// Tries one method and says whether it reset the function.
  private func perform(
    _ method: FunctionResetPlan.Method, on function: PassthroughFunction
  ) -> Bool {
    switch method {
    case .functionReset, .powerManagementReset:
      guard (try? function.device.reset()) != nil else { return false }
      environment.tracer.emit(
        method == .functionReset ? .vfioPciResetFlr : .vfioPciResetPm, [.text(function.name)])
      return true
    case .hotReset:
      return hotReset(function, .one)
    }
  }

  // MARK: - Hot reset

  /// Starts a hot reset of a function and says whether it was done. Events: `vfio_pci_hot_reset` to
  /// `vfio_pci_hot_reset_result`.
  private func hotReset(_ function: PassthroughFunction, _ scope: HotResetPlan.Scope) -> Bool {
    environment.tracer.emit(
      .vfioPciHotReset, [.text(function.name), .text(scope.rawValue)])
    if scope == .multi { function.prepareForReset() }
    defer { if scope == .multi { function.finishReset() } }
    function.needsReset = false
    let info: HotResetInfo
    do throws(Errno) { info = try function.device.hotResetInfo() } catch {
      if !function.ability.hasPMReset {
        environment.diagnostics.error(
          "vfio: Cannot reset device \(function.name), no available reset mechanism.")
        environment.diagnostics.hint(
          "The host reports \(error.description) for a hot reset and the function has no reset of "
            + "its own: it keeps its state until the host is restarted.")
      }
      return false
    }
    let plan = HotResetPlan.make(
      scope, of: member(function), info: info,
      members: functions.enumerated().map { member($1, at: $0) },
      ownedGroups: Set(attacher.openGroups.map { UInt32($0.number) }))
    var isDone = false
    for step in plan.steps { apply(step, to: function, &isDone) }
    if case .notOwned(let blockers) = plan.refusal, !function.ability.hasPMReset {
      report(blockers, of: function)
    }
    return isDone
  }

  private func apply(
    _ step: HotResetPlan.Step, to function: PassthroughFunction, _ isDone: inout Bool
  ) {
    let tracer = environment.tracer
    switch step {
    case .beginList:
      tracer.emit(.vfioPciHotResetHasDepDevices, [.text(function.name)])
    case .list(let address, let identifier):
      let place: [TraceArgument] = [
        .number(address.domain), .number(address.bus), .number(address.device),
        .number(address.function),
      ]
      switch identifier {
      case .group(let number):
        tracer.emit(.vfioPciHotResetDepDevices, place + [.number(number)])
      case .deviceID(let number):
        tracer.emit(.iommufdCdevPciHotResetDepDevices, place + [.number(number)])
      }
    case .quiesce(let index):
      functions[index].prepareForReset()
      functions[index].needsReset = false
    case .reset(let numbers):
      let groups = attacher.openGroups.filter { numbers.contains(UInt32($0.number)) }
      var outcome = "Success"
      do throws(Errno) {
        try function.device.hotReset(groups: groups)
        isDone = true
      } catch {
        outcome = error.description
      }
      tracer.emit(.vfioPciHotResetResult, [.text(function.name), .text(outcome)])
    case .restore(let index):
      functions[index].finishReset()
    }
  }

  /// Names each function that stands in the way, and who has it.
  private func report(_ blockers: [HotResetPlan.Blocker], of function: PassthroughFunction) {
    let names = PCINames()
    for blocker in blockers {
      let path = HostDevicePath(pciAddress: blocker.address.description)
      if let group = blocker.group {
        environment.diagnostics.error(
          "vfio: Cannot reset device \(function.name), "
            + "depends on group \(group) which is not owned.")
      } else {
        environment.diagnostics.error(
          "vfio: Cannot reset device \(function.name), "
            + "depends on device \(blocker.address) which is not owned.")
      }
      let state = path.function(on: environment.kernel).state(names: names)
      environment.diagnostics.hint(
        "\(state) and shares the reset: assign it to this machine too, or leave the function without "
          + "reset.")
    }
  }

  private func member(_ function: PassthroughFunction) -> HotResetPlan.Member {
    member(function, at: functions.firstIndex { $0 === function } ?? 0)
  }

  private func member(_ function: PassthroughFunction, at index: Int) -> HotResetPlan.Member {
    let attachment: HotResetPlan.Attachment =
      switch function.device.attachment {
      case .group(let group): .group(UInt32(group.number))
      case .iommufd(let object, let id): .iommufd(object: object.id, deviceID: id)
      }
    return HotResetPlan.Member(index: index, name: function.name, attachment: attachment)
  }
}
