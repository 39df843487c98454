import CLinux
import Glibc
import HostKernel
import SystemPackage
import TestSupport
import Testing

@testable import VFIOUser

/// A server on a thread of its own, and the client's end of its socket.
final class RunningServer {
  let path: String
  private let stop = TestEvent()
  private let thread: HostThread
  let lines: Lines

  /// What the server had to say.
  final class Lines: Sendable {
    private let all = Locked<[String]>([])
    func add(_ line: String) { all.withLock { $0.append(line) } }
    var texts: [String] { all.withLock { $0 } }
  }

  init(_ address: String = "0000:00:09.0", of file: String = "pasid.yaml", keep: Bool = false)
    throws
  {
    let function = try Hosts.function(address, of: file)
    let path = "/tmp/vfio-user-\(getpid())-\(UInt64.random(in: 0 ... .max)).socket"
    let lines = Lines()
    let stop = stop.descriptor
    let isListening = TestEvent()
    let signal = isListening.descriptor
    self.path = path
    self.lines = lines
    thread = try HostThread(name: "server") {
      do {
        let server = try FunctionServer(function, at: path) { lines.add($0) }
        EventDescriptor.signal(signal)
        server.run(until: stop, keep: keep)
      } catch {
        lines.add("\(error)")
        EventDescriptor.signal(signal)
      }
    }
    var waiting = pollfd(fd: signal, events: Int16(POLLIN), revents: 0)
    _ = unsafe poll(&waiting, 1, -1)
    withExtendedLifetime(isListening) {}
  }

  /// Tells the server to stop and waits for that.
  func end() {
    EventDescriptor.signal(stop.descriptor)
    thread.join()
  }

  /// Waits for a server that ends by itself.
  func wait() { thread.join() }

  var hasSocket: Bool { unsafe access(path, F_OK) == 0 }
}

/// A connection to a server.
final class Connection {
  let socket: Int32

