package import Hypervisor
internal import SystemPackage

/// Why a board could not be built.
package enum BoardError: Error, Equatable, Sendable {
  /// Guest RAM of this many bytes could not be had.
  case allocateMemory(size: UInt64, GuestRAMError)

  /// A sentence for the user, in QEMU's words, and what to do.
  package var message: String {
    switch self {
    case .allocateMemory(let size, let error):
      """
      \(error.message)
      The guest is to have \(size >> 20) MiB: give it less with -m, or free memory on the host.
      """
    }
  }
}
