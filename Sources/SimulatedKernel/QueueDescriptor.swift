internal import CLinux
internal import SystemPackage

/// The real descriptor behind a simulated queue, so that `poll(2)` on it tells what waits in the queue.
final class QueueDescriptor {
  /// What the user polls; it belongs to whoever made this and is closed by the descriptor table.
  let descriptor: Int32
  private let far: Int32

  /// Makes a pair of descriptors, of which the near one can be written, as `poll` says, or not. Throws
  /// the errno of the call, such as `EMFILE`.
  init(isWritable: Bool) throws(Errno) {
    var near: Int32 = -1
    var far: Int32 = -1
    let result = unsafe clinux_pair(isWritable ? 1 : 0, &near, &far)
    guard result == 0 else { throw Errno(rawValue: -result) }
    descriptor = near
    self.far = far
  }

  deinit { _ = clinux_close(far) }

  /// Something waits in the queue.
  var isReadable = false {
    didSet {
      guard isReadable != oldValue else { return }
      var byte: UInt8 = 0
      if isReadable {
        _ = unsafe clinux_write(far, &byte, 1)
      } else {
        _ = unsafe clinux_read(descriptor, &byte, 1)
      }
    }
  }
}
