internal import CLinux
internal import HostKernel
internal import SystemPackage

/// What users of one device have mapped of its BARs: the registers while these can be reached, else
/// nothing, so that a touch raises `SIGBUS`.
struct BARMappings {
  /// What each mapping shows while the registers can be reached.
  private var requests: [UInt: MappingRequest] = [:]
  private var isReachable = true
  /// A memory file of no bytes, while there are mappings that show it.
  private var emptyFile: Int32?

  /// Maps registers and gives the address.
  mutating func add(_ request: MappingRequest, isReachable: Bool) throws(Errno) -> UInt {
    if requests.isEmpty { self.isReachable = isReachable }
    let address = try MemoryCalls.map(self.isReachable ? request : try hidden(request))
    requests[address] = request
    return address
  }

  /// Forgets a mapping that has gone.
  mutating func remove(_ address: UInt) {
    requests.removeValue(forKey: address)
    guard requests.isEmpty, let file = emptyFile else { return }
    _ = clinux_close(file)
    emptyFile = nil
  }

  /// Has all mappings show the registers, or nothing. One that the process has no memory to change
  /// stays as it is.
  mutating func setReachable(_ isReachable: Bool) {
    guard isReachable != self.isReachable else { return }
    self.isReachable = isReachable
    for (address, request) in requests {
      try? MemoryCalls.replace(address, with: isReachable ? request : try hidden(request))
    }
  }

  /// The same mapping of nothing.
  private mutating func hidden(_ request: MappingRequest) throws(Errno) -> MappingRequest {
    var file = emptyFile ?? -1
    if emptyFile == nil {
      file = try MemoryCalls.makeMemoryDescriptor(name: "unreachable BAR", size: 0)
      emptyFile = file
    }
    var hidden = request
    hidden.descriptor = file
    hidden.offset = 0
    return hidden
  }
}
