import EventLoop
import Glibc
import Testing

/// A client of a UNIX socket, on the same thread as the loop that serves it.
@VMMain final class TestClient {
  private let descriptor: Int32
  private var received: [UInt8] = []
  private var newlineCount = 0
  private(set) var isAtEnd = false

  init(path: String) throws {
    descriptor = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
    let status = unsafe withSocketAddress(path) { unsafe connect(descriptor, $0, $1) }
    try #require(status == 0)
  }

  deinit { close(descriptor) }

  /// Sends as much as there is room for; returns how many bytes that was.
  @discardableResult
  func send(_ text: String) -> Int { send(Array(text.utf8)) }

  @discardableResult
  func send(_ bytes: [UInt8]) -> Int {
    let flags = Int32(MSG_DONTWAIT | MSG_NOSIGNAL)
    return max(unsafe Glibc.send(descriptor, bytes, bytes.count, flags), 0)
  }

  /// Turns the loop until `count` lines, or the end of the stream, have come; returns the lines
  /// without their ends.
  func lines(_ count: Int) -> [String] {
    turnLoop(until: { take() >= count || isAtEnd })
    let pieces = received.split(
      separator: UInt8(ascii: "\n"), maxSplits: count, omittingEmptySubsequences: false)
    let lines = pieces.dropLast()
    received.removeFirst(lines.reduce(0) { $0 + $1.count + 1 })
    newlineCount -= lines.count
    return lines.map { line in
      String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
    }
  }

  /// Turns the loop until the server has let this client go.
  func awaitEnd() {
    turnLoop(until: {
      _ = take()
      received = []
      newlineCount = 0
      return isAtEnd
    })
  }

  /// Takes what is there; returns how many lines are there now.
  private func take() -> Int {
    var block = [UInt8](repeating: 0, count: 1 << 16)
    while !isAtEnd {
      let count = unsafe recv(descriptor, &block, block.count, Int32(MSG_DONTWAIT))
      if count < 0, errno == EAGAIN { break }
      if count <= 0 {
        isAtEnd = true
      } else {
        received += block[..<count]
        newlineCount += block[..<count].count { $0 == UInt8(ascii: "\n") }
      }
    }
    return newlineCount
  }
}

/// Turns the loop until `condition` holds; records an issue when that needs too many turns.
@VMMain func turnLoop(until condition: @VMMain () -> Bool) {
  for _ in 0..<20_000 {
    if condition() { return }
    MainLoop.turn(waiting: false)
  }
  Issue.record("the loop had its turns, and nothing came")
}

/// A new directory of its own, for sockets; removed with what is in it.
final class TestDirectory {
  let path: String

  init() throws {
    var template = Array("/tmp/monitor-XXXXXX".utf8CString)
    let isMade = unsafe mkdtemp(&template) != nil
    try #require(isMade)
    path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
  }

  deinit {
    _ = unsafe unlink(socket)
    _ = unsafe rmdir(path)
  }

  var socket: String { "\(path)/socket" }
}

/// Passes the address of a UNIX socket, whose path must be short enough.
func withSocketAddress<Value>(
  _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Value
) -> Value {
  var address = sockaddr_un()
  address.sun_family = sa_family_t(AF_UNIX)
  unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: path.utf8) }
  return unsafe withUnsafePointer(to: &address) {
    unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
      unsafe body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
    }
  }
}

/// Whether there is a file at `path`.
func exists(_ path: String) -> Bool { unsafe access(path, F_OK) == 0 }
