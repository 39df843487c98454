import CLinux
import Glibc
import HostKernel
import SystemPackage

/// A host with nothing but KVM on it, which answers from here, writes down what was asked, and fails
/// one call when told to.
final class ScriptedKVM: HostKernel {
  struct State {
    var calls: [String] = []
    var openDescriptors: Set<Int32> = []
    var nextDescriptor: Int32 = 100
    var failingCall: Int?
    var error: Errno = .ioError
    var version: Int32 = 12
    var absentCapability: Int32?
    var slotCount: Int32 = 32764
    var routeCount: Int32 = 4096
  }

  private let state = Locked(State())

  init(_ configure: @Sendable (inout State) -> Void = { _ in }) {
    state.withLock { configure(&$0) }
  }

  var calls: [String] { state.withLock { $0.calls } }
  var openDescriptors: Set<Int32> { state.withLock { $0.openDescriptors } }

  func forgetCalls() { state.withLock { $0.calls = [] } }

  /// Makes the call that comes after `count` more calls fail.
  func failCall(after count: Int, with error: Errno) {
    state.withLock {
      $0.failingCall = $0.calls.count + count
      $0.error = error
    }
  }

  private func call(_ text: String) throws(Errno) {
    let error: Errno? = state.withLock { state in
      state.calls.append(text)
      return state.calls.count - 1 == state.failingCall ? state.error : nil
    }
    if let error { throw error }
  }

  private func makeDescriptor() -> Int32 {
    state.withLock { state in
      state.nextDescriptor += 1
      state.openDescriptors.insert(state.nextDescriptor)
      return state.nextDescriptor
    }
  }

  func open(_ path: String, _ access: FileAccess) throws(Errno) -> Int32 {
    try call("open \(path)")
    return makeDescriptor()
  }

  func close(_ descriptor: Int32) {
    state.withLock { _ = $0.openDescriptors.remove(descriptor) }
  }

  func control(
    _ descriptor: Int32, _ request: UInt, _ argument: inout MutableRawSpan
  ) throws(Errno) -> Int32 {
    guard openDescriptors.contains(descriptor) else { throw .badFileDescriptor }
    var bytes = unsafe argument.withUnsafeMutableBytes { unsafe [UInt8]($0) }
    let words = stride(from: 0, to: bytes.count, by: 4).map { index in
      bytes[index..<index + 4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
    }
    let name = Self.names[request] ?? "?"
    if request == UInt(KVM_SET_DEVICE_ATTR) {
      // The file's number lies behind a pointer, which is different each time.
      let address = UInt(words[4]) | UInt(words[5]) << 32
      let file = unsafe UnsafePointer<Int32>(bitPattern: address)?.pointee ?? -1
      try call("\(name) group \(words[1]) attribute \(words[2]) file \(file)")
    } else if request == UInt(KVM_SET_GSI_ROUTING) {
      // Pins are the same each time: only their number is written down.
      let routes = stride(from: 2, to: words.count, by: 12).map { Array(words[$0..<$0 + 12]) }
      let messages = routes.filter { $0[1] == 2 }.map { route in
        "\(route[0]):" + route[4..<7].map { String($0, radix: 16) }.joined(separator: ",")
      }
      let pins = routes.count { $0[1] == 1 }
      try call("\(name) \(words[0])=\(pins)+\(messages.joined(separator: " "))")
    } else {
      try call("\(name) \(words.map { String($0, radix: 16) }.joined(separator: " "))")
    }
    if request == UInt(KVM_CREATE_DEVICE) {
      bytes[4] = UInt8(truncatingIfNeeded: makeDescriptor())
      let copy = bytes
      unsafe argument.withUnsafeMutableBytes { unsafe $0.copyBytes(from: copy) }
    }
    return 0
  }

  func control(_ descriptor: Int32, _ request: UInt, value: UInt) throws(Errno) -> Int32 {
    guard openDescriptors.contains(descriptor) else { throw .badFileDescriptor }
    try call("\(Self.names[request] ?? "?") \(String(value, radix: 16))")
    switch Int32(request) {
    case KVM_GET_API_VERSION: return state.withLock { $0.version }
    case KVM_CHECK_EXTENSION:
      return state.withLock { state in
        if UInt(bitPattern: Int(state.absentCapability ?? -1)) == value { return 0 }
        switch Int32(value) {
        case KVM_CAP_NR_MEMSLOTS: return state.slotCount
        case KVM_CAP_IRQ_ROUTING: return state.routeCount
        default: return 1
        }
      }
    case KVM_CREATE_VM: return makeDescriptor()
    default: return 0
    }
  }

  private static let names: [UInt: String] = [
    UInt(KVM_GET_API_VERSION): "GET_API_VERSION", UInt(KVM_CREATE_VM): "CREATE_VM",
    UInt(KVM_CHECK_EXTENSION): "CHECK_EXTENSION", UInt(KVM_CREATE_IRQCHIP): "CREATE_IRQCHIP",
    UInt(KVM_SET_TSS_ADDR): "SET_TSS_ADDR",
    UInt(KVM_SET_IDENTITY_MAP_ADDR): "SET_IDENTITY_MAP_ADDR",
    UInt(KVM_SET_USER_MEMORY_REGION): "SET_USER_MEMORY_REGION", UInt(KVM_IRQ_LINE): "IRQ_LINE",
    UInt(KVM_IRQFD): "IRQFD", UInt(KVM_CREATE_DEVICE): "CREATE_DEVICE",
    UInt(KVM_SET_DEVICE_ATTR): "SET_DEVICE_ATTR", UInt(KVM_CREATE_PIT2): "CREATE_PIT2",
    UInt(KVM_ENABLE_CAP): "ENABLE_CAP",
    UInt(KVM_SET_GSI_ROUTING): "SET_GSI_ROUTING", UInt(KVM_SIGNAL_MSI): "SIGNAL_MSI",
  ]

  // Nothing else is on this host.
  func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan, at offset: UInt64
  ) throws(Errno) -> Int { throw .noFunction }
  func write(
    _ descriptor: Int32, from buffer: RawSpan, at offset: UInt64
  ) throws(Errno) -> Int { throw .noFunction }
  func read(
    _ descriptor: Int32, into buffer: inout MutableRawSpan
  ) throws(Errno) -> Int { throw .noFunction }
  func write(_ descriptor: Int32, from buffer: RawSpan) throws(Errno) -> Int {
    throw .noFunction
  }
  func map(_ request: MappingRequest) throws(Errno) -> UInt { throw .noFunction }
  func unmap(address: UInt, length: Int) {}
  func makeEventDescriptor() throws(Errno) -> Int32 { throw .noFunction }
  func status(of path: String) throws(Errno) -> FileStatus { throw .noFunction }
  func entries(of directory: String) throws(Errno) -> [String] { throw .noFunction }
  func link(at path: String) throws(Errno) -> String { throw .noFunction }
  func contents(of path: String) throws(Errno) -> [UInt8] { throw .noFunction }
}
