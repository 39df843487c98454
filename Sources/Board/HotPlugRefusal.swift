/// Why a function cannot be plugged or unplugged while the guest runs.
package enum HotPlugRefusal: Error, Equatable, Sendable {
  /// The bus has no hot-pluggable slot.
  case busHasNoHotPlug(String)
  /// The slot's electromechanical interlock is engaged.
  case isLocked
  /// The slot's power indicator blinks.
  case isBusy
  /// The guest was asked less than 5 s ago.
  case isPending

  /// A sentence for the user in QEMU's words; `id` is the function's.
  package func message(id: String) -> String {
    switch self {
    case .busHasNoHotPlug(let bus): "Bus '\(bus)' does not support hotplugging"
    case .isLocked: "slot is electromechanically locked: Device or resource busy"
    case .isBusy: "Hot-unplug failed: guest is busy (power indicator blinking)"
    case .isPending: "Device \(id) is already in the process of unplug"
    }
  }
}