  init(_ server: RunningServer) throws {
    socket = Glibc.socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    unsafe withUnsafeMutableBytes(of: &address.sun_path) {
      unsafe $0.copyBytes(from: server.path.utf8)
    }
    let status = unsafe withUnsafePointer(to: &address) {
      unsafe $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        unsafe connect(socket, $0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
    guard status == 0 else { throw Errno(rawValue: errno) }
  }

  deinit { close(socket) }

  /// Sends bytes; false once the other side has gone.
  @discardableResult
  func send(_ bytes: [UInt8], descriptors: [Int32] = []) -> Bool {
    var done = 0
    while done < bytes.count {
      let count = unsafe bytes.withUnsafeBytes {
        unsafe clinux_send(
          socket, $0.baseAddress! + done, bytes.count - done, descriptors,
          done == 0 ? Int32(descriptors.count) : 0)
      }
      if count == Int64(-EAGAIN) {
        var waiting = pollfd(fd: socket, events: Int16(POLLOUT), revents: 0)
        _ = unsafe poll(&waiting, 1, -1)
      } else if count <= 0 {
        return false
      } else {
        done += Int(count)
      }
    }
    return true
  }

  /// The next message, with the first descriptor that came with it; nil at the end.
  func receive() -> (bytes: [UInt8], descriptor: Int32?)? {
    guard let header = take(16) else { return nil }
    let rest = Int(header.bytes.field(at: 4, as: UInt32.self)) - 16
    guard let payload = take(rest) else { return nil }
    return (header.bytes + payload.bytes, header.descriptor ?? payload.descriptor)
  }

  private func take(_ count: Int) -> (bytes: [UInt8], descriptor: Int32?)? {
    var bytes: [UInt8] = []
    var descriptor: Int32?
    while bytes.count < count {
      var waiting = pollfd(fd: socket, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&waiting, 1, -1)
      var piece = [UInt8](repeating: 0, count: count - bytes.count)
      var descriptors: [Int32] = [-1]
      var number: Int32 = 0
      var isCut: Int32 = 0
      let result = unsafe clinux_receive(
        socket, &piece, piece.count, &descriptors, 1, &number, &isCut)
      guard result > 0 else { return nil }
      if number > 0 { descriptor = descriptors[0] }
      bytes += piece.prefix(Int(result))
    }
    return (bytes, descriptor)
  }

  /// Sends a message and gives its reply.
  func call(
    _ command: UInt16, _ payload: [UInt8] = [], descriptors: [Int32] = []
  ) -> (bytes: [UInt8], descriptor: Int32?)? {
    send(message(command, payload), descriptors: descriptors)
    return receive()
  }
}

@Suite struct ServerTests {
  @Test func aRegionsDescriptorIsTheMemoryOfTheFunction() throws {
    let server = try RunningServer()
    let client = try Connection(server)
    #expect(client.call(1, versionPayload) != nil)
    let request = pack(UInt32(32), UInt32(0), UInt32(2), UInt32(0), UInt64(0), UInt64(0))
    let reply = try #require(client.call(5, request))
    let descriptor = try #require(reply.descriptor)
    defer { close(descriptor) }
    let pattern: [UInt8] = [1, 2, 3, 4]
    #expect(unsafe pwrite(descriptor, pattern, 4, 0x40) == 4)
    let bytes = try #require(client.call(9, pack(UInt64(0x40), UInt32(2), UInt32(4)))).bytes
    #expect(bytes.suffix(4) == pattern[...])
    server.end()
    #expect(!server.hasSocket)
  }

  @Test func messagesArriveInWhateverPiecesTheyAreSent() throws {
    let server = try RunningServer()
    let client = try Connection(server)
    for byte in message(1, versionPayload) { client.send([byte]) }
    #expect(client.receive() != nil)
    // Several in one go, and the replies in their order.
    let read = pack(UInt64(0), UInt32(7), UInt32(4))
    client.send((1...9).flatMap { message(9, read, identifier: $0) })
    for identifier in 1...9 as ClosedRange<UInt16> {
      let reply = try #require(client.receive())
      #expect(reply.bytes.field(at: 0, as: UInt16.self) == identifier)
      #expect(reply.bytes.suffix(4) == [0x34, 0x12, 0x56, 0x56])
    }
    server.end()
  }

  @Test func theServerEndsWithItsClientUnlessItIsToStay() throws {
    let server = try RunningServer()
    do { _ = try Connection(server).call(1, versionPayload) }
    server.wait()
    #expect(!server.hasSocket)

    let staying = try RunningServer(keep: true)
    for _ in 0..<3 {
      let client = try Connection(staying)
      #expect(client.call(1, versionPayload) != nil)
      // Each client finds the function as after power-on.
      let at = pack(UInt64(0x04), UInt32(7), UInt32(2))
      #expect(client.call(9, at)?.bytes.suffix(2) == [0, 0])
      #expect(client.call(10, at + [6, 0]) != nil)
      #expect(client.call(9, at)?.bytes.suffix(2) == [6, 0])
    }
    staying.end()
    #expect(!staying.hasSocket)
  }

  @Test(arguments: [UInt32(0), 15, UInt32(Limit.message) + 1, .max])
  func aLengthThatCannotBeEndsTheConnectionWithAnError(length: UInt32) throws {
    let server = try RunningServer()
    let client = try Connection(server)
    #expect(client.call(1, versionPayload) != nil)
    client.send(pack(UInt16(3), UInt16(9), length, UInt32(0), UInt32(0)))
    let reply = try #require(client.receive())
    #expect(reply.bytes == pack(UInt16(3), UInt16(9), UInt32(16), UInt32(0x21), UInt32(90)))
    #expect(client.receive() == nil)
    server.wait()
    #expect(server.lines.texts.count == 1)
  }

  @Test func moreDescriptorsThanAgreedAreClosedAndRefused() throws {
    let server = try RunningServer()
    let client = try Connection(server)
    #expect(client.call(1, versionPayload) != nil)
    let events = (0..<16).map { _ in TestEvent() }
    let order = pack(UInt32(20), UInt32(0x24), UInt32(2), UInt32(0), UInt32(8))
    // Half of them come with the header, half with the payload.
    let whole = message(8, order)
    client.send(Array(whole.prefix(16)), descriptors: events.map(\.descriptor))
    client.send(Array(whole.dropFirst(16)), descriptors: events.prefix(1).map(\.descriptor))
    let reply = try #require(client.receive())
    #expect(reply.bytes.field(at: 12, as: UInt32.self) == 22)
    let good = client.call(8, order, descriptors: events.prefix(8).map(\.descriptor))
    #expect(good?.bytes.field(at: 8, as: UInt32.self) == 1)
    server.end()
  }

  @Test func anEventUnmasksThePin() throws {
    let server = try RunningServer()
    let client = try Connection(server)
    #expect(client.call(1, versionPayload) != nil)
    let raised = TestEvent()
    let unmask = TestEvent()
    func order(_ flags: UInt32) -> [UInt8] {
      pack(UInt32(20), flags, UInt32(0), UInt32(0), UInt32(1))
    }
    _ = client.call(8, order(0x24), descriptors: [raised.descriptor])
    _ = client.call(8, order(0x14), descriptors: [unmask.descriptor])
    func write(_ offset: UInt64, _ value: UInt32) {
      _ = client.call(10, pack(offset, UInt32(0), UInt32(4), value))
    }
    func waitForInterrupt() -> UInt64 {
      var waiting = pollfd(fd: raised.descriptor, events: Int16(POLLIN), revents: 0)
      _ = unsafe poll(&waiting, 1, -1)
      return raised.take()
    }
    write(0x24, 4)
    write(0x28, 0)
    #expect(waitForInterrupt() == 1)
    EventDescriptor.signal(unmask.descriptor)
    #expect(waitForInterrupt() == 1)
    server.end()
  }

  @Test func aServerWithoutAPlaceToListenSaysSo() throws {
    let function = try Hosts.function("0000:00:06.0", of: "pasid.yaml")
    let path = "/tmp/" + String(repeating: "x", count: 200)
    let error = #expect(throws: ServingError.self) {
      try FunctionServer(function, at: path) { _ in }
    }
    #expect(error?.description.contains("too long") == true)
  }
}
