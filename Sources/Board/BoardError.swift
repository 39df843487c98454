package import Hypervisor
package import SystemPackage

/// Why a board could not be built.
package enum BoardError: Error, Equatable, Sendable {
  /// Guest RAM of this many bytes could not be had.
  case allocateMemory(size: UInt64, GuestRAMError)
  /// The file of `-bios` cannot be used.
  case firmware(path: String, FirmwareFault)

  package enum FirmwareFault: Equatable, Sendable {
    case unreadable(Errno)
    /// Not of a multiple of 64 KiB up to 16 MiB, but of this many bytes.
    case size(UInt64)
  }

  /// A sentence for the user, in QEMU's words, and what to do.
  package var message: String {
    switch self {
    case .allocateMemory(let size, let error):
      """
      \(error.message)
      The guest is to have \(size >> 20) MiB: give it less with -m, or free memory on the host.
      """
    case .firmware(let path, .unreadable(let error)):
      """
      could not load PC BIOS '\(path)'
      The file cannot be read: \(error.description). Give the path of an image that this user may read.
      """
    case .firmware(let path, .size(let size)):
      """
      could not load PC BIOS '\(path)'
      It has \(size) bytes: an image has a multiple of 65536, 16 MiB at most, and ends at 4 GiB.
      """
    }
  }
}
