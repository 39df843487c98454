internal import CLinux
internal import Glibc
internal import HostKernel
internal import SystemPackage

/// Which descriptor numbers belong to the simulated host, and to what.
///
/// Each number is a real descriptor of this process, a placeholder, so that it collides with no
/// other and shows in `/proc/self/fd` while it is open.
struct DescriptorTable {
  private var files: [Int32: any OpenFile] = [:]

  subscript(_ descriptor: Int32) -> (any OpenFile)? { files[descriptor] }

  /// What is open, for introspection.
  var all: [(descriptor: Int32, file: any OpenFile)] {
    files.sorted { $0.key < $1.key }.map { (descriptor: $0.key, file: $0.value) }
  }

  /// Gives a file a number.
  mutating func add(_ file: any OpenFile, named name: String) throws(Errno) -> Int32 {
    let descriptor = try MemoryCalls.makeMemoryDescriptor(name: name, size: 0)
    files[descriptor] = file
    return descriptor
  }

  /// Notes a file whose descriptor is real.
  mutating func add(_ file: any OpenFile, as descriptor: Int32) { files[descriptor] = file }

  /// Closes a number and gives what it referred to.
  mutating func remove(_ descriptor: Int32) -> (any OpenFile)? {
    let file = files.removeValue(forKey: descriptor)
    _ = clinux_close(descriptor)
    return file
  }
}
