internal import HostKernel
internal import PCI
internal import SystemPackage

extension SimulatedHost {
  /// The set that a function belongs to: itself alone when it is virtual or on a root bus.
  func resetSet(of function: FunctionState) -> ResetSet {
    guard let bus = bus(of: function), !function.description.isVirtual else {
      return .alone(function.address)
    }
    return bus.reset == .slot ? .slot(bus.address, function.address.device) : .bus(bus.address)
  }

  /// Tries the function's reset methods in order (4.5): `EAGAIN` when it is locked, `ENOTTY` when
  /// none applies.
  func tryFunctionReset(_ function: FunctionState) throws(Errno) {
    guard !function.isLocked else { throw .eagain }
    for method in function.description.resetMethods {
      switch method {
      case .deviceSpecific, .acpi, .flr, .afFLR, .pm:
        guard FunctionReset.missing(for: method, in: function.config) == nil else { continue }
      case .bus, .cxlBus:
        guard isAloneOnBus(function) else { continue }
      }
      function.reset()
      // A function that does not come back lets the kernel try the next method.
      if !function.resetTimesOut { return }
    }
    throw .enotty
  }

  /// A bus or slot reset as a function's own method takes nobody else along.
  private func isAloneOnBus(_ function: FunctionState) -> Bool {
    guard let bus = bus(of: function), bus.reset != .none else { return false }
    return functions.filter { $0.address.busAddress == bus.address }.count == 1
  }

  /// After a last close: resets a whole set that nobody uses when a member still needs it.
  func resetUnused(setOf device: VFIODevice) {
    guard let scope = scope(of: device), scope.isWhole, !scope.isInUse, scope.needsReset else {
      return
    }
    // A locked function keeps its mark and is tried again at the next last close.
    do throws(Errno) { try scope.perform() } catch { return }
  }

  private func scope(of device: VFIODevice) -> ResetScope? {
    do throws(Errno) {
      return try ResetScope(of: device.function, on: self)
    } catch {
      return nil
    }
  }
}
