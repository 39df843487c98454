internal import CLinux
internal import Glibc
internal import HostKernel
package import SystemPackage

/// Writes lines to a descriptor, each whole or not at all.
///
/// A descriptor that takes no more (full, nonblocking, without a reader) never holds the writer up:
/// the rest of a line that it cut comes before the next line, and lines that come meanwhile are
/// counted and left out. Once it takes bytes again, the count and a line `......` stand in their place.
package final class DescriptorSink: TraceSink {
  private let descriptor: Int32
  private let isOwned: Bool
  private let arrears = Locked(Arrears())

  /// What the descriptor did not take.
  private struct Arrears {
    /// The rest of a line that was cut.
    var rest: [UInt8] = []
    /// How many lines were left out since.
    var leftOut = 0

    /// What stands in the place of lines that were left out.
    var note: [UInt8] { Array("lines left out: \(leftOut)\n......\n".utf8) }
  }

  /// Writes to standard error.
  package convenience init() { self.init(borrowing: 2) }

  /// Writes to a descriptor that the caller closes, after the sink has gone.
  package init(borrowing descriptor: Int32) {
    self.descriptor = descriptor
    isOwned = false
  }

  /// Creates or empties a file and writes to it; throws as `open(2)`.
  package init(creating path: String) throws(Errno) {
    let result = unsafe clinux_open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND)
    guard result >= 0 else { throw Errno(rawValue: -result) }
    descriptor = result
    isOwned = true
  }

  deinit {
    arrears.withLock { arrears in
      if finish(&arrears), arrears.leftOut > 0 { _ = unsafe arrears.note.withUnsafeBytes(put) }
    }
    if isOwned { _ = clinux_close(descriptor) }
  }

  package func write(line: Span<UInt8>) {
    unsafe line.withUnsafeBytes { line in
      arrears.withLock { arrears in
        if !finish(&arrears) {
          arrears.leftOut += 1
        } else if arrears.leftOut == 0 {
          unsafe begin(line, &arrears)
        } else {
          // One write, so that a pipe takes the count and the line together or neither.
          unsafe (arrears.note + line).withUnsafeBytes { unsafe begin($0, &arrears) }
        }
      }
    }
  }

  /// Writes what nothing of is written yet, and notes what is not taken.
  private func begin(_ bytes: UnsafeRawBufferPointer, _ arrears: inout Arrears) {
    let count = unsafe put(bytes)
    if count == 0 {
      arrears.leftOut += 1
    } else {
      arrears.leftOut = 0
      unsafe arrears.rest = Array(bytes.dropFirst(count))
    }
  }

  /// Writes the rest of a line that was cut and says whether it is whole now.
  private func finish(_ arrears: inout Arrears) -> Bool {
    guard !arrears.rest.isEmpty else { return true }
    let count = unsafe arrears.rest.withUnsafeBytes { unsafe put($0) }
    arrears.rest.removeFirst(count)
    return arrears.rest.isEmpty
  }

  /// Writes until all is taken or a call fails other than by a signal; says how much was taken.
  private func put(_ bytes: UnsafeRawBufferPointer) -> Int {
    guard let base = bytes.baseAddress else { return 0 }
    var done = 0
    while done < bytes.count {
      let result = unsafe clinux_write(descriptor, base + done, bytes.count - done)
      if result > 0 {
        done += Int(result)
      } else if result != -Int64(EINTR) {
        break
      }
    }
    return done
  }
}
