import Glibc

/// A file with a guest's code in it, for protected mode with flat segments, while this value is there.
final class TinyPayload {
  let path: String

  /// Whether KVM is there to run it.
  static let canRun = unsafe access("/dev/kvm", R_OK | W_OK) == 0

  /// Writes a multiboot image of 32-bit code.
  init(_ code: [UInt8]) throws {
    // Magic, addresses given, checksum; header, load, end of load, end of data, entry.
    let words: [UInt32] = [
      0x1bad_b002, 0x1_0000, 0 &- 0x1bad_b002 &- 0x1_0000, 0x10_0000, 0x10_0000, 0, 0, 0x10_0020,
    ]
    let bytes =
      words.flatMap { word in (0..<4).map { UInt8(truncatingIfNeeded: word >> (8 * $0)) } } + code
    path = "\(Checkout.root)/.build/payload-\(UInt64.random(in: 0 ... .max))"
    let file = unsafe open(path, O_WRONLY | O_CREAT | O_EXCL, 0o600)
    let count = unsafe write(file, bytes, bytes.count)
    close(file)
    guard count == bytes.count else { throw Unexpected() }
  }

  deinit { _ = unsafe unlink(path) }
}
