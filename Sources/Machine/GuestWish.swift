internal import Board
internal import EventLoop
internal import Hypervisor
internal import VirtualIOMMU

/// What a guest asks of the machine, or what its CPUs ran into, from inside an access.
enum GuestWish: Equatable {
  case reset
  case powerOff
  /// A guest's agent wants the guest shut down (`pvpanic`).
  case panicPortShutdown
  /// The guest's state is on its disk.
  case suspendToDisk
  /// The user ends the program by a key of a shared terminal.
  case quit
  /// The program is to end with this status.
  case exit(Int32)
  case panic
  /// The guest panicked and saves a dump by itself.
  case crashLoaded
  /// The guest switched on what the vIOMMU does not do; it must not go on.
  case translation(VTdTranslation)
  /// A CPU cannot go on; the lines say why.
  case internalError(String)
}

/// Carries wishes to the machine, which fulfils them outside the access.
///
/// Used under the machine lock, by CPUs as well.
final class WishBox {
  weak var machine: Machine?

  func ask(_ wish: GuestWish) {
    let machine = machine
    VMMain.assumeIsolated { machine?.note(wish) }
  }
}

/// Turns what happens to CPUs into wishes.
final class CPUWatcher: CPUObserver {
  private let wishes: WishBox

  init(_ wishes: WishBox) { self.wishes = wishes }

  func guestTripleFault(cpu: Int) { wishes.ask(.reset) }

  func guestSystemEvent(cpu: Int, _ event: GuestSystemEvent) {
    switch event {
    case .shutdown: wishes.ask(.powerOff)
    case .reset: wishes.ask(.reset)
    case .crash: wishes.ask(.panic)
    case .other(let number): wishes.ask(.internalError("unknown system event \(number)"))
    }
  }

  func cpuFailed(cpu: Int, _ failure: CPUFailure) { wishes.ask(.internalError(failure.message)) }
}

extension MachineRequests {
  /// Notes what a guest asks for through a port.
  init(_ wishes: WishBox) {
    self.init(
      reset: { wishes.ask(.reset) },
      sleep: { request in
        switch request {
        case .powerOff: wishes.ask(.powerOff)
        case .suspendToDisk: wishes.ask(.suspendToDisk)
        }
      },
      exit: { wishes.ask(.exit($0)) },
      distress: { distress in
        switch distress {
        case .panicked: wishes.ask(.panic)
        case .crashLoaded: wishes.ask(.crashLoaded)
        case .shutdown: wishes.ask(.panicPortShutdown)
        }
      })
  }
}
